"""How the lanes of the outbox are doing, in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, insert, select, update
from sqlmodel import col

from backend.store.tables import LaneState, OperatorKey, Outbox

_SAY = update(LaneState).where(col(LaneState.lane) == bindparam("b_lane"))
_ALL = select(LaneState).order_by(col(LaneState.lane))
_LOAD = (
    select(col(Outbox.lane), col(Outbox.state), func.count(), func.min(Outbox.created_at), func.sum(col(Outbox.gas_used)))
    .group_by(col(Outbox.lane), col(Outbox.state))
)
_WHOSE = case((col(Outbox.lane).like("0x%"), "operator"), else_=col(Outbox.lane))
_BY_KIND = select(_WHOSE, col(Outbox.kind), col(Outbox.state), func.count(), func.min(Outbox.created_at)).group_by(
    _WHOSE, col(Outbox.kind), col(Outbox.state)
)
_OWNER = select(OperatorKey.account).where(col(OperatorKey.address) == bindparam("of"))


def say(connection: Connection, lane: str, row: dict[str, Any]) -> None:
    """Puts down how a lane is doing."""
    if not connection.execute(_SAY.values(**row), {"b_lane": lane}).rowcount:
        connection.execute(insert(LaneState), row | {"lane": lane})


def states(connection: Connection) -> Sequence[Row[Any]]:
    """What the settlers said last, by lane."""
    return connection.execute(_ALL).all()


def load(connection: Connection) -> Sequence[Row[Any]]:
    """For each lane and state: how many rows, since when the oldest is there, and how much gas they used."""
    return connection.execute(_LOAD).all()


def by_kind(connection: Connection) -> Sequence[Row[Any]]:
    """For each lane ("operator" for all of theirs), kind and state: how many rows, and since when the oldest is there."""
    return connection.execute(_BY_KIND).all()


def owner(connection: Connection, lane: str) -> str | None:
    """Whose operator a lane is; None for a service's own."""
    return connection.execute(_OWNER, {"of": lane}).scalar()
