"""Funds HITs: those that were made within a moment, of one type and one operator, become one job in one transaction.

A part waits without a posting; when its job is described it gets one, together with the outbox row that will post the job; when the
mirror has seen the money it is settled. Whatever ends in between is found again: a part that still waits is taken with the next ones
(the same parts make the same job, which the chain takes once), and a posting that the chain refused gives its parts back to wait.
"""

import hashlib
import json
import logging
from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text, update
from sqlmodel import col

from backend.mturk.hits import requirements
from backend.mturk.ids import id_of_assignment
from backend.mturk.requirements import NUMBER_APPROVED, PERCENT_APPROVED, Requirement
from backend.mturk.service import MTurk
from backend.services.policies import Policies
from backend.services.postings import Draft
from backend.store import mirror, outbox
from backend.store.tables import Posting
from backend.store.tables.mturk import MTurkHit, MTurkHitType, MTurkPart
from piecework.domain.errors import PieceworkError
from piecework.domain.requirements import APPROVAL_RATE, SETTLED

log = logging.getLogger(__name__)

MOST_UNITS = 1_000
"""HITs that share a job at most; and so a transaction."""
GATHER = timedelta(milliseconds=500)
"""How long the last HIT of a run waits for others."""
LONGEST_GATHER = timedelta(seconds=5)
"""How long the first does: scripts make HITs one after another, and a job for each half second would cost most of the gas."""
MARGIN = timedelta(days=14)
"""Between the end of the last HIT's work and review, and the close of its job: time for openings and appeals."""
REVIEW_WINDOW, APPEAL_WINDOW = 5 * 86_400, 5 * 86_400
DEPOSIT_DIVISOR = 10
"""A contest costs the requester a tenth of the reward, which the worker gets if it wins. An appeal costs the worker nothing."""
RETRY = timedelta(seconds=30)

_GROUPS = (
    select(MTurkPart.requester, MTurkPart.hit_type, MTurkPart.operator)
    .where(col(MTurkPart.posting).is_(None))
    .group_by(col(MTurkPart.requester), col(MTurkPart.hit_type), col(MTurkPart.operator))
    .having(
        or_(
            func.max(col(MTurkPart.created_at)) <= bindparam("quiet"),
            func.min(col(MTurkPart.created_at)) <= bindparam("since"),
            func.count() >= MOST_UNITS,
        )
    )
)
_PARTS = (
    select(MTurkPart.id, MTurkPart.hit, MTurkPart.slots, MTurkHit.question, MTurkHit.expires_at)
    .join(MTurkHit, col(MTurkHit.id) == col(MTurkPart.hit))
    .where(
        col(MTurkPart.posting).is_(None),
        col(MTurkPart.requester) == bindparam("by"),
        col(MTurkPart.hit_type) == bindparam("of"),
        col(MTurkPart.operator) == bindparam("operator"),
    )
    .order_by(col(MTurkPart.id))
    .limit(MOST_UNITS)
)
_TYPE = select(MTurkHitType).where(col(MTurkHitType.id) == bindparam("id"))
_PLACE = (
    update(MTurkPart)
    .where(col(MTurkPart.id) == bindparam("b_id"), col(MTurkPart.posting).is_(None))
    .values(posting=bindparam("b_posting"), position=bindparam("b_position"))
)
_LATER = (
    update(MTurkPart)
    .where(col(MTurkPart.id).in_(bindparam("b_ids", expanding=True)), col(MTurkPart.posting).is_(None))
    .values(created_at=bindparam("b_at"))
)
_UNSETTLED = select(Posting.number, Posting.job).where(
    col(Posting.number).in_(select(col(MTurkPart.posting)).where(text("NOT mturk_part.settled")))  # the words of its partial index
)


