"""Where the indexer stands, in plain values: the loop sets them, whoever is asked over HTTP reads them.

No reader takes a lock that the loop holds for longer than a counter takes, so that a scrape never holds up the mirror.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from indexer.counts import Counts
from piecework.chain.deployment import Deployment
from piecework.operation.exposition import Histogram


@dataclass(frozen=True, slots=True)
class Point:
    """A mirrored block; `timestamp` in Unix seconds."""

    number: int
    hash: str
    timestamp: float


class Standing:
    """What one indexer says of itself.

    Args:
        deployment: what it mirrors.
        endpoints: the nodes' names.
        confirmations, finality_blocks, ready_blocks, health_seconds: as in the settings.

    Attributes:
        counts: what happened between the indexer and its nodes.
        cursor: the last mirrored block; None before the mirror was looked at.
        trouble: what the loop waits out, in a sentence; None while it works.
        halted: why nothing is mirrored any more until somebody starts it again; None as long as it is.
        stalled: what the watchdog has seen; None as long as the mirror moves with the chain.
        queue: how many blocks are fetched and wait to be written.
        events, blocks: rows of the escrow's log and blocks written by this process.
        commits: how many seconds transactions took.
        indexes_left: how many indexes of the mirror are to be made before anybody should ask it.
    """

    def __init__(
        self,
        deployment: Deployment,
        endpoints: Sequence[str] = (),
        confirmations: int = 0,
        finality_blocks: int = 64,
        ready_blocks: int = 20,
        health_seconds: float = 60,
    ) -> None:
        self.deployment, self.endpoints = deployment, tuple(endpoints)
        self.confirmations, self.finality_blocks = confirmations, finality_blocks
        self.ready_blocks, self.health_seconds = ready_blocks, health_seconds
        self.counts = Counts()
        self.cursor: Point | None = None
        self.trouble: str | None = None
        self.halted: str | None = None
        self.stalled: str | None = None
        self.queue: Callable[[], int] = lambda: 0
        self.events, self.blocks, self.indexes_left = 0, 0, 0
        self.commits = Histogram()
        self.started_at = self._progress_at = datetime.now(UTC)
        self._beat = time.monotonic()
        self._step: float | None = None

    # ------------------------------------------------------------------------------- what the loop says

    def beat(self) -> None:
        """The loop is alive."""
        self._beat = time.monotonic()

    def stepped(self) -> None:
        """The loop has seen the chain and done what there was to do."""
        self._beat = self._step = time.monotonic()
        self.trouble = None

    def indexing(self, left: int) -> None:
        """So many indexes are still to be made."""
        self.indexes_left = left
        self.beat()

    def wrote(self, cursor: Point, blocks: int, events: int, seconds: float) -> None:
        """A transaction moved the cursor."""
        self.commits.observe(seconds)
        self.blocks += blocks
        self.events += events
        self.cursor, self._progress_at = cursor, datetime.now(UTC)
        self.stalled = None
        self.beat()

    # ------------------------------------------------------------------------------------ what it means

    def head(self, counted: dict[str, Any] | None = None) -> int | None:
        """The chain's newest block, as the nodes that are asked say; None before one has answered."""
        counted = counted or self.counts.snapshot()
        heads = counted["heads"]
        asked = [heads[name] for name in heads if counted["breakers"].get(name) != "open"]
        return max(asked or heads.values(), default=None)

    def lag_blocks(self, counted: dict[str, Any] | None = None) -> int | None:
        """Blocks that could be mirrored and aren't; None before that is known."""
        head, cursor = self.head(counted), self.cursor
        return None if head is None or cursor is None else max(0, head - self.confirmations - cursor.number)

    def lag_seconds(self, counted: dict[str, Any] | None = None) -> float | None:
        """How old the newest mirrored block is; 0 while no newer one could be mirrored."""
        behind, cursor = self.lag_blocks(counted), self.cursor
        if behind is None or cursor is None:
            return None
        return max(0.0, time.time() - cursor.timestamp) if behind else 0.0

    def sick(self) -> str | None:
        """Why a restart might help, in a sentence; None while the loop is alive. A halt is no sickness: no restart mends it."""
        silent = time.monotonic() - self._beat
        if self.halted is None and silent > self.health_seconds:
            return f"The loop has been silent for {silent:.0f} s."
        return None if self.halted else self.stalled

    def unready(self) -> str | None:
        """Why nobody should rely on the mirror's newest rows, in a sentence; None when they may."""
        if self.halted or self.stalled:
            return self.halted or self.stalled
        if self.indexes_left:
            return f"{self.indexes_left} indexes of the mirror are still to be made."
        behind = self.lag_blocks()
        if self._step is None or behind is None:
            return self.trouble or "The indexer hasn't compared the mirror with the chain yet."
        silent = time.monotonic() - self._step
        if silent > self.health_seconds:
            return self.trouble or f"The mirror was last compared with the chain {silent:.0f} s ago."
        if behind > self.ready_blocks:
            return f"The mirror is {behind} blocks behind the chain."
        return None

    def report(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        counted, cursor = self.counts.snapshot(), self.cursor
        return {
            "version": version("piecework"),
            "pid": os.getpid(),
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "chain_id": self.deployment.chain_id,
            "escrow": self.deployment.escrow,
            "start_block": self.deployment.start_block,
            "cursor": cursor and {"number": cursor.number, "hash": cursor.hash, "timestamp_at": instant(cursor.timestamp)},
            "head": self.head(counted),
            "lag_blocks": self.lag_blocks(counted),
            "lag_seconds": self.lag_seconds(counted),
            "confirmations": self.confirmations,
            "finality_blocks": self.finality_blocks,
            "last_progress_at": self._progress_at.isoformat(timespec="milliseconds"),
            "ready": self.unready() is None,
            "halted": self.halted,
            "stalled": self.stalled,
            "trouble": self.trouble,
            "queued_blocks": self.queue(),
            "indexes_left": self.indexes_left,
            "events": self.events,
            "endpoints": [_endpoint(name, counted) for name in self._names(counted)],
            "reorgs": {str(depth): times for depth, times in counted["reorgs"].items()},
        }

    def _names(self, counted: dict[str, Any]) -> list[str]:
        return list(dict.fromkeys([*self.endpoints, *counted["heads"], *counted["errors"]]))


def _endpoint(name: str, counted: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "head": counted["heads"].get(name),
        "breaker": counted["breakers"].get(name, "closed"),
        "errors": counted["errors"].get(name, {}),
    }


def instant(seconds: float) -> str:
    """Unix seconds as a date that people read."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
