"""Two addresses behind one, as a proxy before several API processes gives them: TCP, each connection to one of them in turn."""

import itertools
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress


class Balancer:
    """Passes bytes on; a process that doesn't answer is passed over.

    Attributes:
        port: where it listens.
        served: connections by the port behind.
    """

    def __init__(self, behind: Sequence[int]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self.served: Counter[int] = Counter()
        self._behind, self._turn = list(behind), itertools.count()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Nothing passes any more."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                _end(one)
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            if server is None:
                _end(client)
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._join, args=(client, server), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        at = next(self._turn)
        for port in self._behind[at % len(self._behind) :] + self._behind[: at % len(self._behind)]:
            with suppress(OSError):
                server = socket.create_connection(("127.0.0.1", port), 2)
                server.settimeout(None)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.served[port] += 1
                return server
        return None

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until either end closes; then both are closed, as a process that died closes them."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def balancer(behind: Sequence[int]) -> Iterator[Balancer]:
    """A balancer for as long as the block runs."""
    opened = Balancer(behind)
    try:
        yield opened
    finally:
        opened.close()
