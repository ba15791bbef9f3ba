"""What happened between the indexer and its nodes since the process began, as plain numbers; whoever likes exports them."""

import threading
from collections import Counter
from typing import Any, Literal

BreakerState = Literal["closed", "open", "half-open"]


class Counts:
    """Counters and the few states beside them. Safe to use from several threads.

    An endpoint is called by its name, `host:port`, never by its address, which may hold a secret.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._received_bytes: Counter[str] = Counter()
        self._errors: dict[str, Counter[str]] = {}
        self._rechecks: Counter[str] = Counter()
        self._bisects: Counter[str] = Counter()
        self._reorgs: Counter[int] = Counter()
        self._failovers: Counter[str] = Counter()
        self._breakers: dict[str, BreakerState] = {}
        self._heads: dict[str, int] = {}
        self._disagreements = 0
        self._wakes = 0

    def requested(self, endpoint: str, received_bytes: int) -> None:
        """One HTTP request was answered, with so many bytes."""
        with self._lock:
            self._requests[endpoint] += 1
            self._received_bytes[endpoint] += received_bytes

    def failed(self, endpoint: str, kind: str) -> None:
        """An endpoint gave no answer, a refusal or a lie; `kind` is a short word for it, such as "timeout" or "bloom"."""
        with self._lock:
            self._errors.setdefault(endpoint, Counter())[kind] += 1

    def rechecked(self, endpoint: str) -> None:
        """A block was asked for a second time, by its hash, because its bloom speaks of more than the range gave."""
        with self._lock:
            self._rechecks[endpoint] += 1

    def bisected(self, endpoint: str) -> None:
        """A range was asked for in shorter pieces because the endpoint wouldn't give it whole."""
        with self._lock:
            self._bisects[endpoint] += 1

    def reorganised(self, depth: int) -> None:
        """So many mirrored blocks were replaced by the chain's."""
        with self._lock:
            self._reorgs[depth] += 1

    def failed_over(self, endpoint: str) -> None:
        """Questions go to this endpoint now, instead of another that fails, lags or lies."""
        with self._lock:
            self._failovers[endpoint] += 1

    def breaker(self, endpoint: str, state: BreakerState) -> None:
        """An endpoint's circuit breaker is in this state now."""
        with self._lock:
            self._breakers[endpoint] = state

    def head(self, endpoint: str, number: int) -> None:
        """The newest block that an endpoint has spoken of."""
        with self._lock:
            self._heads[endpoint] = number

    def disagreed(self) -> None:
        """One endpoint spoke of a reorg that the others deny."""
        with self._lock:
            self._disagreements += 1

    def woken(self) -> None:
        """A subscription announced a block."""
        with self._lock:
            self._wakes += 1

    def snapshot(self) -> dict[str, Any]:
        """Everything at one moment, as dicts and ints that JSON can hold: by endpoint, errors by endpoint and kind, reorgs by depth."""
        with self._lock:
            return {
                "requests": dict(self._requests),
                "received_bytes": dict(self._received_bytes),
                "errors": {endpoint: dict(kinds) for endpoint, kinds in self._errors.items()},
                "rechecks": dict(self._rechecks),
                "bisects": dict(self._bisects),
                "reorgs": dict(self._reorgs),
                "failovers": dict(self._failovers),
                "breakers": dict(self._breakers),
                "heads": dict(self._heads),
                "disagreements": self._disagreements,
                "wakes": self._wakes,
            }
