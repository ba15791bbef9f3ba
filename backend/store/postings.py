"""Jobs and their units in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, insert, select
from sqlmodel import col

from backend.store import mirror, unit_loads
from backend.store.tables import Posting, Unit
from backend.store.tables.mturk import MTurkPart

_VIEW = select(Posting, mirror.posting_state.label("state"))
_ONE = _VIEW.where(col(Posting.job) == bindparam("wanted"))
_UNITS = (
    select(Unit)
    .where(col(Unit.posting) == bindparam("of"), col(Unit.position) > bindparam("cursor"))
    .order_by(col(Unit.position))
    .limit(bindparam("most"))
)
_NUMBERED = select(Posting).where(col(Posting.number) == bindparam("wanted"))
_OF_HITS = select(exists().where(col(MTurkPart.posting) == bindparam("wanted")))
_INSERT, _INSERT_UNITS = insert(Posting), insert(Unit)


def add(connection: Connection, posting: dict[str, Any], units: Sequence[dict[str, Any]]) -> int:
    """Writes a job with its units, or with those that were loaded under its number; returns that. A job that is there already breaks its uniqueness."""
    number = posting["number"] if "number" in posting else unit_loads.next_number(connection)
    connection.execute(_INSERT, posting | {"number": number})
    if units:
        connection.execute(_INSERT_UNITS, [unit | {"posting": number} for unit in units])
    return int(number)


def one(connection: Connection, job: str) -> Row[Any] | None:
    """A job with its state."""
    return connection.execute(_ONE, {"wanted": job}).first()


def is_of_hits(connection: Connection, number: int) -> bool:
    """Whether a posting's units are HITs."""
    return bool(connection.execute(_OF_HITS, {"wanted": number}).scalar())


def numbered(connection: Connection, number: int) -> Row[Any]:
    """A job by its number here."""
    return connection.execute(_NUMBERED, {"wanted": number}).one()


def units(connection: Connection, posting: int, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """A job's units after position `cursor`."""
    return connection.execute(_UNITS, {"of": posting, "cursor": cursor, "most": limit}).all()
