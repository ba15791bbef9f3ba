"""Assignments: a worker reserves a slot, commits to an answer for a receipt, and reveals the answer."""

import json
import secrets
import time
from asyncio import to_thread
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row
from sqlmodel import col

from backend.services import attachments, reports
from backend.services.blocks import require_unblocked
from backend.services.cell import ANSWERS
from backend.services.drafts import own
from backend.services.gold import Gold
from backend.services.judges import Judges
from backend.services.postings import Job, Postings, require_open
from backend.services.qualifications import Qualifications
from backend.store import assignments, consensus, gold, holding, slots
from backend.store.content import Contents
from backend.store.database import Store
from backend.store.disputes import AppealStanding
from backend.store.tables import Assignment
from piecework.domain.content import canonical_json
from piecework.domain.content import commitment as commitment_of
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.domain.reports import report_of
from piecework.domain.requirements import PREVIEW
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Domain, Key

STATES = ("reserved", *slots.RECEIPTED, *slots.ON_CHAIN, "returned", "expired")
LONGEST_ANSWER = 262_144
"""Bytes of canonical JSON."""
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a worker did with an assignment: `what` is accepted, submitted, returned or abandoned."""

    what: str
    assignment: str
    posting: int
    unit: int
    at: datetime


class _OwnSchema(Exception):
    """The answer is held to a schema that the job's requester wrote, which isn't done while a transaction waits."""

    def __init__(self, job: str) -> None:
        self.job = job


Listener = Callable[[Connection, Happening], None]


class Assignments:
    """Hands out slots and takes answers.

    Args:
        store, contents: where they are kept.
        postings: the jobs.
        domain: the escrow's signing domain.
        key: the coordinator's, which signs receipts.
        qualifications: who may answer what.
        gold: mixes known units in.
        judges: know who rules on appeals.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store,
        contents: Contents,
        postings: Postings,
        qualifications: Qualifications,
        gold: Gold,
        judges: Judges,
        domain: Domain,
        key: Key,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._contents, self._postings, self._qualifications = store, contents, postings, qualifications
        self._gold, self._judges, self._domain, self._key, self._clock = gold, judges, domain, key, clock
        self._listeners: list[Listener] = []
        self._handed: dict[str, tuple[str, int, str]] = {}
        self._digest = lru_cache(maxsize=4096)(self._compute_digest)  # asked for at the commit, and again at the reveal

    async def reserve(self, job_id: str, worker: str, unit: int | None) -> tuple[Job, dict[str, Any], bytes]:
        """Gives the worker a slot of a unit, or of the next unit that it may do, until the assignment expires.

        Returns:
            The job, the new row of `assignment`, and the unit's content as canonical JSON.

        Raises:
            NotFound: no such job or unit.
            Blocked: the requester gives this worker no more work.
            Forbidden: a requester's own job, whose answers would cancel slots, not pay them; or the worker lacks a qualification.
            Conflict: the job isn't open, or there is nothing for this worker.
        """
        job = self._postings.find(job_id)
        if worker == job.requester:
            raise Forbidden("A requester can't work on its own job.")
        if job.qualifications != "[]":
            await to_thread(self._qualifications.require, job.qualifications, worker)
        if job.coordinator != self._key.address:
            raise Conflict("The job names another coordinator, whose key isn't here.")
        row, place = await self._store.write(lambda c: self._reserve(c, job, worker, unit))
        self._remember(row["id"], job.id, row["slot"], worker)
        return job, row, self._contents.unit(job.content, *place)

    def _reserve(
        self, connection: Connection, job: Job, worker: str, position: int | None
    ) -> tuple[dict[str, Any], tuple[int, int]]:
        now = self._clock()
        left = require_open(connection, job, now)
        require_unblocked(connection, job.requester, worker)
        claim = holding.claim(connection, job.number, worker, job.per_worker_limit)
        if claim is None:
            raise Conflict(f"This job takes at most {job.per_worker_limit} answers of one worker, and you have given or begun them.")
        known = self._known(connection, job, claim, position)
        unit = known or _pick(connection, job, claim, position)
        if unit is None and self._expire(connection, now):
            unit = _pick(connection, job, claim, position)
        if unit is None:
            raise Conflict(
                "There is no unit left for this worker." if position is None else "That unit has no slot for this worker."
            )
        row = _reservation(job, unit.position, worker, now)
        row["expires_at"] = now + min(timedelta(seconds=job.assignment_seconds), left)
        if not holding.hold(connection, unit, row):
            raise Conflict("Somebody else took the slot at this moment; try again.")
        self._tell(connection, "accepted", row["id"], job.number, unit.position, now)
        if known is not None:
            gold.see(connection, row)
        return row, (unit.content_offset, unit.content_length)

    def _known(self, connection: Connection, job: Job, claim: holding.Claim, position: int | None) -> Row[Any] | None:
        """The known unit whose turn it is, in a job that mixes some in."""
        if job.gold is None:
            return None
        if position is not None:
            raise Conflict("This job says itself which unit comes next; ask for the next one.")
        return self._gold.next(connection, job, claim.worker, claim.held)

    def preview(self, job_id: str, worker: str) -> tuple[Row[Any], bytes]:
        """The unit that the worker would be given now, and its content as canonical JSON; nothing is reserved.

        Raises:
            NotFound: no such job.
            Forbidden: the worker lacks a qualification that guards this.
            Conflict: the job isn't open, or there is nothing for this worker.
        """
        job = self._postings.find(job_id)
        self._qualifications.require(job.qualifications, worker, PREVIEW)
        with self._store.read() as connection:
            require_open(connection, job, self._clock())
            unit = holding.preview(connection, job.number, worker, job.answers_per_worker, job.overlap is not None, _begins_easy(connection, job, worker))
        if unit is None:
            raise Conflict("There is no unit left for this worker.")
        return unit, self._contents.unit(job.content, unit.content_offset, unit.content_length)

    def record(self, worker: str, job: str | None) -> holding.Record:
        """What a worker took and gave back, in all jobs or in one."""
        posting = None if job is None else self._postings.find(job).number
        with self._store.read() as connection:
            return holding.record(connection, worker, posting)

    async def commit(self, id: str, worker: str, commitment: bytes) -> dict[str, Any]:
        """Takes the commitment to an answer and returns the signed receipt; both are durable before it leaves.

        Raises:
            NotFound: no such assignment of this worker.
            Conflict: it is over, or committed to something else.
        """
        job, slot, receipt = await self._store.write(self._committing(id, worker, commitment))
        return self.receipt(job, slot, worker, "0x" + commitment.hex(), receipt)

    def _committing(self, id: str, worker: str, commitment: bytes) -> Callable[[Connection], tuple[str, int, str]]:
        """The work of a commit. Where this process handed the slot out it needn't look which one it was, and signs before it waits
        for the database; what doesn't go through at once is looked at then."""
        known = self._handed.get(id)
        if known is None or known[2] != worker:
            return lambda c: self._commit(c, id, worker, commitment)
        job, slot, _ = known
        receipt, text = self._sign(job, slot, worker, commitment), "0x" + commitment.hex()

        def work(connection: Connection) -> tuple[str, int, str]:
            if assignments.commit(connection, id, job, text, receipt, self._clock()):
                return job, slot, receipt
            return self._commit(connection, id, worker, commitment)

        return work

    def _commit(self, connection: Connection, id: str, worker: str, commitment: bytes) -> tuple[str, int, str]:
        row, text = own(connection, id, worker), "0x" + commitment.hex()
        if row.commitment is not None:
            if row.commitment != text:
                raise Conflict("This assignment is committed to another answer already.")
            return row.job, row.slot, row.receipt
        now = self._clock()
        if row.state != "reserved" or row.expires_at <= now:
            raise Conflict(f"This assignment is {'expired' if row.state == 'reserved' else row.state}; take a new one.")
        if row.closed:
            raise Conflict("The job is closed.")
        receipt = self._sign(row.job, row.slot, worker, commitment)
        if not assignments.commit(connection, id, row.job, text, receipt, now):
            raise Conflict("This assignment was changed at this moment; look at it again.")
        return row.job, row.slot, receipt

    def _sign(self, job: str, slot: int, worker: str, commitment: bytes) -> str:
        return "0x" + self._key.sign(self._digest(job, slot, worker, commitment)).hex()

    async def reveal(self, id: str, worker: str, answer: Any, salt: bytes) -> Any:
        """Takes the answer that was committed to, and returns the assignment with it.

        Raises:
            NotFound: no such assignment of this worker.
            Invalid: the answer and salt don't hash to the commitment.
            Conflict: nothing was committed yet.
        """
        text = canonical_json(answer)
        if len(text) > LONGEST_ANSWER:
            raise Invalid(f"An answer has at most {LONGEST_ANSWER} bytes as JSON; this one has {len(text)}.")
        given = (id, worker, answer, text.decode(), salt)
        try:
            return await self._store.write(lambda c: self._reveal(c, *given))
        except _OwnSchema as own_schema:
            await ANSWERS.turns.run(self._postings.check_answer, own_schema.job, answer)
            return await self._store.write(lambda c: self._reveal(c, *given, checked=True))

    def _reveal(
        self, connection: Connection, id: str, worker: str, answer: Any, text: str, salt: bytes, checked: bool = False
    ) -> Any:
        row = own(connection, id, worker)
        if row.commitment is None:
            raise Conflict("Commit to the answer first, and keep the receipt.")
        revealed = commitment_of(bytes.fromhex(row.job[2:]), row.slot, worker, salt, answer)
        if "0x" + revealed.hex() != row.commitment:
            raise Invalid("The answer and salt don't hash to what was committed.")
        if row.state != "committed":
            return row
        if not checked:
            if self._postings.has_own_schema(row.job):
                raise _OwnSchema(row.job)
            self._postings.check_answer(row.job, answer)
        attachments.name(connection, id, text)
        if not assignments.reveal(connection, row, text, "0x" + salt.hex(), self._clock()):
            raise Conflict("This assignment was changed at this moment; look at it again.")
        taken = self._postings.reports(row.job)
        report = report_of(answer, taken)
        said = None if report else self._postings.said_of(row.job, answer)
        if report is not None and taken is not None:
            reports.take(connection, row, report, taken["each"])
        elif said is not None:
            consensus.say(connection, row, said)
        self._tell(connection, "submitted", id, row.posting, row.unit, self._clock())
        changed = {"shown_state": "revealed", "answer": text, "salt": "0x" + salt.hex()}
        return SimpleNamespace(**(row._asdict() | changed))

    async def give_back(self, id: str, worker: str) -> None:
        """Returns a reserved slot, so that another worker gets it.

        Raises:
            NotFound: no such assignment of this worker.
            Conflict: it isn't reserved any more.
        """

        def work(connection: Connection) -> None:
            row = own(connection, id, worker)
            if row.state == "returned":
                return
            if not holding.give_back(connection, row, "returned", self._clock()):
                raise Conflict(f"Only a reserved assignment can be returned; this one is {row.state}.")
            self._tell(connection, "returned", id, row.posting, row.unit, self._clock())

        await self._store.write(work)

    async def expire(self) -> int:
        """Gives back reservations whose time is over; returns how many."""
        return int(await self._store.write(lambda c: self._expire(c, self._clock())))

    async def redate(self) -> None:
        """Puts right what a clock wrote that ran ahead and has been set back since, see `store.assignments.redate`."""
        await self._store.write(lambda c: assignments.redate(c, self._clock()))

    def _expire(self, connection: Connection, now: datetime) -> int:
        """The same within a transaction of the caller's."""
        ended = holding.expire(connection, now)
        for row in ended:
            self._tell(connection, "abandoned", row.id, row.posting, row.unit, now)
        return len(ended)

    def listen(self, listener: Listener) -> None:
        """Has `listener` called in the very transaction in which somebody accepts, submits, returns or abandons an assignment."""
        self._listeners.append(listener)

    def _tell(self, connection: Connection, what: str, id: str, posting: int, unit: int, now: datetime) -> None:
        for listener in self._listeners:
            listener(connection, Happening(what, id, posting, unit, now))

    def view(self, id: str, account: str) -> Row[Any]:
        """An assignment, for its worker, its job's requester, and while it is appealed who rules on that.

        Raises:
            NotFound: there is none for this account.
        """
        with self._store.read() as connection:
            row = assignments.view(connection, id)
        if row is None or not self._judges.may_read(account, row):
            raise NotFound("There is no such assignment of yours.")
        return row

    def appealed(self, found: AppealStanding, account: str) -> list[Row[Any]]:
        """The answers that an appeal is about, of which the account may read each; see `view`.

        Raises:
            NotFound: there is none for this account.
        """
        with self._store.read() as connection:
            rows = assignments.appealed(connection, found.row.appeal, found.row.job, found.row.worker)
        shown = [row for row in rows if self._judges.may_read(account, row)]
        if not shown:
            raise NotFound("There is no answer in this appeal that you may read.")
        return shown

    def own(self, worker: str, job: str | None, state: str | None, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """A worker's own assignments."""
        where = [col(Assignment.worker) == worker]
        if job is not None:
            where.append(col(Assignment.posting) == self._postings.find(job).number)
        return self._page(where, state, cursor, limit)

    def submissions(self, job: Job, state: str | None, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Answers to a job, for its requester. Without a state: whatever was revealed, whatever became of it."""
        where = [col(Assignment.posting) == job.number]
        if state is None:
            where.append(col(Assignment.state).in_(("revealed", "approved", "rejected", "batched")))
        return self._page(where, state, cursor, limit)

    def counts(self, posting: int, job: str, count: int, closed: bool) -> dict[str, int]:
        """How many of a job's `count` slots are in each state."""
        with self._store.read() as connection:
            found = slots.counts(connection, posting, job, count, closed)
        return {state: found.get(state, 0) for state in ("free", *STATES) if state not in ("returned", "expired")}

    def content(self, row: Row[Any]) -> bytes:
        """The content of an assignment's row, as canonical JSON."""
        return self._contents.unit(row.content, row.content_offset, row.content_length)

    def unit(self, job: Job, row: Row[Any]) -> bytes:
        """The content of a unit's row, as canonical JSON."""
        return self._contents.unit(job.content, row.content_offset, row.content_length)

    def held(self, job: Job, position: int, worker: str) -> bool:
        """Whether a worker holds or held a slot of a unit."""
        with self._store.read() as connection:
            return holding.held(connection, job.number, position, worker)

    def receipt(self, job: str, slot: int, worker: str, commitment: str, signature: str) -> dict[str, Any]:
        """A receipt as the worker keeps it: a batch of one with the coordinator's signature."""
        digest = self._digest(job, slot, worker, bytes.fromhex(commitment[2:]))
        return {
            "job": job,
            "slot": slot,
            "worker": worker,
            "commitment": commitment,
            "digest": "0x" + digest.hex(),
            "signature": signature,
            "coordinator": self._key.address,
        }

    def _page(
        self, where: list[ColumnElement[bool]], state: str | None, cursor: str, limit: int
    ) -> Sequence[Row[Any]]:
        if state is not None:
            where.append(slots.in_state(state))
        with self._store.read() as connection:
            return assignments.page(connection, where, cursor, limit)

    def _remember(self, id: str, job: str, slot: int, worker: str) -> None:
        """What never changes of an assignment, until it is forgotten for newer ones."""
        self._handed[id] = (job, slot, worker)
        if len(self._handed) > REMEMBERED:
            del self._handed[next(iter(self._handed))]

    def _compute_digest(self, job: str, slot: int, worker: str, commitment: bytes) -> bytes:
        return self._domain.batch_digest(receipt_batch(bytes.fromhex(job[2:]), slot, worker, commitment))


def _pick(connection: Connection, job: Job, claim: holding.Claim, position: int | None) -> Row[Any] | None:
    """A unit with a free slot that the worker may still do."""
    if position is None:
        easy = _begins_easy(connection, job, claim.worker)
        return holding.next_unit(connection, claim, job.answers_per_worker, job.overlap is not None, easy)
    unit = holding.this_unit(connection, claim, position)
    if unit is None:
        raise NotFound(f"The job has no unit {position}.")
    if unit.held >= job.answers_per_worker:
        raise Conflict("This worker has done that unit, or is doing it.")
    return unit if unit.free > 0 else None


def _begins_easy(connection: Connection, job: Job, worker: str) -> bool:
    """Whether a worker gets the units that are nearly decided first, in a job that gives the hard ones to who has shown skill."""
    by_skill = job.overlap is not None and bool(json.loads(job.overlap).get("by_skill"))
    return by_skill and consensus.is_less_skilled(connection, job.number, worker)


def _reservation(job: Job, unit: int, worker: str, now: datetime) -> dict[str, Any]:
    return {
        "id": _new_id(),
        "posting": job.number,
        "unit": unit,
        "worker": worker,
        "state": "reserved",
        "created_at": now,
    }


def _new_id() -> str:
    """16 bytes: the milliseconds first, so that ids sort by age, the rest random, so that they can't be guessed."""
    return "0x" + (time.time_ns() // 1_000_000).to_bytes(6).hex() + secrets.token_hex(10)
