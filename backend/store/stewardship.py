"""What time makes due in reviews, in SQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, or_, select
from sqlmodel import col

from backend.store.tables import Assignment, OperatorKey, Posting, SignedBatch

not_overdue = col(Assignment.overdue_at).is_(None)
"""The condition that an answer isn't marked as overdue yet."""

_has_operator = exists().where(col(OperatorKey.address) == col(Posting.operator), col(OperatorKey.revoked_at).is_(None))
_UNREVIEWED = (
    select(Posting)
    .where(
        col(Posting.auto_approval_seconds).is_not(None),
        exists().where(
            col(Assignment.posting) == col(Posting.number),
            col(Assignment.state) == "revealed",
            or_(not_overdue, _has_operator),
        ),
    )
    .order_by(col(Posting.number))
)
_UNSIGNED = (
    select(Posting.number)
    .where(_has_operator, exists().where(col(SignedBatch.posting) == col(Posting.number), col(SignedBatch.approval).is_(None)))
    .order_by(col(Posting.number))
)
_JOBS = select(Posting).where(col(Posting.number).in_(bindparam("numbers", expanding=True))).order_by(col(Posting.number))


def unreviewed(connection: Connection) -> Sequence[Row[Any]]:
    """Jobs with a delay for reviews and an answer without one, that isn't overdue yet or that an operator of ours could approve."""
    return connection.execute(_UNREVIEWED).all()


def unsigned(connection: Connection) -> Sequence[int]:
    """The numbers of jobs with an operator of ours, of which a batch waits for an approval."""
    return connection.execute(_UNSIGNED).scalars().all()


def jobs(connection: Connection, numbers: Sequence[int]) -> Sequence[Row[Any]]:
    """Jobs by their numbers."""
    return connection.execute(_JOBS, {"numbers": list(numbers)}).all()


def waited(job: Row[Any], now: datetime) -> list[ColumnElement[bool]]:
    """The conditions that an answer to the job has waited for its whole delay."""
    return [col(Assignment.revealed_at) <= now - timedelta(seconds=job.auto_approval_seconds)]
