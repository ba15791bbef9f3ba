"""Notices when the chain moves and the mirror doesn't, whatever the loop itself believes.

It looks for itself: over connections of its own, new for every look, because what hangs may be a connection.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from indexer.standing import Standing
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Unavailable

log = logging.getLogger("indexer")

LOOK_TIMEOUT_SECONDS = 5
LOOKS = 10
"""So many looks at the mirror within the time that it may stand still."""


class Watchdog:
    """Looks at one indexer.

    Args:
        standing: the indexer's; is told of a stall.
        urls: the nodes' addresses.
        stall_seconds: how long the mirror may stand still below the chain's head.
        renew: called for every stall; makes the loop begin anew, with new connections.
    """

    def __init__(self, standing: Standing, urls: Sequence[str], stall_seconds: float, renew: Callable[[], None]) -> None:
        self._standing, self._urls, self._renew = standing, tuple(urls), renew
        self._stall_seconds = stall_seconds
        self._seen: tuple[str, int] | None = None
        self._behind_since: float | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Looks from now on, in a thread of its own that ends with the process."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """No further looks."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._stall_seconds / LOOKS):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """One look, at an instant of the monotonic clock. Nodes are asked only where the mirror hasn't moved since the last one."""
        standing = self._standing
        moved = standing.cursor and (standing.cursor.hash, standing.indexes_left)
        if standing.halted or standing.cursor is None or moved != self._seen:
            self._seen = moved
            self._behind_since = None
            return
        head = self._head()
        if head is None or head - standing.confirmations <= standing.cursor.number:
            self._behind_since = standing.stalled = None
        elif self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since >= self._stall_seconds:
            self._stalled(head, now - self._behind_since)
            self._behind_since = now

    def _stalled(self, head: int, seconds: float) -> None:
        cursor = self._standing.cursor
        at = cursor.number if cursor else None
        self._standing.stalled = (
            f"No block was mirrored for {seconds:.0f} s: the mirror is at block {at}, the chain at {head}."
        )
        values = {"event": "stalled", "block": at, "head": head, "seconds": round(seconds, 1)}
        log.error("%s Beginning anew with new connections.", self._standing.stalled, extra=values)
        self._renew()

    def _head(self) -> int | None:
        """The highest block that any node speaks of; None where none does: then it is the nodes that stand still."""
        heads = [head for url in self._urls if (head := _asked(url)) is not None]
        return max(heads, default=None)


def _asked(url: str) -> int | None:
    try:
        return int(Rpc(url, LOOK_TIMEOUT_SECONDS).call("eth_blockNumber"), 16)
    except (Unavailable, RpcRefused, TypeError, ValueError):
        return None
