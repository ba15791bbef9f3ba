"""Decisions about submissions in SQL: each changes the assignment and adds a row that stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, bindparam, insert, select, update
from sqlmodel import col

from backend.store import fairness, mirror, notices, slots
from backend.store.tables import Assignment, Posting, Review

AT_ONCE = 500
"""Ids in one statement; SQLite takes a few ten thousand, PostgreSQL 65,535."""
MOST_NAMED = 100
"""Ids in one notice, whose count says how many there are."""

_STATES = (
    select(Assignment.id, Assignment.state)
    .where(col(Assignment.posting) == bindparam("of"), col(Assignment.id).in_(bindparam("ids", expanding=True)))
    .order_by(col(Assignment.id))
    .with_for_update()
)
_JOB = select(Posting.job).where(col(Posting.number) == bindparam("of"))
_CRITERIA = select(Posting.criteria).where(col(Posting.number) == bindparam("of"))
_PAGE = (
    select(Review)
    .where(col(Review.posting) == bindparam("of"), col(Review.number) > bindparam("cursor"))
    .order_by(col(Review.number))
    .limit(bindparam("most"))
)
_closed = select(mirror.job_is_closed).where(col(Posting.number) == col(Assignment.posting)).scalar_subquery()
may_be_paid = ~slots.is_taken & ~_closed
"""The condition that the chain would still take a settlement of a row of `assignment`."""


def states(connection: Connection, posting: int, ids: Sequence[str]) -> dict[str, str]:
    """The states of those of the ids that are assignments of the job, which nobody changes until the transaction ends: else another
    process could sign what this one says it has taken back."""
    found: dict[str, str] = {}
    for chunk in chunks(ids):
        rows: Any = connection.execute(_STATES, {"of": posting, "ids": chunk})
        found |= {row.id: row.state for row in rows}
    return found


def criteria(connection: Connection, posting: int) -> str:
    """The job's criteria for a rejection, as JSON."""
    return str(connection.execute(_CRITERIA, {"of": posting}).scalar_one())


def candidates(connection: Connection, posting: int, where: Sequence[ColumnElement[bool]], most: int) -> Sequence[Row[Any]]:
    """Ids and answers of assignments that meet the conditions, by age; one more than `most` if there are more."""
    statement = select(Assignment.id, Assignment.answer).where(col(Assignment.posting) == posting, *where)
    return connection.execute(statement.order_by(col(Assignment.id)).limit(most + 1)).all()


def decide(
    connection: Connection,
    audit: dict[str, Any],
    now: datetime,
    where: Sequence[ColumnElement[bool]],
    ids: Sequence[str] | None = None,
) -> list[str]:
    """Decides about assignments, and keeps who decided what.

    Args:
        audit: posting, before, verdict, code, reason and reviewer, as `Review` has them.
        where: what an assignment must meet, its state aside.
        ids: which ones; None for all that are in the state.

    Returns:
        Those that were in the state `before`.
    """
    statement = (
        update(Assignment)
        .where(col(Assignment.posting) == audit["posting"], col(Assignment.state) == audit["before"], *where)
        .values(**_changes(audit, now))
    )
    changed: dict[str, str] = {}
    for chunk in _parts(statement, ids):
        rows: Any = connection.execute(chunk.returning(col(Assignment.id), col(Assignment.worker)))
        changed |= {id: worker for id, worker in rows}
    if changed:
        fairness.tally(connection, audit["posting"], audit["verdict"], audit["before"], len(changed))
        connection.execute(insert(Review), [audit | {"assignment": id, "created_at": now} for id in changed])
        if audit["verdict"] != "overdue":
            _tell(connection, audit, changed, now)
    return list(changed)


def _tell(connection: Connection, audit: dict[str, Any], changed: dict[str, str], now: datetime) -> None:
    """Tells each worker, in one notice, what was decided about its answers."""
    job = connection.execute(_JOB, {"of": audit["posting"]}).scalar_one()
    of_worker: dict[str, list[str]] = {}
    for id, worker in sorted(changed.items()):
        of_worker.setdefault(worker, []).append(id)
    why = {"code": audit["code"], "reason": audit["reason"]} if audit["verdict"] == "rejected" else {}
    for worker, own in of_worker.items():
        subject = {"job": job, "count": len(own), "assignments": own[:MOST_NAMED]} | why
        notices.tell(connection, worker, f"answers.{audit['verdict']}", subject, now)


def _changes(audit: dict[str, Any], now: datetime) -> dict[str, Any]:
    if audit["verdict"] == "overdue":
        return {"overdue_at": now}
    rejected, undone = audit["verdict"] == "rejected", audit["verdict"] == "undone"
    return {
        "state": "revealed" if undone else audit["verdict"],
        "reviewed_at": None if undone else now,
        "reason": audit["reason"] if rejected else None,
        "reason_code": audit["code"] if rejected else None,
    }


def _parts(statement: Update, ids: Sequence[str] | None) -> list[Update]:
    return [statement] if ids is None else [statement.where(col(Assignment.id).in_(chunk)) for chunk in chunks(ids)]


def chunks(ids: Sequence[str]) -> list[list[str]]:
    """The ids in lots that fit a statement."""
    return [list(ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE)]


def page(connection: Connection, posting: int, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """Who decided what about a job's submissions, in the order in which it happened."""
    return connection.execute(_PAGE, {"of": posting, "cursor": cursor, "most": limit}).all()
