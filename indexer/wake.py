"""A subscription that says when to look. It is a bell and nothing more: what it says is not read, what it leaves out is polled."""

import asyncio
import logging
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from indexer.backoff import Backoff
from indexer.counts import Counts

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("indexer")

SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
HEARTBEAT_SECONDS = 20.0
"""Somebody who doesn't answer a ping in half that time is gone."""
PAUSE_SECONDS = 0.02
"""However often it rings, nobody looks more often than that."""


class Wake:
    """Waits for as long as told, or until a node announces a block. A context: it listens while the block runs.

    Args:
        url: the node's WebSocket, ws:// or wss://; without one it only waits.
        counts: where announcements are counted.
    """

    def __init__(self, url: str | None, counts: Counts) -> None:
        self._url, self._counts = url, counts
        self._bell, self._looked_at = threading.Event(), 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False

    def __enter__(self) -> Self:
        if self._url:
            threading.Thread(target=self._run, name="wake", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended = True
        loop = self._loop
        if loop:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(self._cancel)

    def wait(self, seconds: float) -> bool:
        """Returns after `seconds`, or sooner if it rings; whether it rang."""
        time.sleep(max(0.0, min(seconds, self._looked_at + PAUSE_SECONDS - time.monotonic())))
        rang = self._bell.wait(seconds)
        self._bell.clear()
        self._looked_at = time.monotonic()
        return rang

    def ring(self) -> None:
        """Ends the wait of whoever waits, or of who waits next."""
        self._bell.set()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._listen())

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _listen(self) -> None:
        """One connection after the other, for ever."""
        import aiohttp  # a third of a second that only those spend who listen

        self._loop = asyncio.get_running_loop()
        backoff, said = Backoff(0.2, 10), False
        while not self._ended:
            try:
                async with aiohttp.ClientSession() as session:
                    async with session.ws_connect(str(self._url), heartbeat=HEARTBEAT_SECONDS) as socket:
                        await self._hear(socket, backoff)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                if not said:
                    log.warning("No subscription to new blocks (%s); they are polled for.", type(error).__name__)
                said = True
            await asyncio.sleep(backoff.failed())

    async def _hear(self, socket: "aiohttp.ClientWebSocketResponse", backoff: Backoff) -> None:
        """Rings for every notification until the connection ends."""
        await socket.send_json(SUBSCRIBE)
        async for message in socket:
            if isinstance(message.data, str) and '"eth_subscription"' in message.data:
                backoff.succeeded()
                self._counts.woken()
                self.ring()
