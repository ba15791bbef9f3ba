"""Drafts of jobs: edited by their requester alone, priced, and prepared for funding, which freezes them for good."""

import json
from asyncio import to_thread
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import Draft, Postings
from backend.store import job_drafts, unit_loads
from backend.store.database import Store
from piecework.domain.errors import Conflict, NotFound

MOST = 200
"""Drafts of a requester that aren't frozen."""


class Changed(Conflict):
    """The draft isn't any more as it was seen."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a job would cost, in base units; `hourly` where an answer's time was estimated."""

    reward: int
    fee: int
    slots: int
    units: int
    amount: int
    hourly: int | None


class JobDrafts:
    """Keeps drafts and makes jobs of them.

    Args:
        store: where they are kept.
        postings: makes the jobs.
        clock: the time, aware.
    """

    def __init__(self, store: Store, postings: Postings, clock: Callable[[], datetime]) -> None:
        self._store, self._postings, self._clock = store, postings, clock

    async def begin(self, requester: str, described: dict[str, Any]) -> Row[Any]:
        """A new draft.

        Raises:
            Conflict: the requester has as many as it may have.
        """
        now = self._clock()
        row = {"id": "0x" + secrets.token_hex(16), "requester": requester, "version": 1, "described": _text(described)}
        row |= {"load": None, "job": None, "created_at": now, "updated_at": now}

        def work(connection: Connection) -> Row[Any]:
            if job_drafts.count(connection, requester) >= MOST:
                raise Conflict(f"You have {MOST} drafts; delete one first.")
            job_drafts.add(connection, row)
            return _found(connection, str(row["id"]), requester)

        made: Row[Any] = await self._store.write(work)
        return made

    def one(self, id: str, requester: str) -> Row[Any]:
        """A draft of a requester.

        Raises:
            NotFound: the requester has no such draft.
        """
        with self._store.read() as connection:
            return _found(connection, id, requester)

    def page(self, requester: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """A requester's drafts by id."""
        with self._store.read() as connection:
            return job_drafts.page(connection, requester, cursor, limit)

    def load_of(self, row: Row[Any]) -> Row[Any] | None:
        """The load that a draft has."""
        if row.load is None:
            return None
        with self._store.read() as connection:
            return unit_loads.one(connection, row.load)

    async def change(self, id: str, requester: str, seen: int, described: dict[str, Any]) -> Row[Any]:
        """Says something else of a job.

        Raises:
            NotFound: the requester has no such draft.
            Conflict: it is frozen.
            Changed: it isn't at version `seen` any more.
        """

        def work(connection: Connection) -> Row[Any]:
            _open(_found(connection, id, requester))
            if not job_drafts.change(connection, id, seen, _text(described), self._clock()):
                raise Changed("The draft was changed meanwhile; read it again and change that.")
            return _found(connection, id, requester)

        row: Row[Any] = await self._store.write(work)
        return row

    async def drop(self, id: str, requester: str) -> None:
        """Deletes a draft and its units; a frozen one goes too, and its job stays.

        Raises:
            NotFound: the requester has no such draft.
        """

        def work(connection: Connection) -> None:
            row = _found(connection, id, requester)
            if row.job is None:
                for load in unit_loads.of_draft(connection, id):
                    unit_loads.drop(connection, load, self._clock())
            job_drafts.forget(connection, id)

        await self._store.write(work)

    def price(self, draft: Draft, load: Row[Any] | None) -> Price:
        """What the job would cost, as the chain's fee is now."""
        reward, fee, slots = draft.reward, self._postings.fee(draft.reward), load.slots if load else 0
        seconds = draft.policies.estimated_seconds
        hourly = reward * 3_600 // seconds if seconds else None
        return Price(reward, fee, slots, load.rows if load else 0, (reward + fee) * slots, hourly)

    async def prepare(self, row: Row[Any], draft: Draft) -> str:
        """Makes a draft the job that its requester can fund: from now on nothing of it changes. Twice is once.

        Raises:
            Invalid: something is wrong with it.
            Conflict: it has no units, or units of another template.
            Changed: it was changed meanwhile.
        """
        if row.job is not None:
            return str(row.job)
        load = self.load_of(row)
        if load is None:
            raise Conflict("The draft has no units; load some first.")
        if load.template != draft.template:
            raise Conflict(f"The units were loaded for the template {load.template}; load them again for {draft.template}.")
        job, add = await to_thread(self._postings.adopt, row.requester, draft, load)

        def work(connection: Connection) -> None:
            if not job_drafts.freeze(connection, row.id, row.version, job, self._clock()):
                raise Changed("The draft was changed meanwhile; read it again and prepare that.")
            if not add(connection):
                raise Conflict("You have a job that says the same with the same salt; change the salt.")

        await self._store.write(work)
        return job


def _found(connection: Connection, id: str, requester: str) -> Row[Any]:
    row = job_drafts.one(connection, id)
    if row is None or row.requester != requester:
        raise NotFound("You have no such draft.")
    return row


def _open(row: Row[Any]) -> None:
    if row.job is not None:
        raise Conflict(f"The draft was prepared as the job {row.job}; begin another one to change something.")


def _text(described: dict[str, Any]) -> str:
    return json.dumps(described, separators=(",", ":"), ensure_ascii=False)
