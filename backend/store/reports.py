"""Reports in SQL: which answers say that their task is broken or not for their worker."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text
from sqlmodel import col

from backend.store import slots
from backend.store.tables import AnswerReport, Assignment, JobWorker, Posting

_SAY = insert(AnswerReport)
_LOCK = (
    select(JobWorker.held)
    .where(col(JobWorker.posting) == bindparam("of"), col(JobWorker.worker) == bindparam("who"))
    .with_for_update()
)
_BY = select(func.count()).where(col(AnswerReport.posting) == bindparam("of"), col(AnswerReport.worker) == bindparam("who"))
_ALL = select(func.count()).where(col(AnswerReport.posting) == bindparam("of"))
_COUNTS = (
    select(AnswerReport.unit, func.count())
    .where(col(AnswerReport.posting) == bindparam("of"), col(AnswerReport.unit).in_(bindparam("units", expanding=True)))
    .group_by(col(AnswerReport.unit))
)
_AMONG = (
    select(AnswerReport.assignment)
    .where(col(AnswerReport.assignment).in_(bindparam("ids", expanding=True)))
    .order_by(col(AnswerReport.assignment))
)
_PAGE = (
    select(AnswerReport, Assignment.answer, Assignment.revealed_at, slots.assignment_state.label("shown_state"))
    .join(Assignment, col(Assignment.id) == col(AnswerReport.assignment))
    .join(Posting, col(Posting.number) == col(AnswerReport.posting))
    .where(col(AnswerReport.posting) == bindparam("of"), col(AnswerReport.assignment) > bindparam("cursor"))
    .order_by(col(AnswerReport.assignment))
    .limit(bindparam("most"))
)
_ONE_MORE = text("""
    UPDATE unit SET wanted = wanted + 1, free = free + 1, withheld = withheld - 1
     WHERE posting = :posting AND position = :unit AND wanted >= 0 AND withheld > 0""")


def say(connection: Connection, assignment: Any, kind: str) -> None:
    """Notes what a revealed answer reports, and asks somebody else in its place where not all of the unit's slots are asked already."""
    row = {name: getattr(assignment, name) for name in ("posting", "slot", "unit", "worker")}
    connection.execute(_SAY, row | {"assignment": assignment.id, "kind": kind})
    connection.execute(_ONE_MORE, {"posting": assignment.posting, "unit": assignment.unit})


def lock(connection: Connection, posting: int, worker: str) -> None:
    """Has a worker's other reports of the job wait until the transaction ends."""
    connection.execute(_LOCK, {"of": posting, "who": worker})


def by(connection: Connection, posting: int, worker: str) -> int:
    """How many reports a worker has made in a job."""
    return int(connection.execute(_BY, {"of": posting, "who": worker}).scalar_one())


def of(connection: Connection, posting: int) -> int:
    """How many reports a job has."""
    return int(connection.execute(_ALL, {"of": posting}).scalar_one())


def counts(connection: Connection, posting: int, units: Sequence[int]) -> dict[int, int]:
    """How many reports some units have; those without aren't there."""
    return {unit: count for unit, count in connection.execute(_COUNTS, {"of": posting, "units": list(units)})}


def among(connection: Connection, ids: Sequence[str]) -> Sequence[str]:
    """Which of some assignments are reports."""
    return connection.execute(_AMONG, {"ids": list(ids)}).scalars().all()


def page(connection: Connection, posting: int, cursor: str, most: int) -> Sequence[Row[Any]]:
    """A job's reports by age, each with its answer, when it was revealed, and the state that is shown."""
    return connection.execute(_PAGE, {"of": posting, "cursor": cursor, "most": most}).all()
