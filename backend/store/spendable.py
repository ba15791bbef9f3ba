"""What operators may still spend of their accounts' money, and the mark that it has run low, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, and_, bindparam, or_, select, update
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


def _newest(column: Any) -> ScalarSelect[Any]:
    """Of what an operator may spend of its account's `token` now."""
    return (
        select(column)
        .where(
            *mirror.own(OperatorAllowance),
            col(OperatorAllowance.requester) == col(OperatorKey.account),
            col(OperatorAllowance.operator) == col(OperatorKey.address),
            col(OperatorAllowance.token) == bindparam("token"),
        )
        .order_by(col(OperatorAllowance.block_number).desc(), col(OperatorAllowance.log_index).desc())
        .limit(1)
        .correlate(OperatorKey)
        .scalar_subquery()
    )


_now = (
    select(
        OperatorKey.account,
        OperatorKey.address,
        _newest(col(OperatorAllowance.allowance)).label("allowance"),
        _newest(col(OperatorAllowance.expires_at)).label("expires_at"),
    )
    .where(col(OperatorKey.revoked_at).is_(None))
    .subquery()
)
ENDING = select(_now).where(_now.c.allowance > 0, _now.c.expires_at > bindparam("now"), _now.c.expires_at <= bindparam("by"))
"""Operators with something to spend that they can spend until an instant between `now` and `by` alone."""
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


def ending(connection: Connection, token: str, now: int, by: int) -> list[dict[str, Any]]:
    """Notices (account, kind, subject, fact) that nobody was told yet, of allowances that end after `now` and until `by` by their time;
    of those whose time is half over."""
    rows = connection.execute(ENDING, {"token": token, "now": now, "by": by}).all()
    told = [
        {
            "account": row.account,
            "kind": "allowance.ending",
            "subject": {"operator": row.address, "token": token, "allowance": str(row.allowance), "until": row.expires_at},
            "fact": f"ending:{row.address}:{row.expires_at}",
        }
        for row in rows
    ]
    return [one for one in notices.untold(connection, told) if _is_half_over(connection, one, now)]


def _is_half_over(connection: Connection, notice: dict[str, Any], now: int) -> bool:
    subject = notice["subject"]
    given = {"by": notice["account"], "operator": subject["operator"], "token": subject["token"]}
    given_at = connection.execute(_GIVEN_AT, given).scalar()
    return given_at is None or subject["until"] - now <= now - given_at.timestamp()


def _mark(connection: Connection, key: Row[tuple[OperatorKey]], most: int, low_at: datetime | None) -> None:
    if (key.most_spendable, key.low_at) != (most, low_at):
        connection.execute(_MARK, {"b_address": key.address, "b_most": most, "b_low_at": low_at})
