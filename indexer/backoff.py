"""How long to wait before trying again."""

import random


class Backoff:
    """Doubles the wait from one failure to the next, with full jitter, so that many don't come back at once.

    Args:
        first_seconds, most_seconds: the longest wait after the first failure, and ever.
        random_source: where the jitter comes from.
    """

    def __init__(self, first_seconds: float = 0.1, most_seconds: float = 5, random_source: random.Random | None = None) -> None:
        self._first, self._most = first_seconds, most_seconds
        self._random = random_source or random.Random()
        self._failures = 0

    def failed(self) -> float:
        """The seconds to wait after one more failure."""
        ceiling = min(self._most, self._first * 2 ** min(self._failures, 30))
        self._failures += 1
        return ceiling / 2 + self._random.uniform(0, ceiling / 2)

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self._failures = 0
