"""Reviews by filter: first a look at what would be decided, with a token; then, with that token, exactly that and nothing else.

The token is a hash of what is asked and of the ids that it would touch, behind the instant of the look: what came in later is left
out, and if anything else has changed the token doesn't fit and nothing is done.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row
from sqlmodel import col

from backend.services.postings import Job
from backend.services.fairness import require_fair
from backend.services.reviews import BEFORE, Bench, Listeners, Rejection
from backend.store import assignments, reviews
from backend.store.database import Store
from backend.store.tables import Assignment
from piecework.domain.content import canonical_json
from piecework.domain.errors import Conflict, Invalid

MOST = 100_000
"""Submissions in one decision."""
SAMPLE = 10
_TOKEN = re.compile(r"([0-9]{1,14})-([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which submissions; None where it doesn't matter.

    Attributes:
        state: revealed, approved or rejected.
        worker: an address.
        unit: a unit's number.
        answer: canonical JSON of the whole answer.
        fields: canonical JSON by name, of fields that an answer must have.
        submitted_after, submitted_before: when it was revealed; from the first on, and before the second.
    """

    state: str
    worker: str | None = None
    unit: int | None = None
    answer: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a filter finds: how many, the first of them, and the token that decides about exactly these."""

    count: int
    sample: Sequence[Row[Any]]
    token: str


class Bulk:
    """Looks, and decides by filter.

    Args:
        store: where submissions are.
        clock: the time, aware.
        listeners: hear of each decision.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], listeners: Listeners) -> None:
        self._store, self._clock, self._listeners = store, clock, listeners

    def preview(self, job: Job, verdict: str, by: Filter, why: Rejection | None) -> Found:
        """What a decision would touch. Nothing is changed.

        Raises:
            Invalid: the verdict can't follow the filter's state, or there are more than `MOST`.
        """
        _check(verdict, by, why)
        until = int(self._clock().timestamp() * 1000)
        with self._store.read() as connection:
            ids = _matching(connection, job, verdict, by, until)
            sample = assignments.page(connection, [col(Assignment.id).in_(ids[:SAMPLE])], "", SAMPLE)
        return Found(len(ids), sample, f"{until}-{_hash(job, verdict, by, why, ids)}")

    async def decide(self, job: Job, reviewer: str, verdict: str, by: Filter, why: Rejection | None, token: str) -> int:
        """Decides about exactly what was looked at; returns how many those are.

        Raises:
            Conflict: it isn't what it was any more; look again.
        """
        _check(verdict, by, why)
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Invalid("token must be what the preview said.")

        def work(connection: Connection) -> int:
            ids = _matching(connection, job, verdict, by, int(match[1]))
            if _hash(job, verdict, by, why, ids) != match[2]:
                raise Conflict("The submissions, or what is asked, aren't what was previewed any more; preview again. Nothing was changed.")
            bench = Bench(connection, job.number, reviewer, self._clock(), self._listeners)
            if verdict == "approved":
                done = bench.approve(ids)
            else:
                done = bench.undo(ids) if why is None else bench.reject(ids, why)
            if why is not None:
                require_fair(connection, job.number)
            if done != len(ids):
                raise Conflict("A submission was decided otherwise at this moment; preview again. Nothing was changed.")
            return done

        return int(await self._store.write(work))


def _check(verdict: str, by: Filter, why: Rejection | None) -> None:
    if by.state not in BEFORE[verdict]:
        raise Invalid(f"What shall be {verdict} must be {' or '.join(BEFORE[verdict])} until then; the filter's state is {by.state}.")
    if (verdict == "rejected") != (why is not None):
        raise Invalid("Say why where you reject, and only there.")


def _matching(connection: Connection, job: Job, verdict: str, by: Filter, until: int) -> list[str]:
    """The ids that a decision would touch, as of the instant `until` (milliseconds of Unix time)."""
    rows = reviews.candidates(connection, job.number, _conditions(verdict, by, until), MOST)
    found = [row.id for row in rows if not by.fields or _has(row.answer, by.fields)]
    if len(rows) > MOST:
        raise Invalid(f"One review decides about at most {MOST} submissions; narrow the filter, for example by time.")
    return found


def _conditions(verdict: str, by: Filter, until: int) -> list[ColumnElement[bool]]:
    moment = datetime.fromtimestamp(until / 1000, UTC)
    since = col(Assignment.revealed_at) if by.state == "revealed" else col(Assignment.reviewed_at)
    where: list[ColumnElement[bool]] = [col(Assignment.state) == by.state, since <= moment]
    wanted = {Assignment.worker: by.worker, Assignment.unit: by.unit, Assignment.answer: by.answer}
    where += [col(column) == value for column, value in wanted.items() if value is not None]
    if by.submitted_after is not None:
        where.append(col(Assignment.revealed_at) >= by.submitted_after)
    if by.submitted_before is not None:
        where.append(col(Assignment.revealed_at) < by.submitted_before)
    if (by.state, verdict) == ("rejected", "approved"):
        where.append(reviews.may_be_paid)
    return where


def _has(answer: str, fields: Sequence[tuple[str, str]]) -> bool:
    said = json.loads(answer)
    return isinstance(said, dict) and all(name in said and canonical_json(said[name]).decode() == value for name, value in fields)


def _hash(job: Job, verdict: str, by: Filter, why: Rejection | None, ids: Sequence[str]) -> str:
    asked = [job.id, verdict, asdict(by), why and asdict(why), list(ids)]
    return hashlib.sha256(json.dumps(asked, default=datetime.isoformat, sort_keys=True).encode()).hexdigest()
