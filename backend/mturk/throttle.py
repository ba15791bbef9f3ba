"""How often an access key may call; told in the form that makes the SDK wait and try again."""

import time
from collections.abc import Callable

from backend.mturk.errors import Refused

CALLERS = 10_000


class Throttle:
    """A bucket of calls for each access key of this process.

    Args:
        a_second: how many flow in.
        burst: how many it holds.
        now: monotonic seconds.
    """

    def __init__(self, a_second: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = a_second, burst, now
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """One call.

        Raises:
            Refused: too many of late.
        """
        at = self._now()
        left, since = self._buckets.get(caller, (float(self._burst), at))
        left = min(self._burst, left + (at - since) * self._rate)
        if left < 1:
            raise Refused("ThrottlingException", "Rate exceeded: wait a moment and call again.")
        if len(self._buckets) >= CALLERS:
            self._buckets.clear()
        self._buckets[caller] = left - 1, at
