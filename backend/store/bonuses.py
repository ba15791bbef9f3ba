"""Bonuses in SQL, with the tips of the mirror that they became, and the transactions of operators that carry them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, tuple_, update
from sqlmodel import col

from backend.store import mirror, outbox
from backend.store.tables import Bonus, OperatorTip, Outbox, Posting
from indexer.tables import Tip

_given_by = (
    select(col(Tip.transaction_hash))
    .where(
        *mirror.own(Tip),
        col(Tip.receiver) == col(Bonus.worker),
        col(Tip.sender) == col(Bonus.requester),
        col(Tip.token) == col(Bonus.token),
        col(Tip.amount) == col(Bonus.amount),
        col(Tip.note) == col(Bonus.note),
    )
    .order_by(col(Tip.block_number), col(Tip.log_index), col(Tip.position))
    .limit(1)
    .scalar_subquery()
)
_VIEW = (
    select(Bonus, _given_by.label("transaction_hash"), OperatorTip.operator, Outbox.state.label("carried"), Outbox.error)  # type: ignore[call-overload,attr-defined]  # a column is one
    .select_from(Bonus)
    .outerjoin(OperatorTip, col(OperatorTip.id) == col(Bonus.note))
    .outerjoin(Outbox, col(Outbox.id) == col(OperatorTip.outbox))
)
_ONE = _VIEW.where(col(Bonus.note) == bindparam("wanted"))
_PAGE = _VIEW.where(col(Bonus.note) > bindparam("cursor")).order_by(col(Bonus.note)).limit(bindparam("most"))
_SENT = _PAGE.where(col(Bonus.requester) == bindparam("of"))
_NEWEST = (
    _VIEW.where(col(Bonus.requester) == bindparam("of")).order_by(col(Bonus.created_at).desc(), col(Bonus.note).desc()).limit(bindparam("most"))
)
_BEFORE = select(Bonus.created_at, Bonus.note).where(col(Bonus.note) == bindparam("before")).scalar_subquery()
_OLDER = _NEWEST.where(tuple_(col(Bonus.created_at), col(Bonus.note)) < _BEFORE)
_RECEIVED = _PAGE.where(col(Bonus.worker) == bindparam("of"), _given_by.is_not(None))
_UNDER_WAY = (
    select(OperatorTip.amount)
    .join(Outbox, col(Outbox.id) == col(OperatorTip.outbox))
    .where(col(OperatorTip.giver) == bindparam("by"), col(OperatorTip.token) == bindparam("of"))
    .where(col(Outbox.state).in_(("queued", "signed")))
)
_AGAIN = update(OperatorTip).where(col(OperatorTip.id) == bindparam("b_id")).values(outbox=bindparam("b_outbox"))
_TOKEN = select(Posting.token).where(col(Posting.number) == bindparam("of"))


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a bonus that is meant."""
    connection.execute(insert(Bonus), row)


def one(connection: Connection, note: str) -> Row[Any] | None:
    """A bonus, with the transaction that gave it."""
    return connection.execute(_ONE, {"wanted": note}).first()


def page(connection: Connection, account: str, as_worker: bool, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """What an account means to give; or what it was given."""
    statement = _RECEIVED if as_worker else _SENT
    return connection.execute(statement, {"of": account, "cursor": cursor, "most": limit}).all()


def newest(connection: Connection, requester: str, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """What a requester means to give, the newest first; those before the bonus with the note `before`."""
    more = {} if before is None else {"before": before}
    return connection.execute(_OLDER if more else _NEWEST, {"of": requester, "most": limit} | more).all()


def token_of(connection: Connection, posting: int) -> str:
    """The token of a job."""
    return str(connection.execute(_TOKEN, {"of": posting}).scalar_one())


def give(connection: Connection, bonus: Any, operator: str, now: datetime, again: bool = False) -> None:
    """Queues a bonus's tip, to be sent by an operator; `again` where the chain refused it before.

    Args:
        bonus: note, requester, worker, token and amount.
    """
    carrier = outbox.queue(connection, "tip", bonus.note, now, operator)
    if again:
        connection.execute(_AGAIN, {"b_id": bonus.note, "b_outbox": carrier})
        return
    tip = {"id": bonus.note, "giver": bonus.requester, "operator": operator, "receiver": bonus.worker, "token": bonus.token}
    connection.execute(insert(OperatorTip), tip | {"amount": bonus.amount, "outbox": carrier, "created_at": now})


def under_way(connection: Connection, requester: str, token: str) -> int:
    """Base units of a token in a requester's tips that operators are to send and that aren't confirmed."""
    return sum(connection.execute(_UNDER_WAY, {"by": requester, "of": token}).scalars())
