"""Slots in SQL: finding a unit for a worker, holding one of its slots, and giving it back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from backend.store.tables import AnswerDraft, Assignment, JobWorker, Unit

NO_LIMIT = 2**62
LOOKED_AT = 16
"""How many given back slots are looked at before anything else; looking at all of them would cost the more the more there are."""

_CLAIM = text("""
    INSERT INTO job_worker (posting, worker, cursor, held, returned, abandoned, lost_seconds)
    VALUES (:posting, :worker, -1, 1, 0, 0, 0)
    ON CONFLICT (posting, worker) DO UPDATE SET held = job_worker.held + 1 WHERE job_worker.held < :most
    RETURNING job_worker.cursor, job_worker.held,
              EXISTS (SELECT 1 FROM unit WHERE unit.posting = :posting AND unit.free > 0 AND unit.handed = unit.slots)""")

_WHERE = text("""
    SELECT coalesce((SELECT cursor FROM job_worker WHERE posting = :posting AND worker = :worker), -1),
           EXISTS (SELECT 1 FROM unit WHERE unit.posting = :posting AND unit.free > 0 AND unit.handed = unit.slots)""")

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
_HOLDS = select(
    exists().where(
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.worker) == bindparam("by"),
        col(Assignment.unit) == bindparam("at"),
        col(Assignment.state) != "returned",
        col(Assignment.state) != "expired",
    )
)
_UNIT = (Unit.position, Unit.first_slot, Unit.slots, Unit.handed, Unit.content_offset, Unit.content_length)
_seen = (
    select(*_UNIT)
    .where(col(Unit.posting) == bindparam("posting"), literal_column("unit.free > 0"), _held < bindparam("limit"))
    .order_by(col(Unit.position))
    .limit(1)
)
_after, _up_to = _seen.where(col(Unit.position) > bindparam("cursor")), _seen.where(col(Unit.position) <= bindparam("cursor"))
_again = aliased(Unit, name="again")
_again_first = _seen.where(
    col(Unit.position).in_(
        select(col(_again.position))
        .where(col(_again.posting) == bindparam("posting"), text("again.free > 0 AND again.handed = again.slots"))
        .order_by(col(_again.position))
        .limit(LOOKED_AT)
    )
)
_ranked = (
    select(*_UNIT)
    .where(
        col(Unit.posting) == bindparam("posting"),
        literal_column("unit.free > 0"),
        literal_column("unit.rank IS NOT NULL"),
        _held < bindparam("limit"),
    )
    .order_by(col(Unit.rank), col(Unit.position))
    .limit(1)
)
_ranked_last = _ranked.order_by(None).order_by(col(Unit.rank).desc(), col(Unit.position).desc())
_RANKED, _RANKED_LAST = (look.with_for_update(skip_locked=True, of=Unit) for look in (_ranked, _ranked_last))
_LOOKS = (_again_first, _after, _up_to)
_AGAIN, _AFTER, _UP_TO = (look.with_for_update(skip_locked=True, of=Unit) for look in _LOOKS)
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
_MOVE = (
    update(JobWorker)
    .where(col(JobWorker.posting) == bindparam("b_posting"), col(JobWorker.worker) == bindparam("b_worker"))
    .values(cursor=bindparam("b_cursor"))
)
_HOLD_FRESH = text("""
    WITH taken AS (
        UPDATE unit SET free = free - 1, handed = handed + 1
         WHERE posting = :posting AND position = :unit AND free > 0 AND handed = :handed RETURNING posting),
    moved AS (UPDATE job_worker SET cursor = :unit WHERE posting = :posting AND worker = :worker)
    INSERT INTO assignment (id, posting, unit, slot, worker, state, created_at, expires_at)
    SELECT :id, :posting, :unit, :slot, :worker, :state, :created_at, :expires_at FROM taken""")
"""`_TAKE_FRESH`, `_INSERT` and `_MOVE` in one, for PostgreSQL, where each statement is a way there and back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's leave to hold one more slot of a job.

    Attributes:
        posting, worker: whose and of what.
        cursor: position of the unit that it was given last, -1 for none.
        again: whether slots were given back that nobody has taken since.
        held: how many slots of the job it had taken and kept before this one.
    """

    posting: int
    worker: str
    cursor: int
    again: bool
    held: int = 0


def claim(connection: Connection, posting: int, worker: str, most: int | None) -> Claim | None:
    """Counts one more slot to the worker, before it is found; None if it holds `most` of the job.

    From here to the commit the worker's other requests wait, in other processes too, so that nothing which is counted for it
    changes under way.
    """
    values = {"posting": posting, "worker": worker, "most": NO_LIMIT if most is None else most}
    row = connection.execute(_CLAIM, values).first() if most != 0 else None
    return None if row is None else Claim(posting, worker, row[0], bool(row[2]), row[1] - 1)


def next_unit(connection: Connection, claim: Claim, limit: int, ranked: bool = False, last: bool = False) -> Row[Any] | None:
    """The next unit with a free slot that the worker holds fewer than `limit` answers of: one that only lacks what somebody gave
    back, else the first behind its last one; round once. Of a job that is `ranked` the one whose next answer is worth most; the `last` of them
    if asked for."""
    values: dict[str, Any] = {"posting": claim.posting, "worker": claim.worker, "limit": limit}
    if ranked:
        return connection.execute(_RANKED_LAST if last else _RANKED, values).first()
    row = connection.execute(_AGAIN, values).first() if claim.again else None
    values["cursor"] = claim.cursor
    return row or connection.execute(_AFTER, values).first() or connection.execute(_UP_TO, values).first()


def held(connection: Connection, posting: int, position: int, worker: str) -> bool:
    """Whether a worker holds or held a slot of a unit, and didn't give it back."""
    return bool(connection.execute(_HOLDS, {"of": posting, "by": worker, "at": position}).scalar_one())


