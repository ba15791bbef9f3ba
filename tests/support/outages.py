"""How a node can fail a whole request: by its HTTP, by its connection, or by the frame of its JSON-RPC."""

import json
import socket
import struct
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

PAGE = b"<html>out of order</html>"
DRIP_SECONDS = 0.05


class Outage:
    """One request that waits for its answer.

    Args:
        handler: the connection.
        answers: asks the node: one answer, or the list of a batch's.
        over: whether the fault has ended meanwhile.
    """

    def __init__(self, handler: BaseHTTPRequestHandler, answers: Callable[[], Any], over: Callable[[], bool]) -> None:
        self._handler, self.answers, self.over = handler, answers, over

    def give(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        """One answer; with another `length` than the body's the connection ends behind it."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("content-length", str(len(body) if length is None else length))
        self._handler.end_headers()
        self._handler.wfile.write(body)
        self._handler.close_connection = length is not None

    def frame(self, change: Callable[[Any], Any]) -> None:
        """The node's own answers, put together another way."""
        self.give(200, json.dumps(change(self.answers())).encode())

    def whole(self) -> bytes:
        """The body that an honest node gives."""
        return json.dumps(self.answers()).encode()

    def wait(self, seconds: float = 3_600) -> None:
        """Until the fault is over, or that long."""
        deadline = time.monotonic() + seconds
        while not self.over() and time.monotonic() < deadline:
            time.sleep(0.01)

    def hang(self) -> None:
        """No answer until the fault is over."""
        self.wait()
        self.give(500, PAGE)

    def stall(self) -> None:
        """Half a body, and no more until the fault is over."""
        body = self.whole()
        self._begin(len(body))
        self._handler.wfile.write(body[: len(body) // 2])
        self.wait()
        self._handler.close_connection = True

    def drip(self) -> None:
        """The whole answer, byte by byte, for as long as the fault lasts: each byte comes in time, the last one doesn't."""
        body = self.whole()
        self._begin(len(body))
        for at in range(len(body)):
            if self.over():
                break
            self._handler.wfile.write(body[at : at + 1])
            time.sleep(DRIP_SECONDS)
        self._handler.close_connection = True

    def reset(self) -> None:
        """The connection is reset in the middle of the body."""
        body = self.whole()
        self._begin(len(body))
        self._handler.wfile.write(body[: len(body) // 2])
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.close()
        self._handler.close_connection = True

    def cut(self) -> None:
        """The connection ends in the middle of the body."""
        body = self.whole()
        self.give(200, body[: len(body) // 2], len(body))

    def brief(self) -> None:
        """Content-Length says less than there is."""
        body = self.whole()
        self.give(200, body, len(body) - 2)

    def _begin(self, length: int) -> None:
        self._handler.send_response(200)
        self._handler.send_header("content-length", str(length))
        self._handler.end_headers()


def _each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    return lambda given: [change(answer) for answer in given] if isinstance(given, list) else change(given)


def _error(code: int, message: str) -> Callable[[Any], Any]:
    return _each(lambda answer: {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": code, "message": message}})


def _of_list(change: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda given: change(given) if isinstance(given, list) else given


OUTAGES: dict[str | None, Callable[[Outage], None]] = {
    None: lambda outage: outage.give(200, outage.whole()),
    "error": lambda outage: outage.give(500, PAGE),
    "hang": Outage.hang,
    "stall": Outage.stall,
    "drip": Outage.drip,
    "reset": Outage.reset,
    "cut": Outage.cut,
    "brief": Outage.brief,
    "garbage": lambda outage: outage.give(200, b"{ this is not JSON"),
    "empty": lambda outage: outage.give(200, b""),
    "page": lambda outage: outage.give(200, PAGE, content_type="text/html"),
    "rate": lambda outage: outage.give(429, b"too many requests", retry_after="1"),
    "rate without a word": lambda outage: outage.give(429, b""),
    "unavailable": lambda outage: outage.give(503, PAGE),
    "gateway": lambda outage: outage.give(502, PAGE),
    "code 0": lambda outage: outage.frame(_error(0, "we can't execute this request")),
    "limit": lambda outage: outage.frame(_error(-32005, "daily request count exceeded, request rate limited")),
    "single error": lambda outage: outage.give(200, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"internal"}}'),
    "null": lambda outage: outage.give(200, b"null"),
    "no results": lambda outage: outage.frame(_each(lambda answer: {"jsonrpc": "2.0", "id": answer["id"]})),
    "null results": lambda outage: outage.frame(_each(lambda answer: answer | {"result": None})),
    "wrong ids": lambda outage: outage.frame(_each(lambda answer: answer | {"id": answer["id"] + 1_000_000})),
    "one id for all": lambda outage: outage.frame(_of_list(lambda given: [answer | {"id": given[0]["id"]} for answer in given])),
    "reordered": lambda outage: outage.frame(_of_list(lambda given: given[::-1])),
    "short": lambda outage: outage.frame(_of_list(lambda given: given[:5])),
    "none of the batch": lambda outage: outage.frame(_of_list(lambda given: [])),
}
"""Every way by its name; the first is none."""
