"""Reviews: the requester approves or rejects what was revealed, or takes that back, all of a request or nothing.

What is approved can be taken back until it is in a signed batch; what is rejected can be approved later for as long as the chain
would pay it. Each decision is kept with who made it and when.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.aggregator import reweigh
from backend.services.fairness import require_fair
from backend.services.findings import MACHINE, require_evidence
from backend.services.postings import Job
from backend.services.reports import require_false
from backend.store import reviews
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound

LONGEST_REASON = 2_000
BEFORE = {"approved": ("revealed", "rejected"), "rejected": ("revealed",), "undone": ("approved", "rejected")}
"""The states that a verdict may follow."""
DONE = {"approved": ("approved", "batched"), "rejected": ("rejected",), "undone": ("revealed",)}
"""The states in which a verdict changes nothing."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Submissions of a job that were decided about together: `verdict` is approved, rejected or undone."""

    verdict: str
    posting: int
    assignments: Sequence[str]
    at: datetime


Listeners = list[Callable[[Connection, Judged], None]]
"""Called in the very transaction in which a requester, or the steward in its place, decides."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something is rejected: the code of one of the job's criteria (None in a job without), and a text."""

    code: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a requester says about submissions, by id; `approve` None for everything revealed that isn't rejected here."""

    approve: Sequence[str] | None
    reject: Sequence[tuple[str, Rejection]] = ()
    undo: Sequence[str] = ()


class Reviews:
    """Judges submissions.

    Args:
        store: where they are.
        clock: the time, aware.
        listeners: hear of each decision.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], listeners: Listeners) -> None:
        self._store, self._clock, self._listeners = store, clock, listeners

    async def review(self, job: Job, reviewer: str, said: Decisions) -> tuple[int, int, int]:
        """Approves, rejects, and takes back.

        Args:
            job: whose submissions; the caller has checked that it is the reviewer's.

        Returns:
            How many were approved, rejected and taken back now; what was so already counts nothing.

        Raises:
            NotFound: an id is no assignment of the job.
            Conflict: one was not revealed, or is in a signed batch, or the chain wouldn't pay it any more.
            Invalid: one stands there twice, or a reason is none of the job's, or empty, or too long.
        """
        _check_once([*(said.approve or ()), *(id for id, _ in said.reject), *said.undo])
        done = await self._store.write(lambda c: self._review(c, job.number, reviewer, said))
        return done[0], done[1], done[2]

    def _review(self, connection: Connection, posting: int, reviewer: str, said: Decisions) -> tuple[int, int, int]:
        bench = Bench(connection, posting, reviewer, self._clock(), self._listeners)
        undone = bench.undo(said.undo)
        rejected = sum(bench.reject([id], why) for id, why in said.reject)
        approved = bench.approve(said.approve)
        if rejected:
            require_fair(connection, posting)
        return approved, rejected, undone

    def page(self, job: Job, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """Who decided what about a job's submissions, in the order in which it happened."""
        with self._store.read() as connection:
            return reviews.page(connection, job.number, cursor, limit)

    def criteria(self, job: Job) -> dict[str, str]:
        """The texts of a job's criteria by code; empty where it rejects for any reason."""
        with self._store.read() as connection:
            return _criteria(connection, job.number)

    def criterion(self, row: Row[Any]) -> str | None:
        """The published text of the criterion that an assignment's rejection names."""
        if row.reason_code is None:
            return None
        with self._store.read() as connection:
            return _criteria(connection, row.posting).get(row.reason_code)


@dataclass(frozen=True, slots=True)
class Bench:
    """One reviewer's decisions about one job, within one transaction."""

    connection: Connection
    posting: int
    reviewer: str
    now: datetime
    listeners: Listeners = field(default_factory=list)

    def approve(self, ids: Sequence[str] | None) -> int:
        """Approves submissions; None for everything revealed."""
        if ids is None:
            return self._decide("approved", "revealed", None)
        states = self._states(ids, "approved")
        overridden = [id for id in ids if states[id] == "rejected"]
        count = self._decide("approved", "revealed", [id for id in ids if states[id] == "revealed"])
        if (changed := self._decide("approved", "rejected", overridden)) < len(overridden):
            raise Conflict(
                f"{len(overridden) - changed} of the rejected answers can't be approved any more: the chain has their slots (opened, "
                "paid, or closed with the job). Concede the contest there instead."
            )
        return count + changed

    def reject(self, ids: Sequence[str], why: Rejection) -> int:
        """Rejects submissions, all for one reason."""
        self._check(why)
        states = self._states(ids, "rejected")
        require_false(self.connection, ids, why.code)
        if why.code == MACHINE:
            require_evidence(self.connection, self.posting, ids)
        return self._decide("rejected", "revealed", [id for id in ids if states[id] == "revealed"], why)

    def undo(self, ids: Sequence[str]) -> int:
        """Takes approvals and rejections back."""
        states = self._states(ids, "undone")
        return sum(
            self._decide("undone", before, [id for id in ids if states[id] == before]) for before in BEFORE["undone"]
        )

    def _decide(self, verdict: str, before: str, ids: Sequence[str] | None, why: Rejection | None = None) -> int:
        audit = {"posting": self.posting, "before": before, "verdict": verdict, "reviewer": self.reviewer}
        audit |= {"code": why and why.code, "reason": why and why.reason}
        where = [reviews.may_be_paid] if (before, verdict) == ("rejected", "approved") else []
        done = reviews.decide(self.connection, audit, self.now, where, ids)
        if done and "rejected" in (before, verdict):
            reweigh(self.connection, self.posting, self.now)
        if done:
            tell(self.connection, self.listeners, Judged(verdict, self.posting, done, self.now))
        return len(done)

    def _check(self, why: Rejection) -> None:
        if not why.reason.strip() or len(why.reason) > LONGEST_REASON or "\0" in why.reason:
            raise Invalid(f"Say why it is rejected, in 1 to {LONGEST_REASON} characters.")
        codes = list(_criteria(self.connection, self.posting))
        if codes and why.code not in codes:
            raise Invalid(f"This job rejects by its published criteria only: give a code, one of {', '.join(codes)}.")
        if not codes and why.code is not None:
            raise Invalid("This job has published no criteria, so a rejection has a text and no code.")

    def _states(self, ids: Sequence[str], verdict: str) -> dict[str, str]:
        states = reviews.states(self.connection, self.posting, ids)
        for id in ids:
            if id not in states:
                raise NotFound(f"The job has no assignment {id}.")
            if states[id] not in BEFORE[verdict] + DONE[verdict]:
                raise Conflict(_obstacle(id, states[id]))
        return states


def tell(connection: Connection, listeners: Listeners, judged: Judged) -> None:
    """Lets everybody know who listens."""
    for listener in listeners:
        listener(connection, judged)


def _obstacle(id: str, state: str) -> str:
    if state == "batched":
        return f"Assignment {id} is approved in a signed batch, and what is signed can't be taken back."
    return f"Assignment {id} can't be reviewed so: it is {state}."


def _criteria(connection: Connection, posting: int) -> dict[str, str]:
    """A job's criteria: text by code."""
    return {entry["code"]: entry["text"] for entry in json.loads(reviews.criteria(connection, posting))}


def _check_once(named: Sequence[str]) -> None:
    if len(set(named)) != len(named):
        raise Invalid("An assignment stands twice in the review.")
