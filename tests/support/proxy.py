"""A node that lies: an HTTP proxy before a real one, which a test tells what to change in the answers."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3


@dataclass(frozen=True)
class Refusal:
    """An answer that is a JSON-RPC error."""

    code: int
    message: str


Tamper = Callable[[str, list[Any], Any], Any]
"""(method, params, the node's result) → the result that is given, or a `Refusal`."""


class Proxy:
    """Forwards JSON-RPC to `upstream`.

    Attributes:
        url: where it listens.
        upstream: the node behind it; set another one and a new request goes there.
        tamper: changes results; None for an honest node.
        fault: what happens to whole requests: None, or "error" (HTTP 500 with HTML), "hang" (no answer until the fault is
            over), "cut" (the connection ends in the middle of the body), "garbage" (no JSON), "short" (no more than five answers).
        calls: how often each method was asked.
    """

    def __init__(self, upstream: str) -> None:
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)
        self.upstream = upstream
        self.tamper: Tamper | None = None
        self.fault: str | None = None
        self.calls: Counter[str] = Counter()
        self.closing = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, body: bytes) -> bytes:
        """What is given for a request's body."""
        request = json.loads(body)
        single = isinstance(request, dict)
        calls = {call["id"]: call for call in ([request] if single else request)}
        self.calls.update(call["method"] for call in calls.values())
        response = self._pool.request("POST", self.upstream, body=body, headers={"content-type": "application/json"})
        given = json.loads(response.data)
        answers = [self._tampered(calls[answer["id"]], answer) for answer in ([given] if single else given)]
        answers = answers[:5] if self.fault == "short" else answers
        return json.dumps(answers[0] if single else answers).encode()

    def _tampered(self, call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if self.tamper is None or "result" not in answer:
            return answer
        result = self.tamper(call["method"], call["params"], answer["result"])
        kept = {"jsonrpc": "2.0", "id": answer["id"]}
        if isinstance(result, Refusal):
            return kept | {"error": {"code": result.code, "message": result.message}}
        return kept | {"result": result}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fault = proxy.fault
            if fault == "hang":
                while proxy.fault == "hang" and not proxy.closing.wait(0.05):
                    pass
            if fault in ("error", "hang"):
                return self._give(500, b"<html>out of order</html>")
            if fault == "garbage":
                return self._give(200, b"{ this is not JSON")
            answer = proxy.answer(body)
            self._give(200, answer[: len(answer) // 2] if fault == "cut" else answer, len(answer))

        def _give(self, status: int, body: bytes, length: int | None = None) -> None:
            self.send_response(status)
            self.send_header("content-length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = length is not None and length != len(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy for as long as the block runs."""
    opened = Proxy(upstream)
    thread = threading.Thread(target=opened.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        opened.closing.set()
        opened.server.shutdown()
        thread.join()
        opened.server.server_close()
