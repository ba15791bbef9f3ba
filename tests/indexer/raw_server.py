"""An HTTP server that says, byte for byte, what a test tells it to, so that nothing between test and client mends it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[[socket.socket, bytes], bool]
"""(connection, the request's body) → whether the connection stays open."""


class RawServer:
    """Attributes:
    url: where it listens.
    script: what it does with a request.
    connections, requests: how many there were.
    """

    def __init__(self, script: Script) -> None:
        self.script, self.connections, self.requests = script, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends everything, in the middle of it if need be."""
        for connection in [self._listener, *self._open]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as incoming:
            while line := incoming.readline():
                length = 0
                while line.strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                    line = incoming.readline()
                body = incoming.read(length)
                self.requests += 1
                if not self.script(connection, body):
                    return


def saying(*parts: bytes, stay: bool = True) -> Script:
    """Answers every request with these bytes."""

    def script(connection: socket.socket, body: bytes) -> bool:
        for part in parts:
            connection.sendall(part)
        return stay

    return script


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole response."""
    given = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


@contextmanager
def raw_server(script: Script) -> Iterator[RawServer]:
    """A server for as long as the block runs."""
    server = RawServer(script)
    try:
        yield server
    finally:
        server.close()
