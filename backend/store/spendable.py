"""What operators may still spend of their accounts' money, and the marks that it has run low and until when it lasts, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, literal_column, or_, select, update
from sqlmodel import col

from backend.store import mirror, notices
from backend.store.tables import OperatorKey
from indexer.tables import Block, LedgerEntry, OperatorAllowance

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


ENDING = select(OperatorKey.account, OperatorKey.address, OperatorKey.ends_at).where(
    col(OperatorKey.revoked_at).is_(None),
    literal_column("operator_key.ends_at IS NOT NULL"),  # the words of its partial index
    col(OperatorKey.ends_at) > bindparam("now"),
    col(OperatorKey.ends_at) <= bindparam("by"),
)
"""Operators that can spend until an instant between `now` and `by` alone, as far as the mirror was looked at."""
_GIVEN_AT = (
    select(Block.timestamp_at)
    .join(
        OperatorAllowance,
        and_(
            col(Block.chain_id) == col(OperatorAllowance.chain_id),
            col(Block.escrow) == col(OperatorAllowance.escrow),
            col(Block.number) == col(OperatorAllowance.block_number),
        ),
    )
    .where(
        *mirror.own(OperatorAllowance),
        col(OperatorAllowance.requester) == bindparam("by"),
        col(OperatorAllowance.operator) == bindparam("operator"),
        col(OperatorAllowance.token) == bindparam("token"),
        col(OperatorAllowance.spent) == 0,
    )
    .order_by(col(OperatorAllowance.block_number).desc(), col(OperatorAllowance.log_index).desc())
    .limit(1)
)
"""When the allowance was signed last; what was spent since has the same end."""
_MARK = (
    update(OperatorKey)
    .where(col(OperatorKey.address) == bindparam("b_address"))
    .values(most_spendable=bindparam("b_most"), low_at=bindparam("b_low_at"), ends_at=bindparam("b_ends_at"))
)


def touched(connection: Connection, first: int, last: int) -> Sequence[Row[tuple[OperatorKey]]]:
    """Operators whose allowance, or whose account's ledger, changed in blocks `first` to `last`."""
    return connection.execute(TOUCHED, {"first": first, "last": last}).all()


def look(connection: Connection, key: Row[tuple[OperatorKey]], token: str, now: datetime) -> None:
    """Tells an operator's account, once, that less than a tenth is left of the most that the operator could spend since it was last
    low; and takes the mark away when there is more again, from when on that is the most. Marks when that ends by its time, too."""
    balance = mirror.balance(connection, key.account, token)
    allowance, expires_at = mirror.allowance(connection, key.account, key.address, token)
    left = min(balance, allowance if expires_at > now.timestamp() else 0)
    most, ends_at = key.most_spendable or 0, expires_at if allowance else None
    if allowance == 0 and expires_at == 0:  # never given, or taken back
        _mark(connection, key, 0, None, ends_at)
    elif left * LOW >= most:
        _mark(connection, key, left if key.low_at else max(most, left), None, ends_at)
    elif key.low_at is None:
        money = {"amount": left, "balance": balance, "allowance": allowance, "most": most}
        subject = {"operator": key.address, "token": token} | {name: str(value) for name, value in money.items()}
        notices.tell(connection, key.account, "allowance.low", subject, now)
        _mark(connection, key, most, now, ends_at)
    else:
        _mark(connection, key, most, key.low_at, ends_at)


def ending(connection: Connection, token: str, now: int, by: int) -> list[dict[str, Any]]:
    """Notices (account, kind, subject, fact) that nobody was told yet, of allowances that end after `now` and until `by` by their time;
    of those whose time is half over."""
    found = []
    for account, operator, ends_at in connection.execute(ENDING, {"now": now, "by": by}):
        allowance, expires_at = mirror.allowance(connection, account, operator, token)
        if allowance and expires_at == ends_at:  # a reorg may have taken it away
            subject = {"operator": operator, "token": token, "allowance": str(allowance), "until": ends_at}
            found.append({"account": account, "kind": "allowance.ending", "subject": subject, "fact": f"ending:{operator}:{ends_at}"})
    return [one for one in notices.untold(connection, found) if _is_half_over(connection, one, now)]


def _is_half_over(connection: Connection, notice: dict[str, Any], now: int) -> bool:
    subject = notice["subject"]
    given = {"by": notice["account"], "operator": subject["operator"], "token": subject["token"]}
    given_at = connection.execute(_GIVEN_AT, given).scalar()
    return given_at is None or subject["until"] - now <= now - given_at.timestamp()


def _mark(connection: Connection, key: Row[tuple[OperatorKey]], most: int, low_at: datetime | None, ends_at: int | None) -> None:
    if (key.most_spendable, key.low_at, key.ends_at) != (most, low_at, ends_at):
        connection.execute(_MARK, {"b_address": key.address, "b_most": most, "b_low_at": low_at, "b_ends_at": ends_at})
