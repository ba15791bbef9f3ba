"""A wire that breaks: a TCP proxy before PostgreSQL (or anything else), which a test cuts, mutes, or has swallow one answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

COMMITTED = b"COMMIT\x00"
"""How PostgreSQL says that a transaction is in."""


class Relay:
    """Carries bytes between whoever connects and the server.

    Attributes:
        port: where it listens on 127.0.0.1.
        lose: bytes of the server's at whose sight the wire breaks before they arrive, once; None for a whole wire.
        lost: how often that came to pass.
        before: bytes of a client's, and what is done at their sight before they are passed on, once.
        silent: whether what the server says is thrown away.
        closed: whether nobody new gets through.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.lose: bytes | None = None
        self.before: tuple[bytes, Callable[[], object]] | None = None
        self.lost, self.silent, self.closed = 0, False, False
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> int:
        """Breaks every wire that there is; returns how many ends."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _close(end)
        return len(ends)

    def close(self) -> None:
        """Ends it with all its wires."""
        self.closed = True
        _close(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.closed:
                _close(near)
                continue
            try:
                far = self._connect()
            except OSError:
                _close(near)
                continue
            with self._lock:
                self._ends |= {near, far}
            for source, sink, server in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._carry, args=(source, sink, server), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket, server: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                if server and self.lose is not None and self.lose in piece:
                    self.lose, self.lost = None, self.lost + 1
                    break
                if not server and self.before is not None and self.before[0] in piece:
                    act, self.before = self.before[1], None
                    act()
                if not (server and self.silent):
                    sink.sendall(piece)
        _close(source)
        _close(sink)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def relay(connect: Callable[[], socket.socket]) -> Iterator[Relay]:
    """A relay for as long as the block runs."""
    opened = Relay(connect)
    try:
        yield opened
    finally:
        opened.close()


def to_postgres(database_url: str) -> tuple[Callable[[], socket.socket], Callable[[int], str]]:
    """How to reach the server behind a URL of `tests.support.postgres`, and the URL of the same database at a port."""
    database, _, folder = database_url.partition("@/")[2].partition("?host=")

    def connect() -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        end.connect(f"{folder}/.s.PGSQL.5432")
        return end

    return connect, lambda port: f"postgresql+psycopg://postgres@127.0.0.1:{port}/{database}"


def to_port(port: int) -> Callable[[], socket.socket]:
    """How to reach a server on this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port))
