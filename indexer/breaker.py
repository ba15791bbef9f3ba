"""A circuit breaker: whoever fails again and again is left alone for a while, then tried once."""

import threading
from collections.abc import Callable

from indexer.backoff import Backoff
from indexer.counts import BreakerState

FAILURES = 3
LONGEST_REST_SECONDS = 300.0
"""Nobody is left alone for longer, whatever he asks for."""


class Breaker:
    """Closed while things go well; open after `failures` in a row; half-open for the one trial after the rest. Thread-safe.

    Args:
        backoff: how long to rest after a failure too many.
        clock: monotonic seconds.
    """

    def __init__(self, backoff: Backoff, clock: Callable[[], float], failures: int = FAILURES) -> None:
        self._backoff, self._clock, self._most = backoff, clock, failures
        self._lock = threading.Lock()
        self._failures, self._rest_until, self._trial = 0, 0.0, False

    @property
    def state(self) -> BreakerState:
        """What it is in now."""
        if self._trial or (self._failures >= self._most and self.rest_seconds == 0):
            return "half-open"
        return "closed" if self.rest_seconds == 0 else "open"

    @property
    def rest_seconds(self) -> float:
        """How long nobody should ask."""
        return max(0.0, self._rest_until - self._clock())

    def admits(self) -> bool:
        """Whether to ask now; while it is half-open only the first who asks may, until it is known how that went."""
        with self._lock:
            if self.rest_seconds > 0 or self._trial:
                return False
            self._trial = self._failures >= self._most
            return True

    def succeeded(self) -> None:
        """An answer came."""
        with self._lock:
            self._failures, self._rest_until, self._trial = 0, 0.0, False
            self._backoff.succeeded()

    def failed(self, wait_seconds: float | None = None) -> None:
        """No answer came; `wait_seconds` is how long the other side asks to be left alone."""
        with self._lock:
            self._failures, self._trial = self._failures + 1, False
            rest = self._backoff.failed() if self._failures >= self._most else 0.0
            rest = min(LONGEST_REST_SECONDS, max(rest, wait_seconds or 0.0))
            self._rest_until = self._clock() + rest
