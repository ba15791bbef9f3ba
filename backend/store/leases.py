"""Leases in SQL. On PostgreSQL a look at one locks its row until the transaction ends; on SQLite whoever writes is alone anyway."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.store.tables import Lease

_ONE = select(Lease.holder, Lease.expires_at).where(col(Lease.name) == bindparam("lease")).with_for_update()
_TAKE = (
    update(Lease)
    .where(col(Lease.name) == bindparam("lease"))
    .values(holder=bindparam("me"), expires_at=bindparam("until"))
)


def look(connection: Connection, lease: str) -> Row[Any] | None:
    """Holder and end of a lease; None if nobody ever had it."""
    return connection.execute(_ONE, {"lease": lease}).first()


def holder(connection: Connection, lease: str) -> str | None:
    """Whose it is."""
    row = look(connection, lease)
    return None if row is None else str(row.holder)


def take(connection: Connection, lease: str, me: str, now: datetime, seconds: float, first: bool) -> None:
    """Writes a new holder and end; `first` where there is no row yet (two who write it at once: one of them is told)."""
    until = now + timedelta(seconds=seconds)
    if first:
        connection.execute(insert(Lease), {"name": lease, "holder": me, "expires_at": until})
    else:
        connection.execute(_TAKE, {"lease": lease, "me": me, "until": until})


def give_up(connection: Connection, lease: str, me: str, now: datetime) -> None:
    """Ends a lease now, if it is still `me` who has it."""
    if holder(connection, lease) == me:
        connection.execute(_TAKE, {"lease": lease, "me": me, "until": now})
