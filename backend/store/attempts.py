"""Every version of a transaction in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlmodel import col

from backend.store.tables import Attempt

_OF = select(Attempt).where(col(Attempt.outbox) == bindparam("of")).order_by(col(Attempt.max_fee).desc())


def add(connection: Connection, outbox: int, hash_: str, raw: str, fees: tuple[int, int], now: datetime) -> None:
    """Keeps a version before it is sent; `fees` are the most that it offers, and the most of that as a tip, wei a gas."""
    row = {"transaction_hash": hash_, "outbox": outbox, "raw": raw, "created_at": now}
    connection.execute(insert(Attempt), row | {"max_fee": fees[0], "max_tip": fees[1]})


def of(connection: Connection, outbox: int) -> list[Row[Any]]:
    """The versions of a row's transaction, the dearest and so the newest first."""
    return list(connection.execute(_OF, {"of": outbox}))
