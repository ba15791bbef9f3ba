"""A gate before a chain's node that stops one method, before or after the node has seen it, so that a test can kill the caller
exactly there."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3


class Gate(ThreadingHTTPServer):
    """Forwards JSON-RPC to `upstream`.

    Attributes:
        url: where it listens.
        stops: the method that is stopped, None for none; the first call of it waits, its answer or itself never arrives.
        sent: whether the stopped call reaches the node first.
        reached: set when a call has been stopped.
        away: while True nothing is answered.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.url = upstream, f"http://127.0.0.1:{self.server_address[1]}"
        self.pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)
        self.stops: str | None = None
        self.sent = self.away = self.forward = False
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.calls: list[str] = []

    def stop_at(self, method: str, sent: bool) -> None:
        """From now on stops that method."""
        self.reached.clear()
        self.go_on.clear()
        self.sent, self.stops = sent, method

    def open(self, forward: bool = False) -> None:
        """Stops nothing any more; what is stopped is dropped, or with `forward` let through."""
        self.stops, self.forward = None, forward
        self.go_on.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def do_POST(self) -> None:
        gate, body = self.server, self.rfile.read(int(self.headers["content-length"]))
        request = json.loads(body)
        methods = [call["method"] for call in (request if isinstance(request, list) else [request])]
        gate.calls += methods
        if gate.away:
            self.close_connection = True
            return
        if gate.stops in methods:
            answer = self._forward(body) if gate.sent else b""
            gate.reached.set()
            gate.go_on.wait(60)
            if not gate.forward:
                self.close_connection = True
                return
            self._give(answer or self._forward(body))
            return
        self._give(self._forward(body))

    def _forward(self, body: bytes) -> bytes:
        gate = self.server
        headers = {"content-type": "application/json"}
        return gate.pool.request("POST", gate.upstream, body=body, headers=headers).data

    def _give(self, answer: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""


@contextmanager
def gate(upstream: str) -> Iterator[Gate]:
    """A gate for as long as the block runs."""
    opened = Gate(upstream)
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        opened.open()
        opened.shutdown()
        thread.join()
        opened.server_close()