def preview(connection: Connection, posting: int, worker: str, limit: int, ranked: bool = False, last: bool = False) -> Row[Any] | None:
    """What `next_unit` would find, locked by nobody and counted to nobody."""
    if ranked:
        return connection.execute(_ranked_last if last else _ranked, {"posting": posting, "worker": worker, "limit": limit}).first()
    cursor, again = connection.execute(_WHERE, {"posting": posting, "worker": worker}).one()
    values = {"posting": posting, "worker": worker, "limit": limit, "cursor": cursor}
    looks = _LOOKS if again else _LOOKS[1:]
    return next((row for look in looks if (row := connection.execute(look, values).first())), None)


def this_unit(connection: Connection, claim: Claim, position: int) -> Row[Any] | None:
    """A named unit, locked, with its free slots and how many the worker holds; None if there is no such unit."""
    return connection.execute(_THIS, {"posting": claim.posting, "position": position, "worker": claim.worker}).first()


def hold(connection: Connection, unit: Row[Any], row: dict[str, Any]) -> bool:
    """Gives a slot of the unit to a reservation, which is written with it in `slot`: a fresh one as long as there are, else one that
    was given back. False if another was quicker; a slot that is held already breaks `assignment_slot_once`."""
    fresh = unit.handed < unit.slots
    if fresh:
        row["slot"] = unit.first_slot + unit.handed
        if connection.dialect.name == "postgresql":
            return connection.execute(_HOLD_FRESH, row | {"handed": unit.handed}).rowcount == 1
    else:
        row["slot"] = connection.execute(_GIVEN_BACK, {"posting": row["posting"], "unit": row["unit"]}).scalar()
    place = {"b_posting": row["posting"], "b_position": row["unit"]}
    taken = connection.execute(_TAKE_FRESH, place | {"b_handed": unit.handed}) if fresh else connection.execute(_TAKE_AGAIN, place)
    if row["slot"] is None or not taken.rowcount:
        return False
    connection.execute(_INSERT, row)
    connection.execute(_MOVE, {"b_posting": row["posting"], "b_worker": row["worker"], "b_cursor": row["unit"]})
    return True


