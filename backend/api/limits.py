"""How often an address or an account may ask: a bucket each that fills with time. Each process counts for itself, so several
processes together let through as many times more."""

import time
from collections import OrderedDict
from collections.abc import Callable

from piecework.domain.errors import Conflict

LIMITED = "piecework.limited"
"""In a request's scope: whether its account is limited, too. Who asks from this machine isn't."""
BURST_SECONDS = 10
"""How many seconds' worth of requests may come at once."""
MOST_BUCKETS = 50_000
"""Beyond it the ones that were used least recently are forgotten, which is to say full again."""


class TooOften(Conflict):
    """Somebody asks too often; `wait` says for how many seconds to stop."""

    def __init__(self, sentence: str, wait: float) -> None:
        super().__init__(sentence)
        self.wait = wait


class Buckets:
    """Token buckets by name.

    Args:
        rate: requests a second; 0 for no limit.
        clock: seconds, never backwards.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, max(1.0, rate * BURST_SECONDS), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float | None:
        """Takes a request out of the bucket: None, or how many seconds until there is one in it."""
        if not self._rate:
            return None
        now = self._clock()
        left, since = self._left.pop(name, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left), now
        if len(self._left) > MOST_BUCKETS:
            self._left.popitem(last=False)
        return None if allowed else (1 - left) / self._rate


class Limits:
    """The limits of one process.

    Args:
        address, account: requests a second.
        sign_ins: attempts to sign in a minute from one address; verifying one costs a hundred other requests.
        clock: seconds, never backwards.
    """

    def __init__(self, address: float, account: float, sign_ins: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses, self._accounts = Buckets(address, clock), Buckets(account, clock)
        self._sign_ins = Buckets(sign_ins / 60, clock)

    def address(self, address: str, signs_in: bool) -> float | None:
        """Counts a request of an address: None, or how many seconds it must wait."""
        wait = self._sign_ins.take(address) if signs_in else None
        return self._addresses.take(address) if wait is None else wait

    def account(self, account: str) -> None:
        """Counts a request of an account.

        Raises:
            TooOften: it asked too often.
        """
        wait = self._accounts.take(account)
        if wait is not None:
            raise TooOften(f"This account asks too often; wait {max(1, round(wait + 0.5))} s.", wait)
