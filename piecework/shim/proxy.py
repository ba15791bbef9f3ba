"""A CONNECT proxy on this machine only: some hosts' connections end here and go on to the marketplace, all others pass through.

The bytes inside are not changed, the Host header least of all: it is under the caller's signature.
"""

import asyncio
import re
import ssl
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from fnmatch import fnmatch
from urllib.parse import urlsplit

HOSTS = ("mturk-requester.us-east-1.amazonaws.com", "mturk-requester-sandbox.us-east-1.amazonaws.com")
LONGEST_HEAD = 16_384
CHUNK = 65_536
_CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.\-]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5}) HTTP/1\.[01]\r\n")


class Proxy:
    """The proxy; use it as an async context manager.

    Args:
        market: the marketplace's URL.
        context: TLS of the hosts that are stood in for.
        hosts: which those are; `*` stands for anything.
    """

    def __init__(self, market: str, context: ssl.SSLContext, hosts: tuple[str, ...] = HOSTS) -> None:
        parts = urlsplit(market)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._market = (parts.hostname or "127.0.0.1", parts.port or (443 if self._tls else 80))
        self._context, self._hosts = context, hosts
        self._under_way: set[asyncio.Task[None]] = set()
        self.redirected = 0
        """Connections that went to the marketplace."""

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=LONGEST_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @property
    def url(self) -> str:
        """What HTTPS_PROXY should say."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side hung up, or never spoke HTTP: the other side sees its connection end, as without a proxy
        finally:
            self._under_way.discard(task)
            writer.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _CONNECT.match(head)
        if found is None:
            await _say(writer, "405 Method Not Allowed", "This proxy takes CONNECT only.")
            return
        host, port = found[1].decode().strip("[]").lower(), int(found[2])
        stands_in = port == 443 and any(fnmatch(host, pattern) for pattern in self._hosts)
        try:
            far_reader, far_writer = await self._open(host, port, stands_in)
        except OSError as error:
            await _say(writer, "502 Bad Gateway", f"{host}:{port} can't be reached: {error}.")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        if stands_in:
            self.redirected += 1
            await writer.start_tls(self._context)
        await _join(reader, writer, far_reader, far_writer)

    async def _open(self, host: str, port: int, stands_in: bool) -> tuple[StreamReader, StreamWriter]:
        if not stands_in:
            return await asyncio.open_connection(host, port)
        return await asyncio.open_connection(*self._market, ssl=self._tls, server_hostname=self._market[0] if self._tls else None)


async def _join(reader: StreamReader, writer: StreamWriter, far_reader: StreamReader, far_writer: StreamWriter) -> None:
    """Carries bytes both ways until either side ends."""
    ways = [asyncio.create_task(_carry(reader, far_writer)), asyncio.create_task(_carry(far_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        far_writer.close()


async def _carry(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _say(writer: StreamWriter, status: str, sentence: str) -> None:
    body = sentence.encode()
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    with suppress(OSError):
        await writer.drain()