# ------------------------------------------------------------------------------------------------ giving back

_DUE = (
    select(Assignment.id, Assignment.posting, Assignment.unit, Assignment.worker, Assignment.created_at)
    .where(literal_column("state = 'reserved'"), col(Assignment.expires_at) <= bindparam("now"))
    .limit(500)
    .with_for_update(skip_locked=True)
)
_GIVE_BACK = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == "reserved")
    .values(state=bindparam("b_state"), ended_at=bindparam("b_now"))
)
_asked_again = case(
    (func.coalesce(col(Unit.wanted), col(Unit.slots)) >= col(Unit.slots) - col(Unit.free) - col(Unit.withheld), 1), else_=0
)
"""1 where a slot that comes back is asked of somebody else, 0 where the unit has what it needs without."""
_FREE = (
    update(Unit)
    .where(col(Unit.posting) == bindparam("b_posting"), col(Unit.position) == bindparam("b_unit"))
    .values(free=col(Unit.free) + _asked_again, withheld=col(Unit.withheld) + 1 - _asked_again)
)
_LOSE = (
    update(JobWorker)
    .where(col(JobWorker.posting) == bindparam("b_posting"), col(JobWorker.worker) == bindparam("b_worker"))
    .values(
        held=col(JobWorker.held) - 1,
        returned=col(JobWorker.returned) + bindparam("b_returned"),
        abandoned=col(JobWorker.abandoned) + bindparam("b_abandoned"),
        lost_seconds=col(JobWorker.lost_seconds) + bindparam("b_lost"),
    )
)
_FORGET = delete(AnswerDraft).where(col(AnswerDraft.assignment) == bindparam("b_id"))


def give_back(connection: Connection, row: Row[Any], state: str, now: datetime) -> bool:
    """Ends a reservation as returned or expired, frees its slot, and notes the time that it was kept from others; False if it wasn't
    reserved any more."""
    if not connection.execute(_GIVE_BACK, {"b_id": row.id, "b_state": state, "b_now": now}).rowcount:
        return False
    connection.execute(_FREE, {"b_posting": row.posting, "b_unit": row.unit})
    returned, lost = int(state == "returned"), max(0, int((now - row.created_at).total_seconds()))
    values = {"b_posting": row.posting, "b_worker": row.worker, "b_returned": returned, "b_abandoned": 1 - returned, "b_lost": lost}
    connection.execute(_LOSE, values)
    connection.execute(_FORGET, {"b_id": row.id})
    return True


def expire(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Gives back up to 500 reservations whose time is over; returns which."""
    due = connection.execute(_DUE, {"now": now}).all()
    return [row for row in due if give_back(connection, row, "expired", now)]


# ------------------------------------------------------------------------------------------------ a worker's record

_RECORD = select(
    func.coalesce(func.sum(col(JobWorker.held)), 0),
    func.coalesce(func.sum(col(JobWorker.returned)), 0),
    func.coalesce(func.sum(col(JobWorker.abandoned)), 0),
    func.coalesce(func.sum(col(JobWorker.lost_seconds)), 0),
).where(col(JobWorker.worker) == bindparam("worker"))


@dataclass(frozen=True, slots=True)
class Record:
    """What a worker took here and gave back: assignments that it holds or answered, that it returned and abandoned, and how many
    seconds their slots were kept from others for nothing."""

    held: int
    returned: int
    abandoned: int
    lost_seconds: int


def record(connection: Connection, worker: str, posting: int | None = None) -> Record:
    """A worker's record, in all jobs or in one."""
    statement = _RECORD if posting is None else _RECORD.where(col(JobWorker.posting) == posting)
    return Record(*map(int, connection.execute(statement, {"worker": worker}).one()))
