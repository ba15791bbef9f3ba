"""What operators may still spend of their accounts' money, and the mark that it has run low, in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, or_, select, update
from sqlmodel import col

from backend.store import mirror, notices
from backend.store.tables import OperatorKey
from indexer.tables import LedgerEntry, OperatorAllowance

LOW = 10
"""Less than one part in so many of what there was."""

_between = col(OperatorAllowance.block_number).between(bindparam("first"), bindparam("last"))
TOUCHED = select(OperatorKey).where(
    col(OperatorKey.revoked_at).is_(None),
    or_(
        col(OperatorKey.address).in_(select(OperatorAllowance.operator).where(*mirror.own(OperatorAllowance), _between)),
        col(OperatorKey.account).in_(
            select(LedgerEntry.account).where(
                *mirror.own(LedgerEntry), col(LedgerEntry.block_number).between(bindparam("first"), bindparam("last"))
            )
        ),
    ),
)
_MARK = (
    update(OperatorKey)
    .where(col(OperatorKey.address) == bindparam("b_address"))
    .values(most_spendable=bindparam("b_most"), low_at=bindparam("b_low_at"))
)


def touched(connection: Connection, first: int, last: int) -> Sequence[Row[tuple[OperatorKey]]]:
    """Operators whose allowance, or whose account's ledger, changed in blocks `first` to `last`."""
    return connection.execute(TOUCHED, {"first": first, "last": last}).all()


def look(connection: Connection, key: Row[tuple[OperatorKey]], token: str, now: datetime) -> None:
    """Tells an operator's account, once, that less than a tenth is left of the most that the operator could spend since it was last
    low; and takes the mark away when there is more again, from when on that is the most."""
    balance = mirror.balance(connection, key.account, token)
    allowance, expires_at = mirror.allowance(connection, key.account, key.address, token)
    left = min(balance, allowance if expires_at > now.timestamp() else 0)
    most = key.most_spendable or 0
    if allowance == 0 and expires_at == 0:  # never given, or taken back
        _mark(connection, key, 0, None)
    elif left * LOW >= most:
        _mark(connection, key, left if key.low_at else max(most, left), None)
    elif key.low_at is None:
        money = {"amount": left, "balance": balance, "allowance": allowance, "most": most}
        subject = {"operator": key.address, "token": token} | {name: str(value) for name, value in money.items()}
        notices.tell(connection, key.account, "allowance.low", subject, now)
        _mark(connection, key, most, now)


def _mark(connection: Connection, key: Row[tuple[OperatorKey]], most: int, low_at: datetime | None) -> None:
    if (key.most_spendable, key.low_at) != (most, low_at):
        connection.execute(_MARK, {"b_address": key.address, "b_most": most, "b_low_at": low_at})
