"""What is done one after the other, and takes long: who waits for it takes none of the ten threads that answer everybody's requests."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from piecework.domain.errors import Unavailable

Result = TypeVar("Result")


class Turns:
    """A thread for one at a time.

    Args:
        most: how many may wait for it; who comes then is told to try again.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[..., Result], *given: object) -> Result:
        """`work(*given)` when it is its turn.

        Raises:
            what `work` raises.
            Unavailable: many others are waiting for theirs.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)
        if self._limiter.statistics().tasks_waiting >= self._most:
            raise Unavailable("Many others are asking for the same at the moment; try again.")
        return await run_sync(partial(work, *given), limiter=self._limiter)
