"""/health, /ready, /status and /metrics: what an orchestrator, a person and Prometheus ask of a running indexer.

/health  200 while the loop is alive, 503 when a restart might help (silent for too long, or stalled).
/ready   200 when the mirror is level with the chain, 503 with the reason while it isn't, and on a halt.
/status  200 with everything as JSON.
/metrics 200 with the same numbers for Prometheus.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from indexer.metrics import render
from indexer.standing import Standing
from piecework.domain.errors import Conflict
from piecework.operation.exposition import CONTENT_TYPE

PATIENCE_SECONDS = 10
"""How long a client may take to say what it wants; it holds up its own thread only."""


@contextmanager
def served(standing: Standing, host: str, port: int) -> Iterator[str]:
    """Answers in threads of its own for as long as the block runs; gives the address.

    Raises:
        Conflict: the port is taken, or can't be used.
    """
    try:
        server = _Server((host, port), _handler(standing))
    except OSError as error:
        raise Conflict(
            f"Port {port} on {host} can't be used ({error.strerror}); choose another PIECEWORK_INDEXER_PORT, or 0 for any free one."
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no news."""


def answer(standing: Standing, path: str) -> tuple[int, str, str]:
    """Status, content type and body of what is asked for."""
    if path == "/metrics":
        return 200, CONTENT_TYPE, render(standing)
    if path == "/health":
        return _verdict("alive", standing.sick())
    if path == "/ready":
        return _verdict("ready", standing.unready())
    if path == "/status":
        return 200, "application/json", json.dumps(standing.report()) + "\n"
    return 404, "text/plain", "There are /health, /ready, /status and /metrics.\n"


def _verdict(word: str, wrong: str | None) -> tuple[int, str, str]:
    said = {word: wrong is None, "detail": wrong or "All is well."}
    return 503 if wrong else 200, "application/json", json.dumps(said) + "\n"


def _handler(standing: Standing) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE_SECONDS

        def do_GET(self) -> None:
            status, kind, text = answer(standing, self.path.partition("?")[0])
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """A scrape every few seconds is no news."""

    return Handler
