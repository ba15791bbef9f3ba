"""What is locked in a requester's jobs, without adding up all that it ever had.

Each process remembers what a requester's jobs held in the newest block that no reorg undoes any more, and asks only what changed since; the
next start of the process looks at all of them once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlmodel import col

from backend.store import mirror
from backend.store.tables import Posting
from indexer.tables import JobWord

REMEMBERED = 1_000
"""Requesters."""

_words = (
    select(
        JobWord.job, JobWord.locked,
        func.row_number()
        .over(partition_by=col(JobWord.job), order_by=(col(JobWord.block_number).desc(), col(JobWord.log_index).desc()))
        .label("age"),
    )
    .where(
        *mirror.own(JobWord),
        col(JobWord.requester) == bindparam("by"),
        col(JobWord.block_number) > bindparam("after"),
        col(JobWord.block_number) <= bindparam("until"),
    )
    .subquery()
)
CHANGED = (
    select(_words.c.job, _words.c.locked)
    .join(Posting, col(Posting.job) == _words.c.job)
    .where(_words.c.age == 1, col(Posting.requester) == bindparam("by"), col(Posting.token) == bindparam("token"))
)


@dataclass
class _Known:
    """Base units by job, of those that hold any, after block `final`; and their sum."""

    final: int = -1
    locked: dict[str, int] = field(default_factory=dict)
    total: int = 0
    lock: Lock = field(default_factory=Lock)

    def keep(self, changed: Mapping[str, int], final: int) -> None:
        """Takes what changed up to a block."""
        for job, locked in changed.items():
            self.total += locked - self.locked.pop(job, 0)
            if locked:
                self.locked[job] = locked
        self.final = final


class Locked:
    """Counts it.

    Args:
        token: of which money is counted.
        finality_blocks: how deep a reorg may go.
    """

    def __init__(self, token: str, finality_blocks: int) -> None:
        self._token, self._finality = token, finality_blocks
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def of(self, connection: Connection, requester: str) -> int:
        """Base units that are locked in a requester's jobs now."""
        head = mirror.head(connection)
        if head is None:
            return 0
        with self._lock:
            known = self._of(requester)
        with known.lock:
            final = head.number - self._finality
            if final > known.final:
                known.keep(self._changed(connection, requester, known.final, final), final)
            recent = self._changed(connection, requester, known.final, 2**62)
            return known.total + sum(locked - known.locked.get(job, 0) for job, locked in recent.items())

    def _of(self, requester: str) -> _Known:
        if requester not in self._known and len(self._known) >= REMEMBERED:
            self._known.clear()
        return self._known.setdefault(requester, _Known())

    def _changed(self, connection: Connection, requester: str, after: int, until: int) -> dict[str, int]:
        """What the requester's jobs hold that had an event in these blocks."""
        rows: Any = connection.execute(CHANGED, {"by": requester, "after": after, "until": until, "token": self._token})
        return {row.job: int(row.locked) for row in rows}