class Funder:
    """Gathers waiting HITs into jobs, and follows them until their money is locked."""

    def __init__(self, service: MTurk) -> None:
        self._service = service

    async def step(self) -> int:
        """Describes what is due and queues its posting; returns how many jobs that were."""
        now = self._service.clock()
        groups = await to_thread(self._groups, now)
        for group in groups:
            await self._fund(group, now)
        await to_thread(self._follow)
        return len(groups)

    def _groups(self, now: datetime) -> Sequence[Row[Any]]:
        with self._service.store.read() as connection:
            return connection.execute(_GROUPS, {"quiet": now - GATHER, "since": now - LONGEST_GATHER}).all()

    async def _fund(self, group: Row[Any], now: datetime) -> None:
        hit_type, parts = await to_thread(self._read, group)
        try:
            await self._queue(group, hit_type, parts, now)
        except _Changed:
            return  # a HIT was expired between reading and writing: the next step describes the rest
        except PieceworkError as error:  # its requester's money or operator is gone: its HITs wait, nobody else's do
            log.warning("%d HITs of %s wait to be funded: %s", len(parts), group.requester, error.sentence)
            later = {"b_ids": [part.id for part in parts], "b_at": now + RETRY}
            await self._service.store.write(lambda connection: connection.execute(_LATER, later))

    def _read(self, group: Row[Any]) -> tuple[Row[Any], Sequence[Row[Any]]]:
        values = {"by": group.requester, "of": group.hit_type, "operator": group.operator}
        with self._service.store.read() as connection:
            return connection.execute(_TYPE, {"id": group.hit_type}).one(), connection.execute(_PARTS, values).all()

    async def _queue(self, group: Row[Any], hit_type: Row[Any], parts: Sequence[Row[Any]], now: datetime) -> None:
        coordinator, draft = self._service.coordinator, self._draft(hit_type, parts, group.operator, now)
        job_id, _ = await coordinator.postings.describe(group.requester, draft)
        job = await to_thread(coordinator.postings.find, job_id)

        def work(connection: Connection) -> None:
            places = [{"b_id": part.id, "b_posting": job.number, "b_position": at} for at, part in enumerate(parts)]
            if sum(connection.execute(_PLACE, place).rowcount for place in places) != len(parts):
                raise _Changed
            coordinator.operators.queue_post(connection, job)

        await self._service.store.write(work)
        coordinator.errands.wake()

    def _draft(self, hit_type: Row[Any], parts: Sequence[Row[Any]], operator: str, now: datetime) -> Draft:
        last = max(max(part.expires_at for part in parts), now)
        work = timedelta(seconds=hit_type.assignment_seconds + hit_type.auto_approval_seconds)
        return Draft(
            title=hit_type.title,
            instructions=hit_type.description,
            template="label",
            labels=None,
            reward=self._service.funds.base_units(hit_type.reward_cents),
            token=self._service.coordinator.deployment.token,
            units=[({"hit": part.hit, "question": part.question}, part.slots) for part in parts],
            answers_per_worker=1,
            assignment_seconds=hit_type.assignment_seconds,
            closes_at=int((last + work + MARGIN).timestamp()),
            review_window=REVIEW_WINDOW,
            appeal_window=APPEAL_WINDOW,
            salt=_salt(parts),
            operator=operator,
            arbitrator=self._service.coordinator.deployment.council,
            contest_deposit=self._service.funds.base_units(hit_type.reward_cents) // DEPOSIT_DIVISOR,
            policies=Policies(
                qualifications=[native(one) for one in requirements(hit_type)],
                auto_approval_seconds=hit_type.auto_approval_seconds,
            ),
        )

    def _follow(self) -> None:
        """Marks as settled what the mirror has seen, and lets wait again what the chain refused."""
        with self._service.store.read() as connection:
            rows = connection.execute(_UNSETTLED).all()
            done = {row.number for row in rows if mirror.is_funded(connection, row.job)}
            failed = {row.number for row in rows if row.number not in done and _is_refused(connection, str(row.number))}
        if done or failed:
            self._service.store.write_now(lambda connection: self._mark(connection, done, failed))

    def _mark(self, connection: Connection, done: set[int], failed: set[int]) -> None:
        if done:
            connection.execute(update(MTurkPart).where(col(MTurkPart.posting).in_(done)).values(settled=True))
        if failed:
            again = self._service.clock() + RETRY
            connection.execute(
                update(MTurkPart)
                .where(col(MTurkPart.posting).in_(failed), col(MTurkPart.settled).is_(False))
                .values(posting=None, position=None, created_at=again)
            )


class _Changed(Exception):
    """A part was dropped between reading and writing."""


def _is_refused(connection: Connection, posting: str) -> bool:
    """Whether the chain refused to take a job, and nothing is under way for it any more."""
    return bool(outbox.failures(connection, "post", posting)) and not outbox.is_under_way(connection, "post", posting)


def _salt(parts: Sequence[Row[Any]]) -> bytes:
    """The same for the same parts, so that what is described again is the same job, which the chain takes once."""
    return hashlib.sha256(" ".join(f"{part.id}:{part.slots}" for part in parts).encode()).digest()


GUARDS = {"Accept": "accept", "PreviewAndAccept": "preview", "DiscoverPreviewAndAccept": "discover"}


def native(one: Requirement) -> dict[str, Any]:
    """A requirement as jobs have it."""
    known = {NUMBER_APPROVED: SETTLED, PERCENT_APPROVED: APPROVAL_RATE}.get(one.type_id)
    places = [country + (f"-{part}" if part else "") for country, part in one.locales]
    return {
        "qualification": known or id_of_assignment(one.type_id) or one.type_id,
        "comparator": one.comparator,
        "values": [*one.integers, *places],
        "guards": GUARDS[one.guarded],
    }


def content_of(unit: bytes) -> dict[str, Any]:
    """The HIT's id and its question, from a unit's content."""
    found: dict[str, Any] = json.loads(unit)
    return found
