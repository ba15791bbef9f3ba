"""Reports of broken tasks and screen-outs: answers that are paid for the time, bounded by worker, and rejected only as false."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import Job, Postings
from backend.store import reports as rows_of
from backend.store import reviews
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.reports import CRITERION, KINDS, Report


@dataclass(frozen=True, slots=True)
class Leave:
    """Which reports a job takes, and how many more of one worker."""

    kinds: tuple[str, ...]
    left: int


class Reports:
    """Reads reports.

    Args:
        store: where they are.
        postings: the jobs.
    """

    def __init__(self, store: Store, postings: Postings) -> None:
        self._store, self._postings = store, postings

    def page(self, job: Job, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """A job's reports by age, for its requester."""
        with self._store.read() as connection:
            return rows_of.page(connection, job.number, cursor, limit)

    def leave(self, job: Job, worker: str) -> Leave:
        """What a worker may still report in a job; nothing where it takes no reports."""
        taken = self._postings.reports(job.id)
        if taken is None:
            return Leave((), 0)
        with self._store.read() as connection:
            made = rows_of.by(connection, job.number, worker)
        return Leave(tuple(kind for kind in KINDS if taken[kind]), max(0, taken["each"] - made))


def take(connection: Connection, assignment: Any, report: Report, each: int) -> None:
    """Writes a report that is revealed.

    Raises:
        Conflict: its worker has made `each` already.
    """
    rows_of.lock(connection, assignment.posting, assignment.worker)
    if rows_of.by(connection, assignment.posting, assignment.worker) >= each:
        raise Conflict(f"This job pays at most {each} reports of one worker, and you have made them; return such tasks instead.")
    rows_of.say(connection, assignment, report.kind)


def require_false(connection: Connection, ids: Sequence[str], code: str | None) -> None:
    """Lets reports be rejected by their one criterion only.

    Raises:
        Invalid: there are some among these assignments, and the code is another.
    """
    if code == CRITERION:
        return
    found = [id for chunk in reviews.chunks(ids) for id in rows_of.among(connection, chunk)]
    if found:
        raise Invalid(
            f"Assignment {found[0]} is a report, not an answer: it is paid for its time, or rejected by the criterion {CRITERION} with what "
            "shows that it isn't so."
        )
