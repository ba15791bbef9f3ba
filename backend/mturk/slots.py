"""The slots of a HIT: offered while it lasts, withdrawn when it is over, and cancelled on the chain so that their money comes back.

    waiting (no posting)  → funded (a unit of a job)  → free → taken by workers
                                                      → withdrawn (nobody gets it) → cancelled (a batch gives it to the requester)

A part's `withdrawn` counts the free slots that were taken off the unit; a unit's `free` plus its part's `withdrawn` plus the slots that
somebody holds is always what the unit has.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update
from sqlmodel import col

from backend.mturk import events, hits
from backend.mturk.calls import Call
from backend.mturk.service import MTurk
from backend.store.tables import Unit
from backend.store.tables.mturk import MTurkHit, MTurkPart

_PARTS = (
    select(
        MTurkPart.id, MTurkPart.posting, MTurkPart.position, MTurkPart.slots, MTurkPart.withdrawn, MTurkPart.cancelled, MTurkPart.hit_type
    )
    .where(col(MTurkPart.hit) == bindparam("hit"))
    .order_by(col(MTurkPart.id))
    .with_for_update()
)
_OFFERED = select(MTurkHit.offered).where(col(MTurkHit.id) == bindparam("hit"))
_FREE = (
    select(Unit.free)
    .where(col(Unit.posting) == bindparam("posting"), col(Unit.position) == bindparam("position"))
    .with_for_update()
)


def withdraw(connection: Connection, hit: str, if_over: bool = False) -> None:
    """Takes a HIT's free slots off the market, and drops those that aren't funded yet.

    Args:
        if_over: only if it isn't offered; whoever offers it again at this moment has the slots' lock first, or waits for it.
    """
    parts = connection.execute(_PARTS, {"hit": hit}).all()
    if if_over and connection.execute(_OFFERED, {"hit": hit}).scalar_one():
        return
    for part in parts:
        if part.posting is None:
            connection.execute(delete(MTurkPart).where(col(MTurkPart.id) == part.id, col(MTurkPart.posting).is_(None)))
        else:
            free = int(connection.execute(_FREE, {"posting": part.posting, "position": part.position}).scalar_one())
            _shift(connection, part, free)


def dispose(connection: Connection, hit: hits.Hit, now: datetime) -> None:
    """Ends a HIT for good; what nobody took comes back."""
    hits.change(connection, hit.id, disposed_at=now, offered=False)
    withdraw(connection, hit.id)
    events.hit(connection, "HITDisposed", hit.id, hit.row.hit_type, now)


def offer(service: MTurk, connection: Connection, hit: hits.Hit, open_: bool, call: Call) -> None:
    """Puts a HIT's slots on the market, or takes them off.

    Raises:
        RequestError: more slots would have to be funded than the requester can pay.
    """
    if not open_:
        withdraw(connection, hit.id)
        return
    parts = connection.execute(_PARTS, {"hit": hit.id}).all()
    lacking = int(hit.row.most_assignments) - sum(part.slots - part.cancelled - part.withdrawn for part in parts)
    for part in parts:
        again = min(part.withdrawn, max(0, lacking)) if part.hit_type == hit.row.hit_type else 0  # another type's slots have its reward
        if again:
            _shift(connection, part, -again)
            lacking -= again
    if lacking > 0:
        service.funds.lock(connection, call.requester)
        cost = service.funds.cost(connection, hit.row.reward_cents, lacking)
        service.funds.need(connection, call.requester, call.caller.operator, cost, call.now)
        hits.add_part(connection, hit.row, lacking, call.caller.operator, call.now)


def move(service: MTurk, connection: Connection, hit: hits.Hit, hit_type: Row[Any], call: Call) -> None:
    """Gives a HIT that nobody took another type, and so other slots: a job's reward never changes.

    Raises:
        RequestError: the new slots can't be paid.
    """
    withdraw(connection, hit.id)
    hits.change(connection, hit.id, hit_type=hit_type.id)
    slots = hit.counters.available
    if not slots:
        return
    cost = service.funds.cost(connection, hit_type.reward_cents, slots)
    service.funds.need(connection, call.requester, call.caller.operator, cost, call.now)
    row = {"id": hit.id, "requester": hit.row.requester, "hit_type": hit_type.id}
    hits.add_part(connection, row, slots, call.caller.operator, call.now)


def _shift(connection: Connection, part: Row[Any], count: int) -> None:
    """Moves free slots of a unit to withdrawn; negative, back."""
    connection.execute(
        update(Unit)
        .where(col(Unit.posting) == part.posting, col(Unit.position) == part.position)
        .values(free=col(Unit.free) - count)
    )
    connection.execute(
        update(MTurkPart).where(col(MTurkPart.id) == part.id).values(withdrawn=col(MTurkPart.withdrawn) + count)
    )


def lock_part(connection: Connection, part: int) -> int:
    """A part's withdrawn slots, locked until the transaction ends."""
    statement = select(MTurkPart.withdrawn).where(col(MTurkPart.id) == part).with_for_update()
    return int(connection.execute(statement).scalar_one())


def count_cancelled(connection: Connection, part: int, count: int) -> None:
    """Says that withdrawn slots are given back."""
    connection.execute(
        update(MTurkPart)
        .where(col(MTurkPart.id) == part)
        .values(withdrawn=col(MTurkPart.withdrawn) - count, cancelled=col(MTurkPart.cancelled) + count)
    )
