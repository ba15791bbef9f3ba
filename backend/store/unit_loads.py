"""Units on their way in, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, text, update
from sqlmodel import col

from backend.store.tables import ContentKey, Posting, Unit, UnitLoad

_ONE = select(UnitLoad).where(col(UnitLoad.number) == bindparam("wanted"))
_NEWEST = select(UnitLoad).where(col(UnitLoad.draft) == bindparam("of_draft")).order_by(col(UnitLoad.number).desc()).limit(1)
_STALE = (
    select(UnitLoad.number, UnitLoad.state, UnitLoad.content)
    .where(text("state IN ('loading', 'dropped')"), col(UnitLoad.moved_at) < bindparam("then"))
    .order_by(col(UnitLoad.moved_at))
    .limit(1)
)
_MOVE = (
    update(UnitLoad)
    .where(col(UnitLoad.number) == bindparam("of"), col(UnitLoad.state) == "loading")
    .values(rows=bindparam("in"), slots=bindparam("asked"), size=bindparam("read"), moved_at=bindparam("now"))
)
_STATE = update(UnitLoad).where(col(UnitLoad.number) == bindparam("of"), col(UnitLoad.state) == bindparam("from"))
_FORGET_ROWS = delete(Unit).where(col(Unit.posting) == bindparam("of"), col(Unit.position) >= bindparam("from_position"))
_LEAVES = (
    select(Unit.position, Unit.leaf)
    .where(col(Unit.posting) == bindparam("of"), col(Unit.position) >= bindparam("first"), col(Unit.position) < bindparam("end"))
    .order_by(col(Unit.position))
)
_UNIT = select(Unit).where(col(Unit.posting) == bindparam("of"), col(Unit.position) == bindparam("at"))
_BY_STATE = select(col(UnitLoad.state), func.count()).group_by(col(UnitLoad.state))
_KEY = select(ContentKey.wrapped, ContentKey.mark).where(col(ContentKey.load) == bindparam("of"))


def by_state(connection: Connection) -> dict[str, int]:
    """How many loads there are of each state."""
    return {state: count for state, count in connection.execute(_BY_STATE)}


def next_number(connection: Connection) -> int:
    """The number of the next job or load: both come from one count, so that a load becomes the job of its number."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(text("SELECT nextval(pg_get_serial_sequence('posting', 'number'))")).scalar_one())
    newest = [connection.execute(select(func.max(column))).scalar() or 0 for column in (Posting.number, UnitLoad.number)]
    return int(max(newest)) + 1


def begin(connection: Connection, row: dict[str, Any]) -> None:
    """A load that has nothing yet."""
    connection.execute(insert(UnitLoad), {"rows": 0, "size": 0, "slots": 0, "state": "loading"} | row)


def add(connection: Connection, number: int, units: Sequence[dict[str, Any]], slots: int, size: int, now: datetime) -> bool:
    """More units of a load; False if it was dropped, or given up as dead, in the meantime."""
    moved = {"of": number, "in": units[-1]["position"] + 1, "asked": slots, "read": size, "now": now}
    if not connection.execute(_MOVE, moved).rowcount:
        return False
    connection.execute(insert(Unit), [unit | {"posting": number} for unit in units])
    return True


def touch(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """Loads that are under way are alive, whether or not they move."""
    connection.execute(
        update(UnitLoad)
        .where(col(UnitLoad.number).in_(numbers), col(UnitLoad.state) == "loading")
        .values(moved_at=now)
    )


def finish(connection: Connection, number: int, root: str, nodes: bytes, now: datetime) -> bool:
    """The load is whole; False if it was dropped."""
    values = {"state": "loaded", "units_root": root, "blocks": nodes, "moved_at": now}
    return bool(connection.execute(_STATE.values(**values), {"of": number, "from": "loading"}).rowcount)


def fault(connection: Connection, number: int, error: str, row: int | None, column: str | None) -> None:
    """What was wrong with a load; its rows go next."""
    values = {"error": error, "error_row": row, "error_column": column}
    connection.execute(_STATE.values(**values), {"of": number, "from": "loading"})


def forget_rows(connection: Connection, number: int, from_position: int) -> None:
    """Drops a load's units from a position on."""
    connection.execute(_FORGET_ROWS, {"of": number, "from_position": from_position})


def fail(connection: Connection, number: int, now: datetime) -> None:
    """The load has failed, and nothing of it is left but why."""
    values = {"state": "failed", "rows": 0, "slots": 0, "moved_at": now}
    connection.execute(_STATE.values(**values), {"of": number, "from": "loading"})


def drop(connection: Connection, number: int, now: datetime) -> None:
    """Nobody needs the load any more; the sweep takes it."""
    statement = update(UnitLoad).where(col(UnitLoad.number) == number).values(state="dropped", moved_at=now, draft=None)
    connection.execute(statement)


def forget(connection: Connection, number: int) -> None:
    """Drops the record of a load, and its key."""
    connection.execute(delete(UnitLoad).where(col(UnitLoad.number) == number))
    connection.execute(delete(ContentKey).where(col(ContentKey.load) == number))


def one(connection: Connection, number: int) -> Row[Any] | None:
    """A load."""
    return connection.execute(_ONE, {"wanted": number}).one_or_none()


def newest_of(connection: Connection, draft: str) -> Row[Any] | None:
    """The load of a draft that began last."""
    return connection.execute(_NEWEST, {"of_draft": draft}).one_or_none()


def of_draft(connection: Connection, draft: str) -> Sequence[int]:
    """The loads of a draft."""
    return connection.execute(select(UnitLoad.number).where(col(UnitLoad.draft) == draft)).scalars().all()


def interrupt(connection: Connection, number: int, error: str) -> None:
    """Says of a load that stopped moving why it goes, if nothing was wrong with it before."""
    connection.execute(_STATE.where(col(UnitLoad.error).is_(None)).values(error=error), {"of": number, "from": "loading"})


def stale(connection: Connection, then: datetime) -> Row[Any] | None:
    """A load that stopped moving before `then`, or that was dropped."""
    return connection.execute(_STALE, {"then": then}).one_or_none()


def leaves(connection: Connection, number: int, first: int, end: int) -> list[bytes]:
    """The Merkle leaves of a job's units from `first` up to `end`."""
    rows = connection.execute(_LEAVES, {"of": number, "first": first, "end": end})
    return [bytes.fromhex(row.leaf[2:]) for row in rows]


def unit(connection: Connection, number: int, position: int) -> Row[Any] | None:
    """A unit by its position."""
    return connection.execute(_UNIT, {"of": number, "at": position}).one_or_none()


def key(connection: Connection, number: int) -> Row[Any] | None:
    """The wrapped key of a load's units; `wrapped` is empty once the requester took it back."""
    return connection.execute(_KEY, {"of": number}).one_or_none()


def keep_key(connection: Connection, number: int, wrapped: bytes, mark: bytes) -> None:
    """Keeps a load's wrapped key instead of the one before."""
    connection.execute(delete(ContentKey).where(col(ContentKey.load) == number))
    connection.execute(insert(ContentKey), {"load": number, "wrapped": wrapped, "mark": mark})
