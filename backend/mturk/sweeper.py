"""What happens to HITs by itself: they expire, free slots are cancelled so that their money comes back, answers that nobody reviewed
count as approved, and review policies run."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from backend.mturk import events, hits, reviewing, reviews, slots
from backend.mturk.deliveries import deliver
from backend.mturk.funder import Funder
from backend.mturk.ids import assignment_id
from backend.mturk.service import MTurk
from backend.services.leadership import Leadership
from backend.store import holding
from backend.store.tables import Assignment, Posting, Unit
from backend.store.tables.mturk import MTurkCall, MTurkHit, MTurkHitType, MTurkPart
from indexer.tables import Funding
from piecework.domain.errors import Conflict, PieceworkError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.25
AT_ONCE = 200
CALLS_LIVE = timedelta(hours=24)
DAY = timedelta(days=1)
ZERO = "0x" + "00" * 32
"""What is committed to for a slot that is cancelled: nothing."""

_EXPIRED = (
    select(MTurkHit.id, MTurkHit.hit_type)
    .where(col(MTurkHit.offered), col(MTurkHit.expires_at) <= bindparam("now"))
    .limit(AT_ONCE)
)
_WITHDRAWN = (
    select(MTurkPart.id, MTurkPart.requester, MTurkPart.posting, MTurkPart.position, MTurkPart.withdrawn)
    .join(Posting, col(Posting.number) == col(MTurkPart.posting))
    .where(
        col(MTurkPart.withdrawn) > 0,
        exists().where(col(Funding.job) == col(Posting.job)),
    )
    .order_by(col(MTurkPart.id))
    .limit(AT_ONCE)
)
_RETURN = (
    update(Unit)
    .where(col(Unit.posting) == bindparam("b_posting"), col(Unit.position) == bindparam("b_position"))
    .values(free=col(Unit.free) + 1)
    .returning(col(Unit.position), col(Unit.first_slot), col(Unit.slots), col(Unit.handed))
)
_GIVE_TO_REQUESTER = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"))
    .values(state="approved", commitment=ZERO, committed_at=bindparam("b_now"), reviewed_at=bindparam("b_now"))
)
_OVERDUE = (
    select(
        Assignment.id,
        Assignment.posting,
        Assignment.state,
        Assignment.revealed_at,
        MTurkHitType.auto_approval_seconds,
        MTurkHitType.id.label("hit_type"),  # type: ignore[attr-defined]  # a column here
        MTurkPart.hit,
    )
    .join(MTurkPart, and_(col(MTurkPart.posting) == col(Assignment.posting), col(MTurkPart.position) == col(Assignment.unit)))
    .join(MTurkHitType, col(MTurkHitType.id) == col(MTurkPart.hit_type))
    .where(
        col(Assignment.state) == "revealed",
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.revealed_at) <= bindparam("since"),
    )
    .limit(AT_ONCE)
)
_DELAYS = select(MTurkHitType.auto_approval_seconds, MTurkPart.posting).join(
    MTurkPart, col(MTurkPart.hit_type) == col(MTurkHitType.id)
).where(
    exists().where(col(Assignment.posting) == col(MTurkPart.posting), col(Assignment.state) == "revealed")
).distinct()


class Sweeper:
    """The interface's own clockwork; one process does it.

    Args:
        service: the interface.
    """

    def __init__(self, service: MTurk) -> None:
        self._service = service
        self._funder = Funder(service)
        self._leadership = Leadership(service.store, "mturk", service.clock)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins; call it on the loop that serves."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(work)) for work in (self.step, self._deliver)]

    async def stop(self) -> None:
        """Ends; whatever was under way is found again."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._leadership.held:
            with suppress(PieceworkError):
                await asyncio.to_thread(self._leadership.resign)

    async def _deliver(self) -> None:
        await asyncio.to_thread(deliver, self._service, self._service.clock())

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        silent = ""
        while True:
            try:
                if await asyncio.to_thread(self._leadership.acquire):
                    await work()
                silent = ""
            except (PieceworkError, SQLAlchemyError) as error:
                if str(error) != silent:
                    log.warning("HITs wait: %s", error)
                silent = str(error)
            except Exception:  # a fault of ours: logged with its trace, and everybody else's HITs go on
                log.exception("the clockwork of HITs failed; it goes on")
            await asyncio.sleep(PAUSE_SECONDS)

    async def step(self) -> None:
        """Everything that is due now."""
        await self._funder.step()
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        now = self._service.clock()
        self._each(_EXPIRED, {"now": now}, lambda connection, row: self._expire(connection, row, now))
        self._each(_WITHDRAWN, {}, lambda connection, row: self._cancel(connection, row, now))
        for delay in self._rows(_DELAYS, {}):
            since = now - timedelta(seconds=delay.auto_approval_seconds)
            self._each(_OVERDUE, {"of": delay.posting, "since": since}, lambda connection, row: self._approve(connection, row, now))
        reviewing.run(self._service, now)
        self._service.store.write_now(
            lambda connection: connection.execute(delete(MTurkCall).where(col(MTurkCall.created_at) < now - CALLS_LIVE))
        )

    def _rows(self, statement: Any, values: dict[str, Any]) -> list[Row[Any]]:
        with self._service.store.read() as connection:
            return list(connection.execute(statement, values))

    def _each(self, statement: Any, values: dict[str, Any], work: Any) -> None:
        for row in self._rows(statement, values):
            self._service.store.write_now(lambda connection, row=row: work(connection, row))

    def _expire(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        ended = update(MTurkHit).where(
            col(MTurkHit.id) == row.id, col(MTurkHit.offered), col(MTurkHit.expires_at) <= now
        ).values(offered=False)
        if connection.execute(ended).rowcount:
            slots.withdraw(connection, row.id)
            events.hit(connection, "HITExpired", row.id, row.hit_type, now)

    def _cancel(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        """Gives withdrawn slots to the requester itself: a batch that says so cancels them, and their money comes back."""
        count = min(slots.lock_part(connection, row.id), AT_ONCE)
        place = {"b_posting": row.posting, "b_position": row.position}
        for _ in range(count):
            unit = connection.execute(_RETURN, place).one()
            assignment = _reservation(row, now)
            if not holding.hold(connection, unit, assignment):
                raise Conflict(f"Unit {row.position} of posting {row.posting} lacks a slot that was withdrawn.")
            connection.execute(_GIVE_TO_REQUESTER, {"b_id": assignment["id"], "b_now": now})
        slots.count_cancelled(connection, row.id, count)

    def _approve(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        reviews.approve(connection, row, "", now, None)
        events.hit(connection, "AssignmentApproved", row.hit, row.hit_type, now, assignment_id(row.id))


def _reservation(part: Row[Any], now: datetime) -> dict[str, Any]:
    return {
        "id": "0x" + int(now.timestamp() * 1000).to_bytes(6).hex() + secrets.token_hex(10),
        "posting": part.posting,
        "unit": part.position,
        "worker": part.requester,
        "state": "reserved",
        "created_at": now,
        "expires_at": now,
    }
