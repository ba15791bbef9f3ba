"""A node that lies or breaks: an HTTP proxy before a real one, which a test tells what to change in the answers."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from tests.support import outages


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
        fault: what happens to whole requests: None, one of the names in `outages.OUTAGES`, or a function that says which of them
            (or None) each request meets.
        calls: how often each method was asked.
        met: how many requests each fault has met.
    """

    def __init__(self, upstream: str) -> None:
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)
        self.upstream = upstream
        self.tamper: Tamper | None = None
        self.fault: str | Callable[[], str | None] | None = None
        self.calls: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.closing = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answers(self, body: bytes) -> Any:
        """What is given for a request's body: one answer, or a list of them."""
        request = json.loads(body)
        single = isinstance(request, dict)
        calls = {call["id"]: call for call in ([request] if single else request)}
        self.calls.update(call["method"] for call in calls.values())
        response = self._pool.request("POST", self.upstream, body=body, headers={"content-type": "application/json"})
        given = json.loads(response.data)
        answers = [self._tampered(calls[answer["id"]], answer) for answer in ([given] if single else given)]
        return answers[0] if single else answers

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
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fault = proxy.fault
            name = fault() if callable(fault) else fault
            if name is not None:
                proxy.met[name] += 1
            outage = outages.Outage(self, lambda: proxy.answers(body), lambda: proxy.closing.is_set() or proxy.fault is None)
            outages.OUTAGES[name](outage)

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
