"""What is locked in a requester's jobs, without adding up all that it ever had.

Each process remembers which of a requester's jobs may still hold money, and asks about those and about new ones. A job is forgotten when the
chain has held nothing for it for longer than a reorg could undo; the next start of the process looks at all of them once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlmodel import col

from backend.store import mirror
from backend.store.tables import Posting
from indexer.tables import JobWord

AT_ONCE = 500
REMEMBERED = 1_000
"""Requesters."""

_NEW = (
    select(Posting.number, Posting.job)
    .where(col(Posting.number) > bindparam("after"), col(Posting.requester) == bindparam("by"), col(Posting.token) == bindparam("token"))
    .order_by(col(Posting.number))
)
_NEWEST = select(func.max(col(Posting.number)))
_words = (
    select(
        JobWord.job, JobWord.locked, JobWord.funded, JobWord.block_number,
        func.row_number()
        .over(partition_by=col(JobWord.job), order_by=(col(JobWord.block_number).desc(), col(JobWord.log_index).desc()))
        .label("age"),
    )
    .where(col(JobWord.job).in_(bindparam("jobs", expanding=True)))
    .subquery()
)
_WORDS = select(_words.c.job, _words.c.locked, _words.c.funded, _words.c.block_number).where(_words.c.age == 1)


@dataclass
class _Known:
    """A requester's jobs that may hold money, by posting, and the newest posting that was looked at."""

    jobs: dict[int, str] = field(default_factory=dict)
    seen: int = 0


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
        with self._lock:
            known = self._of(requester)
            newest = int(connection.execute(_NEWEST).scalar() or 0)
            if newest > known.seen:
                rows: Any = connection.execute(_NEW, {"by": requester, "after": known.seen, "token": self._token})
                known.jobs |= {row.number: row.job for row in rows}
                known.seen = newest
            jobs = dict(known.jobs)
        words = self._words(connection, list(jobs.values()))
        self._forget(connection, known, jobs, words)
        return sum(int(word.locked) for word in words.values())

    def _of(self, requester: str) -> _Known:
        if requester not in self._known and len(self._known) >= REMEMBERED:
            self._known.clear()
        return self._known.setdefault(requester, _Known())

    def _words(self, connection: Connection, jobs: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at in range(0, len(jobs), AT_ONCE):
            found |= {row.job: row for row in connection.execute(_WORDS, {"jobs": list(jobs[at : at + AT_ONCE])})}
        return found

    def _forget(self, connection: Connection, known: _Known, jobs: dict[int, str], words: dict[str, Any]) -> None:
        head = mirror.head(connection)
        if head is None:
            return
        final = head.number - self._finality
        over = [
            number
            for number, job in jobs.items()
            if (word := words.get(job)) is not None and word.funded and not int(word.locked) and word.block_number <= final
        ]
        with self._lock:
            for number in over:
                known.jobs.pop(number, None)
