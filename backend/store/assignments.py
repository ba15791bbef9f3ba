"""Assignments in SQL: picking a unit, holding a slot, giving it back, and reading what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import Assignment, Posting, Unit

# ------------------------------------------------------------------------------------------------ picking

# States are compared one by one: an IN list is expanded anew at every execution.
_mine = aliased(Assignment)
_held = (
    select(func.count())
    .where(
        col(_mine.posting) == col(Unit.posting),
        col(_mine.worker) == bindparam("worker"),
        col(_mine.unit) == col(Unit.position),
        col(_mine.state) != "returned",
        col(_mine.state) != "expired",
    )
    .scalar_subquery()
)
_last = (
    select(func.coalesce(func.max(col(_mine.unit)), -1))
    .where(col(_mine.posting) == bindparam("posting"), col(_mine.worker) == bindparam("worker"))
    .scalar_subquery()
)
_UNIT = (Unit.position, Unit.first_slot, Unit.slots, Unit.handed, Unit.content_offset, Unit.content_length)
_free = (
    select(*_UNIT)
    .where(col(Unit.posting) == bindparam("posting"), literal_column("unit.free > 0"), _held < bindparam("limit"))
    .order_by(col(Unit.position))
    .limit(1)
    .with_for_update(skip_locked=True, of=Unit)
)
_AFTER = _free.where(col(Unit.position) > _last)
_UP_TO = _free.where(col(Unit.position) <= _last)
_THIS = (
    select(*_UNIT, Unit.free, _held.label("held"))
    .where(col(Unit.posting) == bindparam("posting"), col(Unit.position) == bindparam("position"))
    .with_for_update(of=Unit)
)

_live_twin = aliased(Assignment)
_GIVEN_BACK = (
    select(Assignment.slot)
    .where(
        col(Assignment.posting) == bindparam("posting"),
        col(Assignment.unit) == bindparam("unit"),
        (col(Assignment.state) == "returned") | (col(Assignment.state) == "expired"),
        not_(
            exists().where(
                col(_live_twin.posting) == col(Assignment.posting),
                col(_live_twin.slot) == col(Assignment.slot),
                col(_live_twin.state) != "returned",
                col(_live_twin.state) != "expired",
            )
        ),
    )
    .order_by(col(Assignment.slot))
    .limit(1)
)
_TAKE_FRESH = (
    update(Unit)
    .where(
        col(Unit.posting) == bindparam("b_posting"),
        col(Unit.position) == bindparam("b_position"),
        col(Unit.free) > 0,
        col(Unit.handed) == bindparam("b_handed"),
    )
    .values(free=col(Unit.free) - 1, handed=col(Unit.handed) + 1)
)
_TAKE_AGAIN = (
    update(Unit)
    .where(
        col(Unit.posting) == bindparam("b_posting"), col(Unit.position) == bindparam("b_position"), col(Unit.free) > 0
    )
    .values(free=col(Unit.free) - 1)
)
_INSERT = insert(Assignment)


def next_unit(connection: Connection, posting: int, worker: str, limit: int) -> Row[Any] | None:
    """The next unit with a free slot that the worker holds fewer than `limit` answers of, after its last one; round once."""
    values = {"posting": posting, "worker": worker, "limit": limit}
    return connection.execute(_AFTER, values).first() or connection.execute(_UP_TO, values).first()


def this_unit(connection: Connection, posting: int, position: int, worker: str) -> Row[Any] | None:
    """A named unit, locked, with its free slots and how many the worker holds; None if there is no such unit."""
    return connection.execute(_THIS, {"posting": posting, "position": position, "worker": worker}).first()


def take_slot(connection: Connection, posting: int, unit: Row[Any]) -> int | None:
    """One free slot of the unit: a fresh one as long as there are, else one that was given back. None if another was quicker."""
    place = {"b_posting": posting, "b_position": unit.position}
    if unit.handed < unit.slots:
        taken = connection.execute(_TAKE_FRESH, place | {"b_handed": unit.handed}).rowcount
        return unit.first_slot + unit.handed if taken else None
    slot = connection.execute(_GIVEN_BACK, {"posting": posting, "unit": unit.position}).scalar()
    if slot is None or not connection.execute(_TAKE_AGAIN, place).rowcount:
        return None
    return int(slot)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a reservation; a slot that is held already breaks `assignment_slot_once`."""
    connection.execute(_INSERT, row)


