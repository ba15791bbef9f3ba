"""The load: workers that accept, commit (and wait for the receipt) and reveal, each over a connection of its own.

The requests are written as bytes and the answers are searched, not parsed, because the load shares the machine with what it
measures. Every answer's status is looked at.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from piecework.domain.content import commitment
from piecework.domain.errors import Unavailable

_FOUND = re.compile(rb'"id":"(0x[0-9a-f]+)".*?"slot":(\d+)', re.DOTALL)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Hand:
    """A worker that is signed in: its address, its token, and the port that it works at."""

    address: str
    token: str
    port: int


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._parts = bytearray()
        self._wanted = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(Unavailable("The coordinator hung up."))

    def data_received(self, data: bytes) -> None:
        self._parts += data
        if not self._wanted and (end := self._parts.find(b"\r\n\r\n")) > 0:
            length = _LENGTH.search(self._parts, 0, end)
            self._wanted = end + 4 + (int(length[1]) if length else 0)
        if self._wanted and len(self._parts) >= self._wanted and self._answer:
            answer, self._wanted = bytes(self._parts), 0
            self._parts.clear()
            self._answer.set_result(answer)

    async def post(self, head: bytes, path: str, body: bytes) -> bytes:
        """The answer to a request, head and body.

        Raises:
            Unavailable: it isn't 200 or 201.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (path.encode(), head, len(body), body))
        answer = await self._answer
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise Unavailable(f"{path}: {answer.decode()}")
        return answer

    def close(self) -> None:
        self._transport.close()


class Crew:
    """Workers with their connections.

    Args:
        job: the job's id, 0x hex.
        hands: the workers.
    """

    def __init__(self, job: str, hands: Sequence[Hand]) -> None:
        self._job, self._hands = job, hands
        self._lines: list[Line] = []

    async def __aenter__(self) -> "Crew":
        loop = asyncio.get_running_loop()
        for hand in self._hands:
            _, line = await loop.create_connection(Line, "127.0.0.1", hand.port)
            self._lines.append(line)
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self._lines:
            line.close()

    async def closed_loop(self, seconds: float, accept_only: bool = False) -> list[float]:
        """Each worker does one cycle after the other for so long; seconds of each."""
        took: list[float] = []
        until = time.perf_counter() + seconds

        async def work(hand: Hand, line: Line) -> None:
            while (began := time.perf_counter()) < until:
                await self._cycle(hand, line, accept_only)
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(work(*pair) for pair in zip(self._hands, self._lines, strict=True)))
        return took

    async def open_loop(self, rate: float, seconds: float) -> list[float]:
        """Cycles begin at a steady rate, whether or not earlier ones are done; seconds from when each was to begin to its end."""
        took: list[float] = []
        due: asyncio.Queue[float | None] = asyncio.Queue()

        async def work(hand: Hand, line: Line) -> None:
            while (planned := await due.get()) is not None:
                await self._cycle(hand, line, False)
                took.append(time.perf_counter() - planned)

        working = [asyncio.ensure_future(work(*pair)) for pair in zip(self._hands, self._lines, strict=True)]
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            planned = start + number / rate
            if (wait := planned - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            due.put_nowait(planned)
        for _ in working:
            due.put_nowait(None)
        await asyncio.gather(*working)
        return took

    async def _cycle(self, hand: Hand, line: Line, accept_only: bool) -> None:
        head = (
            f"host: 127.0.0.1:{hand.port}\r\nauthorization: Bearer {hand.token}\r\ncontent-type: application/json\r\n".encode()
        )
        found = _FOUND.search(await line.post(head, f"/v1/jobs/{self._job}/assignments", b"{}"))
        assert found
        if accept_only:
            return
        id, slot, salt = found[1].decode(), int(found[2]), secrets.token_bytes(32)
        hashed = commitment(bytes.fromhex(self._job[2:]), slot, hand.address, salt, "bird")
        receipt = await line.post(head, f"/v1/assignments/{id}/commit", b'{"commitment":"0x%b"}' % hashed.hex().encode())
        assert b'"signature":"0x' in receipt
        await line.post(head, f"/v1/assignments/{id}/reveal", b'{"answer":"bird","salt":"0x%b"}' % salt.hex().encode())
