"""Bonuses in SQL, with the tips of the mirror that they became."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlmodel import col

from backend.store import mirror
from backend.store.tables import Bonus, Posting
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
_VIEW = select(Bonus, _given_by.label("transaction_hash"))
_ONE = _VIEW.where(col(Bonus.note) == bindparam("wanted"))
_PAGE = _VIEW.where(col(Bonus.note) > bindparam("cursor")).order_by(col(Bonus.note)).limit(bindparam("most"))
_SENT = _PAGE.where(col(Bonus.requester) == bindparam("of"))
_RECEIVED = _PAGE.where(col(Bonus.worker) == bindparam("of"), _given_by.is_not(None))
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


def token_of(connection: Connection, posting: int) -> str:
    """The token of a job."""
    return str(connection.execute(_TOKEN, {"of": posting}).scalar_one())
