"""Reviews: the requester approves or rejects what was revealed, all of a request or nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlmodel import col

from backend.services.postings import Job
from backend.store.database import Store
from backend.store.tables import Assignment
from piecework.domain.errors import Conflict, Invalid, NotFound

AT_ONCE = 500
"""Ids in one statement; SQLite takes a few ten thousand, PostgreSQL 65,535."""
LONGEST_REASON = 2_000
APPROVED = ("approved", "batched")

_STATES = select(Assignment.id, Assignment.state).where(
    col(Assignment.posting) == bindparam("of"), col(Assignment.id).in_(bindparam("ids", expanding=True))
)
_revealed = update(Assignment).where(col(Assignment.posting) == bindparam("of"), col(Assignment.state) == "revealed")
_APPROVE_ALL = _revealed.values(state="approved", reviewed_at=bindparam("now"))
_APPROVE = _APPROVE_ALL.where(col(Assignment.id).in_(bindparam("ids", expanding=True)))
_REJECT = _revealed.where(col(Assignment.id) == bindparam("rejected")).values(
    state="rejected", reason=bindparam("why"), reviewed_at=bindparam("now")
)


class Reviews:
    """Judges submissions.

    Args:
        store: where they are.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    async def review(
        self, job: Job, approve: Sequence[str] | None, reject: Sequence[tuple[str, str]]
    ) -> tuple[int, int]:
        """Approves and rejects submissions of a job.

        Args:
            job: whose submissions; the caller has checked that it is the asker's.
            approve: ids of assignments; None approves everything revealed that isn't rejected here.
            reject: (id, reason) each.

        Returns:
            How many were approved and how many rejected now; what was so already counts nothing.

        Raises:
            NotFound: an id is no assignment of the job.
            Conflict: one was not revealed, or judged otherwise.
            Invalid: one stands in both lists, or twice, or a reason is empty or too long.
        """
        _check(approve, reject)
        done = await self._store.write(lambda c: self._review(c, job.number, approve, reject))
        return done[0], done[1]

    def _review(
        self, connection: Connection, posting: int, approve: Sequence[str] | None, reject: Sequence[tuple[str, str]]
    ) -> tuple[int, int]:
        now = self._clock()
        rejectable = _pending(connection, posting, [id for id, _ in reject], ("rejected",))
        reasons = dict(reject)
        rejected = sum(
            connection.execute(_REJECT, {"of": posting, "rejected": id, "why": reasons[id], "now": now}).rowcount
            for id in rejectable
        )
        if approve is None:
            return connection.execute(_APPROVE_ALL, {"of": posting, "now": now}).rowcount, rejected
        pending = _pending(connection, posting, approve, APPROVED)
        approved = sum(
            connection.execute(_APPROVE, {"of": posting, "ids": ids, "now": now}).rowcount
            for ids in _chunks(pending)
        )
        return approved, rejected


def _check(approve: Sequence[str] | None, reject: Sequence[tuple[str, str]]) -> None:
    named = [*(approve or ()), *(id for id, _ in reject)]
    if len(set(named)) != len(named):
        raise Invalid("An assignment stands twice in the review.")
    for id, reason in reject:
        if not reason.strip() or len(reason) > LONGEST_REASON or "\0" in reason:
            raise Invalid(f"Say why {id} is rejected, in 1 to {LONGEST_REASON} characters.")


def _pending(connection: Connection, posting: int, ids: Sequence[str], done: tuple[str, ...]) -> list[str]:
    """The ids whose submissions wait for a review; those that are `done` already are left out."""
    states: dict[str, str] = {}
    for chunk in _chunks(ids):
        rows: Any = connection.execute(_STATES, {"of": posting, "ids": chunk})
        states |= {row.id: row.state for row in rows}
    for id in ids:
        if id not in states:
            raise NotFound(f"The job has no assignment {id}.")
        if states[id] != "revealed" and states[id] not in done:
            raise Conflict(f"Assignment {id} can't be reviewed so: it is {states[id]}.")
    return [id for id in ids if states[id] == "revealed"]


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE)]
