"""What time makes due in reviews, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, select, text
from sqlmodel import col

from backend.store import mirror
from backend.store.tables import Assignment, OperatorKey, Posting, SignedBatch
from indexer.tables import OperatorAllowance

not_overdue = col(Assignment.overdue_at).is_(None)
"""The condition that an answer isn't marked as overdue yet."""

unreviewed = text("assignment.state = 'revealed' AND assignment.overdue_at IS NULL")
"""The condition that nobody has decided about an answer, time neither; in the words of its partial index."""
_has_operator = exists().where(col(OperatorKey.address) == col(Posting.operator), col(OperatorKey.revoked_at).is_(None))
DUE = select(col(Assignment.posting)).where(unreviewed, col(Assignment.review_until) <= bindparam("now"))
REGISTERED = select(OperatorKey.address).where(
    col(OperatorKey.address).in_(
        select(OperatorAllowance.operator).where(*mirror.own(OperatorAllowance), col(OperatorAllowance.block_number) > bindparam("since"))
    )
)
MISSED = (
    select(Posting.number)
    .where(col(Posting.operator).in_(bindparam("operators", expanding=True)), _has_operator)
    .where(
        exists().where(
            col(Assignment.posting) == col(Posting.number), col(Assignment.state) == "revealed", col(Assignment.overdue_at).is_not(None)
        )
    )
)
UNSIGNED = (
    select(Posting.number)
    .distinct()
    .join(SignedBatch, col(SignedBatch.posting) == col(Posting.number))
    .where(col(SignedBatch.approval).is_(None), _has_operator)
    .order_by(col(Posting.number))
)
_JOBS = select(Posting).where(col(Posting.number).in_(bindparam("numbers", expanding=True))).order_by(col(Posting.number))


def due(connection: Connection, now: datetime, since: int) -> Sequence[Row[Any]]:
    """Jobs with an answer whose time for a review is over: one that isn't marked as overdue yet, or one that is and may be approved after
    all, because an operator was registered in a block after `since`."""
    numbers = set(connection.execute(DUE, {"now": now}).scalars())
    operators = list(connection.execute(REGISTERED, {"since": since}).scalars())
    if operators:
        numbers |= set(connection.execute(MISSED, {"operators": operators}).scalars())
    return jobs(connection, sorted(numbers)) if numbers else []


def unsigned(connection: Connection) -> Sequence[int]:
    """The numbers of jobs with an operator of ours, of which a batch waits for an approval."""
    return connection.execute(UNSIGNED).scalars().all()


def jobs(connection: Connection, numbers: Sequence[int]) -> Sequence[Row[Any]]:
    """Jobs by their numbers."""
    return connection.execute(_JOBS, {"numbers": list(numbers)}).all()


def waited(now: datetime) -> list[ColumnElement[bool]]:
    """The conditions that an answer has waited for its job's whole delay."""
    return [col(Assignment.review_until) <= now]