# ------------------------------------------------------------------------------------------------ giving back

_DUE = (
    select(Assignment.id, Assignment.posting, Assignment.unit)
    .where(literal_column("state = 'reserved'"), col(Assignment.expires_at) <= bindparam("now"))
    .limit(500)
    .with_for_update(skip_locked=True)
)
_GIVE_BACK = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == "reserved")
    .values(state=bindparam("b_state"))
)
_FREE = (
    update(Unit)
    .where(col(Unit.posting) == bindparam("b_posting"), col(Unit.position) == bindparam("b_unit"))
    .values(free=col(Unit.free) + 1)
)


def give_back(connection: Connection, id: str, posting: int, unit: int, state: str) -> bool:
    """Ends a reservation as returned or expired and frees its slot; False if it wasn't reserved any more."""
    if not connection.execute(_GIVE_BACK, {"b_id": id, "b_state": state}).rowcount:
        return False
    connection.execute(_FREE, {"b_posting": posting, "b_unit": unit})
    return True


def expire(connection: Connection, now: datetime) -> int:
    """Gives back up to 500 reservations whose time is over; returns how many."""
    due = connection.execute(_DUE, {"now": now}).all()
    return sum(give_back(connection, row.id, row.posting, row.unit, "expired") for row in due)


# ------------------------------------------------------------------------------------------------ one assignment

VIEW = (
    select(
        Assignment,
        slots.assignment_state.label("shown_state"),
        Posting.job,
        Posting.requester,
        Posting.content,
        Unit.content_offset,
        Unit.content_length,
    )
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .join(Unit, and_(col(Unit.posting) == col(Assignment.posting), col(Unit.position) == col(Assignment.unit)))
    .order_by(col(Assignment.id))
)
_VIEW_ONE = VIEW.where(col(Assignment.id) == bindparam("id"))
_ONE = _VIEW_ONE.add_columns(mirror.job_is_closed.label("closed"))
_COMMIT = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == "reserved")
    .values(
        state="committed",
        commitment=bindparam("b_commitment"),
        receipt=bindparam("b_receipt"),
        committed_at=bindparam("b_now"),
    )
)
_REVEAL = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == "committed")
    .values(state="revealed", answer=bindparam("b_answer"), salt=bindparam("b_salt"), revealed_at=bindparam("b_now"))
)


def one(connection: Connection, id: str) -> Row[Any] | None:
    """An assignment with everything that is shown of it, and whether its job is closed on the chain."""
    return connection.execute(_ONE, {"id": id}).first()


def commit(connection: Connection, id: str, commitment: str, receipt: str, now: datetime) -> bool:
    """Stores a commitment with its receipt; False if the assignment isn't reserved any more."""
    values = {"b_id": id, "b_commitment": commitment, "b_receipt": receipt, "b_now": now}
    return connection.execute(_COMMIT, values).rowcount == 1


def reveal(connection: Connection, id: str, answer: str, salt: str, now: datetime) -> bool:
    """Stores an answer; False if the assignment isn't committed any more."""
    values = {"b_id": id, "b_answer": answer, "b_salt": salt, "b_now": now}
    return connection.execute(_REVEAL, values).rowcount == 1


# ------------------------------------------------------------------------------------------------ reading

_PAGE = VIEW.where(col(Assignment.id) > bindparam("cursor")).limit(bindparam("limit"))


def view(connection: Connection, id: str) -> Row[Any] | None:
    """An assignment with everything that is shown of it."""
    return connection.execute(_VIEW_ONE, {"id": id}).first()


def page(connection: Connection, where: Sequence[ColumnElement[bool]], cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Assignments that meet `where`, by age, after the one that `cursor` names."""
    return connection.execute(_PAGE.where(*where), {"cursor": cursor, "limit": limit}).all()
