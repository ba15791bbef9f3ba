"""Assignments in SQL: what is shown of them, and their steps from a reservation to an answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, exists, literal_column, not_, select, update
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import AnswerDraft, Assignment, Posting, Unit
from indexer.tables import AppealedOpening, Close, SlotStep

SKEW = timedelta(seconds=5)
"""Clocks of machines that share a database differ by less."""

VIEW = (
    select(
        Assignment,
        slots.assignment_state.label("shown_state"),
        Posting.job,
        Posting.requester,
        Posting.arbitrator,
        Posting.content,
        Unit.content_offset,
        Unit.content_length,
    )
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .join(Unit, and_(col(Unit.posting) == col(Assignment.posting), col(Unit.position) == col(Assignment.unit)))
    .order_by(col(Assignment.id))
)
_VIEW_ONE = VIEW.where(col(Assignment.id) == bindparam("id"))
_ONE = _VIEW_ONE.add_columns(mirror.job_is_closed.label("closed"), Posting.auto_approval_seconds)
_COMMIT = (
    update(Assignment)
    .where(
        col(Assignment.id) == bindparam("b_id"),
        col(Assignment.state) == "reserved",
        col(Assignment.expires_at) > bindparam("b_now"),
        not_(exists().where(col(Close.job) == bindparam("b_job"))),
    )
    .values(
        state="committed",
        commitment=bindparam("b_commitment"),
        receipt=bindparam("b_receipt"),
        committed_at=bindparam("b_now"),
    )
)
_REVEAL = (
    update(Assignment)
    .where(
        col(Assignment.id) == bindparam("b_id"),
        col(Assignment.state) == "committed",
        col(Assignment.commitment) == bindparam("b_commitment"),
    )
    .values(
        state="revealed",
        answer=bindparam("b_answer"),
        salt=bindparam("b_salt"),
        revealed_at=bindparam("b_now"),
        review_until=bindparam("b_until"),
    )
)
HELD_AHEAD, REVEALED_AHEAD = (
    select(Assignment.id, Posting.assignment_seconds, Posting.auto_approval_seconds, Posting.closes_at)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(literal_column(f"assignment.state = '{state}'"), *(column > bindparam("latest") for column in columns))
    for state, columns in (
        ("reserved", (col(Assignment.expires_at), col(Assignment.created_at))),
        ("revealed", (col(Assignment.revealed_at),)),
    )
)
_REDATE = update(Assignment).where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == bindparam("b_state"))
_FORGET = delete(AnswerDraft).where(col(AnswerDraft.assignment) == bindparam("b_id"))
_REVEAL_AND_FORGET = _REVEAL.add_cte(_FORGET.cte("forgotten"))
"""Both in one, for PostgreSQL, where each statement is a way there and back."""


def one(connection: Connection, id: str) -> Row[Any] | None:
    """An assignment with everything that is shown of it, its job's delay for reviews, and whether that is closed on the chain."""
    return connection.execute(_ONE, {"id": id}).first()


def commit(connection: Connection, id: str, job: str, commitment: str, receipt: str, now: datetime) -> bool:
    """Stores a commitment with its receipt; False if the assignment isn't reserved any more, or its job is closed."""
    values = {"b_id": id, "b_job": job, "b_commitment": commitment, "b_receipt": receipt, "b_now": now}
    return connection.execute(_COMMIT, values).rowcount == 1


def reveal(connection: Connection, row: Row[Any], answer: str, salt: str, now: datetime) -> bool:
    """Stores an answer and drops its draft; False if the assignment isn't committed any more, or to another one than `row` (see `one`)."""
    values = {"b_id": row.id, "b_commitment": row.commitment, "b_answer": answer, "b_salt": salt, "b_now": now}
    values |= {"b_until": _review_until(row, now)}
    if connection.dialect.name == "postgresql":
        return connection.execute(_REVEAL_AND_FORGET, values).rowcount == 1
    connection.execute(_FORGET, {"b_id": row.id})
    return connection.execute(_REVEAL, values).rowcount == 1


def redate(connection: Connection, now: datetime) -> None:
    """Puts right what was reserved or revealed at a time that is still to come, by a clock that ran ahead: as if it were now, so that a worker
    has as long for an answer, and a requester for its review, as the job says, and neither's false end keeps anybody waiting."""
    latest = {"latest": now + SKEW}
    for row in connection.execute(HELD_AHEAD, latest).all():
        left = max(0, min(row.assignment_seconds, row.closes_at - mirror.now(connection, now.timestamp())))
        again = _REDATE.values(created_at=now, expires_at=now + timedelta(seconds=left))
        connection.execute(again, {"b_id": row.id, "b_state": "reserved"})
    for row in connection.execute(REVEALED_AHEAD, latest).all():
        again = _REDATE.values(revealed_at=now, review_until=_review_until(row, now))
        connection.execute(again, {"b_id": row.id, "b_state": "revealed"})


def _review_until(row: Row[Any], revealed_at: datetime) -> datetime | None:
    delay = row.auto_approval_seconds
    return None if delay is None else revealed_at + timedelta(seconds=delay)


# ------------------------------------------------------------------------------------------------ reading

_PAGE = VIEW.where(col(Assignment.id) > bindparam("cursor")).limit(bindparam("limit"))

_APPEALED = VIEW.where(
    col(Posting.job) == bindparam("job"),
    col(Assignment.worker) == bindparam("worker"),
    exists().where(
        col(AppealedOpening.appeal) == bindparam("appeal"),
        col(SlotStep.opening) == col(AppealedOpening.opening),
        col(SlotStep.state) == "appealed",
        col(SlotStep.slot) == col(Assignment.slot),
        col(SlotStep.worker) == col(Assignment.worker),
    ),
)


def view(connection: Connection, id: str) -> Row[Any] | None:
    """An assignment with everything that is shown of it."""
    return connection.execute(_VIEW_ONE, {"id": id}).first()


def appealed(connection: Connection, appeal: str, job: str, worker: str) -> Sequence[Row[Any]]:
    """The worker's answers that an appeal is about, by age."""
    return connection.execute(_APPEALED, {"appeal": appeal, "job": job, "worker": worker}).all()


def page(connection: Connection, where: Sequence[ColumnElement[bool]], cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Assignments that meet `where`, by age, after the one that `cursor` names."""
    return connection.execute(_PAGE.where(*where), {"cursor": cursor, "limit": limit}).all()
