"""Notices as accounts read them: in pages, or as they come."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row

from backend.store import notices
from backend.store.database import Store
from piecework.domain.errors import Unavailable

MOST_STREAMS, MOST_OF_ONE = 500, 5
"""Streams of one process, and of one account in it."""
LOOK_SECONDS, BEAT_SECONDS, PAGE = 0.25, 15.0, 100


class Notices:
    """Reads notices. All streams of a process share one look at the table.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._streams: Counter[str] = Counter()
        self._newest = 0
        self._looking: asyncio.Task[None] | None = None

    def page(self, account: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """An account's notices after a number."""
        with self._store.read() as connection:
            return notices.page(connection, account, cursor, limit)

    def latest(self, account: str, before: int, limit: int) -> Sequence[Row[Any]]:
        """An account's notices before a number, the newest first."""
        with self._store.read() as connection:
            return notices.latest(connection, account, before, limit)

    def newest(self) -> int:
        """The highest number that there is."""
        with self._store.read() as connection:
            return notices.newest(connection)

    @contextmanager
    def place(self, account: str) -> Iterator[None]:
        """A place among the streams.

        Raises:
            Unavailable: there is none.
        """
        if self._streams.total() >= MOST_STREAMS or self._streams[account] >= MOST_OF_ONE:
            raise Unavailable(f"Too many streams are open (an account has at most {MOST_OF_ONE}); close one and try again.")
        self._streams[account] += 1
        try:
            yield
        finally:
            self._streams -= Counter([account])

    async def stream(self, account: str, after: int | None, still: Callable[[], object]) -> AsyncIterator[Row[Any] | None]:
        """Notices after a number (None: from now on) as they come, and None where nothing came for a while.

        Args:
            still: raises where the reader may read no more; asked at every beat.
        """
        cursor = await asyncio.to_thread(self.newest) if after is None else after
        seen, beat = -1, time.monotonic()
        while True:
            self._look()
            if self._newest != seen:
                seen = self._newest
                while rows := await asyncio.to_thread(self.page, account, cursor, PAGE):
                    for row in rows:
                        yield row
                    cursor = rows[-1].number
            if time.monotonic() - beat >= BEAT_SECONDS:
                beat = time.monotonic()
                still()
                yield None
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        """Sees to it that somebody looks for new numbers as long as there are streams."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_once())

    async def _look_once(self) -> None:
        self._newest = await asyncio.to_thread(self.newest)
        await asyncio.sleep(LOOK_SECONDS)
