"""`python -m backend`: the coordinator as one process, told everything by PIECEWORK_… variables."""

import gc

if __name__ == "__main__":
    gc.disable()  # until it serves: looking through the modules over and over while they come is a fifth of the start

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Loaded while there is one thread, though only some answers need it. It makes a class that is both a Sequence and a Mapping, and a
# thread that asks in that moment whether a tuple is a Mapping makes each tuple one for good (python/cpython#116093): then nothing can be
# signed any more.
import pyarrow.lib  # noqa: F401
import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from backend.app import serve
from backend.services.coordinator import Coordinator
from backend.services.sparing import spare_modules
from backend.settings import Settings, read_settings
from piecework.chain.rpc import RpcUnavailable
from piecework.domain.errors import Conflict, PieceworkError
from piecework.operation import journal

log = logging.getLogger("backend")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

SHUTDOWN_SECONDS = 3
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter while the other waits: the loop and the writer hand work to each other thousands
of times a second, and the usual 5 ms would be most of each request."""


class Server(uvicorn.Server):
    """A server for which SIGTERM and SIGINT are a wish, not an accident: it ends with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def main() -> int:
    """Serves until told to end; 0 for an orderly end, 2 with one sentence on stderr where it can't begin."""
    log_format = os.environ.get("PIECEWORK_LOG_FORMAT", "text")  # settings that are wrong are said in the same format
    journal.start(log_format, "backend", TEXT)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = read_settings()
        listener = listen(settings)
        application = serve(_services(settings, listener))
    except PieceworkError as error:
        return _refused(error.sentence, log_format)
    except SQLAlchemyError as error:
        return _refused(f"The database at PIECEWORK_DATABASE_URL can't be used: {error.__cause__ or error}", log_format)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
        server_header=False,
        proxy_headers=False,
    )
    spare_modules()
    gc.enable()
    log.info("listening on http://%s:%d", *listener.getsockname()[:2], extra={"event": "listening"})
    Server(config).run([listener])
    return 0


def _refused(sentence: str, log_format: str) -> int:
    if log_format == "json":
        log.error("%s", sentence, extra={"event": "ended"})
    else:
        print(sentence, file=sys.stderr)
    return 2


def listen(settings: Settings) -> socket.socket:
    """The socket to serve from.

    Raises:
        Conflict: the port is taken, or can't be used.
    """
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=2048)
        # asyncio turns Nagle's algorithm off only for sockets that call themselves TCP, and the ones that this one accepts call
        # themselves what it does. Without, the kernel holds each answer's second packet back for 40 ms.
        return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, listener.detach())
    except OSError as error:
        raise Conflict(
            f"Port {settings.port} on {settings.host} can't be used ({error.strerror}); choose another PIECEWORK_PORT."
        ) from None


def _services(settings: Settings, listener: socket.socket) -> Coordinator:
    host, port = settings.host, listener.getsockname()[1]
    services = Coordinator(settings, settings.public_url or f"http://{host}:{port}")
    try:
        services.deployment.check(services.rpc)
    except RpcUnavailable as error:
        log.warning("%s Receipts work without it; settlements wait.", error.sentence)
    return services


if __name__ == "__main__":
    sys.exit(main())
