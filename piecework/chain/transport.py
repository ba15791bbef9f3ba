"""One HTTP POST after the other over connections that are kept open: what JSON-RPC needs, as fast as the standard library can."""

import http.client
import io
import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from piecework.domain.errors import Invalid, Unavailable

PIECE_BYTES = 1 << 18
MOST_BYTES = 1 << 28
"""An answer that is longer is none; it would fill the memory."""


class NoReply(Unavailable):
    """No whole answer came.

    Attributes:
        kind: "connection", "timeout", "cut" (it ended in the middle) or "not http".
    """

    def __init__(self, sentence: str, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        retry_after: that header's text, None if there is none.
    """

    status: int
    body: bytes
    retry_after: str | None


class Transport:
    """One address. Safe to share between threads: each request has a connection of its own.

    Args:
        url: http:// or https://, with the path that requests go to.
        timeout_seconds: how long an answer may take from the first byte that is sent to the last that comes; a node that drips
            can't stretch it.

    Raises:
        Invalid: another kind of address.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._idle: list[http.client.HTTPConnection] = []
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(f"A chain's address starts with http:// or https:// and names a host; this one starts with {url[:8]!r}.")
        self._secure, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout_seconds
        self.place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def post(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        """The answer to a JSON body, whatever its status.

        Args:
            timeout_seconds: for this one; the transport's own unless given.

        Raises:
            NoReply: see there.
        """
        deadline = time.monotonic() + min(self._timeout, timeout_seconds or self._timeout)
        connection = self._connection()
        try:
            reply = self._exchange(connection, body, deadline)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError | http.client.HTTPException):
                raise self._no_reply(error) from error
            raise
        return reply

    def close(self) -> None:
        """Ends the connections that wait for the next request."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, deadline: float) -> Reply:
        if connection.sock is None:
            connection.timeout = max(0.001, deadline - time.monotonic())
            connection.connect()
            connection.sock = _Hurried(connection.sock)
        connection.sock.deadline = deadline
        connection.request("POST", self._target, body, {"content-type": "application/json", "accept": "application/json"})
        response = connection.getresponse()
        with response:
            content = _read(response)
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return Reply(response.status, content, response.getheader("retry-after"))

    def _connection(self) -> http.client.HTTPConnection:
        """One that is open and that the other side hasn't closed meanwhile, or a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if not _is_readable(connection):
                return connection
            connection.close()
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, context=ssl.create_default_context())
        return http.client.HTTPConnection(self._host, self._port)

    def _no_reply(self, error: Exception) -> NoReply:
        kind = "connection"
        if isinstance(error, TimeoutError):
            kind = "timeout"
        elif isinstance(error, http.client.IncompleteRead):
            kind = "cut"
        elif isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
            kind = "not http"
        return NoReply(f"No chain answers at {self.place} ({type(error).__name__}).", kind)


class _Hurried:
    """A socket that gives up when a moment has come, however lively it drips until then.

    Attributes:
        deadline: that moment, on the monotonic clock.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket, self.deadline = connected, 0.0

    def sendall(self, content: bytes) -> None:
        self.hurry()
        self._socket.sendall(content)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self, self._socket.makefile(mode, buffering=0)))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def hurry(self) -> None:
        """Leaves the next step no more time than there is."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


class _Incoming(io.RawIOBase):
    """What comes in through such a socket; it stays readable when the socket is closed before it, as `http.client` does."""

    def __init__(self, owner: _Hurried, raw: Any) -> None:
        self._owner, self._raw = owner, raw

    def readinto(self, buffer: Any) -> Any:
        self._owner.hurry()
        return self._raw.readinto(buffer)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()


def _read(response: http.client.HTTPResponse) -> bytes:
    """The body: in one go where its length is known, or else piece by piece."""
    if response.length is not None and response.length <= MOST_BYTES:
        return response.read()
    pieces, size = [], 0
    while size <= MOST_BYTES and (piece := response.read1(PIECE_BYTES)):
        pieces.append(piece)
        size += len(piece)
    if size > MOST_BYTES:
        raise http.client.HTTPException("endless")
    return b"".join(pieces)


def _is_readable(connection: http.client.HTTPConnection) -> bool:
    """Whether there is something to read where nothing was asked: the other side has closed, or talks out of turn."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
