"""Jobs that are still being described, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlmodel import col

from backend.store.tables import Draft

_ONE = select(Draft).where(col(Draft.id) == bindparam("wanted"))
_OF = (
    select(Draft)
    .where(col(Draft.requester) == bindparam("by"), col(Draft.id) > bindparam("cursor"))
    .order_by(col(Draft.id))
    .limit(bindparam("most"))
)
_COUNT = select(func.count()).select_from(Draft).where(col(Draft.requester) == bindparam("by"), col(Draft.job).is_(None))
_CHANGE = (
    update(Draft)
    .where(col(Draft.id) == bindparam("of"), col(Draft.version) == bindparam("seen"), col(Draft.job).is_(None))
    .values(version=bindparam("next"), described=bindparam("said"), updated_at=bindparam("now"))
)
_LOADED = (
    update(Draft)
    .where(col(Draft.id) == bindparam("of"), col(Draft.job).is_(None))
    .values(load=bindparam("number"), version=col(Draft.version) + 1, updated_at=bindparam("now"))
)
_FREEZE = (
    update(Draft)
    .where(col(Draft.id) == bindparam("of"), col(Draft.version) == bindparam("seen"), col(Draft.job).is_(None))
    .values(job=bindparam("became"), updated_at=bindparam("now"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """A new draft."""
    connection.execute(insert(Draft), row)


def one(connection: Connection, id: str) -> Row[Any] | None:
    """A draft."""
    return connection.execute(_ONE, {"wanted": id}).one_or_none()


def page(connection: Connection, requester: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """A requester's drafts by id."""
    return connection.execute(_OF, {"by": requester, "cursor": cursor, "most": limit}).all()


def count(connection: Connection, requester: str) -> int:
    """How many drafts a requester has that aren't frozen."""
    return int(connection.execute(_COUNT, {"by": requester}).scalar_one())


def change(connection: Connection, id: str, seen: int, said: str, now: datetime) -> bool:
    """Says something else, if the draft is as it was seen."""
    values = {"of": id, "seen": seen, "next": seen + 1, "said": said, "now": now}
    return bool(connection.execute(_CHANGE, values).rowcount)


def loaded(connection: Connection, id: str, number: int | None, now: datetime) -> bool:
    """The draft has other units; False if it is gone or frozen."""
    return bool(connection.execute(_LOADED, {"of": id, "number": number, "now": now}).rowcount)


def freeze(connection: Connection, id: str, seen: int, job: str, now: datetime) -> bool:
    """The draft became a job, if it is as it was seen."""
    return bool(connection.execute(_FREEZE, {"of": id, "seen": seen, "became": job, "now": now}).rowcount)


def forget(connection: Connection, id: str) -> None:
    """Drops a draft."""
    connection.execute(delete(Draft).where(col(Draft.id) == id))
