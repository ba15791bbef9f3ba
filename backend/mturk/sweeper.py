"""What happens to HITs by itself: they are funded, they expire, free slots are cancelled so that their money comes back, review policies
run, events are delivered. (Answers that nobody reviews are approved by the steward, as in every job.)"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from backend.mturk import events, hits, reviewing, slots
from backend.mturk.deliveries import Deliveries, replan
from backend.mturk.funder import Funder
from backend.mturk.happenings import reviewable
from backend.mturk.rounds import Round, Waiting
from backend.mturk.service import MTurk
from backend.services.leadership import Leadership
from backend.store import holding
from backend.store.tables import Assignment, Posting, Unit
from backend.store.tables.mturk import MTurkCall, MTurkHit, MTurkPart
from indexer.tables import Funding
from piecework.domain.errors import Conflict, PieceworkError

log = logging.getLogger(__name__)

MOST_CANCELLED = 200
"""Slots of a HIT that one transaction gives back."""
CALLS_LIVE = timedelta(hours=24)
HITS_LIVE = timedelta(days=120)
"""After its end a HIT that is reviewed is disposed of by itself."""
ZERO = "0x" + "00" * 32
"""What is committed to for a slot that is cancelled: nothing."""

_BY_END = col(MTurkHit.expires_at), col(MTurkHit.number)
_EXPIRED = Waiting(
    "the end of HIT",
    select(MTurkHit.id, MTurkHit.hit_type, MTurkHit.requester, *_BY_END)
    .where(text("mturk_hit.offered"), col(MTurkHit.expires_at) <= bindparam("now")),  # the words of its partial index
    *_BY_END,
)
_OLD = Waiting(
    "the disposal of HIT",
    select(MTurkHit.id, MTurkHit.requester, *_BY_END)
    .where(text("mturk_hit.disposed_at IS NULL"), col(MTurkHit.expires_at) <= bindparam("since")),  # the words of its partial index
    *_BY_END,
)
_WITHDRAWN = Waiting(
    "the money of part",
    select(MTurkPart.id, MTurkPart.requester, MTurkPart.posting, MTurkPart.position, MTurkPart.withdrawn)
    .join(Posting, col(Posting.number) == col(MTurkPart.posting))
    .where(
        text("mturk_part.withdrawn > 0"),  # the words of its partial index
        exists().where(col(Funding.job) == col(Posting.job)),
    ),
    col(MTurkPart.id),
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

class Sweeper:
    """The interface's own clockwork; one process does it.

    Args:
        service: the interface.
    """

    def __init__(self, service: MTurk) -> None:
        self._service = service
        self._leadership = Leadership(service.store, "mturk", service.clock)
        self._expired, self._old, self._withdrawn, self._reviewed = map(Round, (_EXPIRED, _OLD, _WITHDRAWN, reviewing.DUE))
        self._deliveries = Deliveries(service)
        self._works = (
            (Funder(service).step, 0.25),
            (partial(asyncio.to_thread, self._sweep), 0.5),
            (partial(asyncio.to_thread, self._deliveries.look), 0.5),
            (partial(asyncio.to_thread, self._dispose), 5.0),
            (self._forget, 60.0),
            (self._replan, 60.0),
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins; call it on the loop that serves."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(work, pause)) for work, pause in self._works]

    async def stop(self) -> None:
        """Ends; whatever was under way is found again."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(self._deliveries.close)
        if self._leadership.held:
            with suppress(PieceworkError):
                await asyncio.to_thread(self._leadership.resign)

    async def _run(self, work: Callable[[], Awaitable[Any]], pause_seconds: float) -> None:
        """One kind of work over and over; a fault in it holds up no other kind."""
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
            await asyncio.sleep(pause_seconds)

    async def _forget(self) -> None:
        old = delete(MTurkCall).where(col(MTurkCall.created_at) < self._service.clock() - CALLS_LIVE)
        await self._service.store.write(lambda connection: connection.execute(old))

    async def _replan(self) -> None:
        await self._service.store.write(lambda connection: replan(connection, self._service.clock()))

    def _sweep(self) -> None:
        now = self._service.clock()
        store = self._service.store
        self._expired.look(store, {"now": now}, now, lambda connection, row: self._expire(connection, row, now))
        self._withdrawn.look(store, {}, now, lambda connection, row: self._cancel(connection, row, now))
        self._reviewed.look(store, {}, now, lambda connection, row: reviewing.review(self._service, connection, row, now))

    def _dispose(self) -> None:
        now = self._service.clock()
        since = {"since": now - HITS_LIVE}
        self._old.look(self._service.store, since, now, lambda connection, row: self._dispose_of(connection, row, now))

    def _dispose_of(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        hit = hits.one(connection, row.requester, row.id, now)
        if hit.status in ("Reviewable", "Reviewing") and not hit.counters.submitted:
            slots.dispose(connection, hit, now)

    def _expire(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        ended = update(MTurkHit).where(
            col(MTurkHit.id) == row.id, col(MTurkHit.offered), col(MTurkHit.expires_at) <= now
        ).values(offered=False, may_be_reviewable=True)
        if connection.execute(ended).rowcount:
            hits.stir(connection, row.id)
            slots.withdraw(connection, row.id)
            events.hit(connection, "HITExpired", row.id, row.hit_type, now)
            if events.is_wanted(connection, "HITReviewable", row.hit_type):
                reviewable(connection, hits.one(connection, row.requester, row.id, now))

    def _cancel(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        """Gives withdrawn slots to the requester itself: a batch that says so cancels them, and their money comes back."""
        count = min(slots.lock_part(connection, row.id), MOST_CANCELLED)
        place = {"b_posting": row.posting, "b_position": row.position}
        for _ in range(count):
            unit = connection.execute(_RETURN, place).one()
            assignment = _reservation(row, now)
            if not holding.hold(connection, unit, assignment):
                raise Conflict(f"Unit {row.position} of posting {row.posting} lacks a slot that was withdrawn.")
            connection.execute(_GIVE_TO_REQUESTER, {"b_id": assignment["id"], "b_now": now})
        slots.count_cancelled(connection, row.id, count)


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
