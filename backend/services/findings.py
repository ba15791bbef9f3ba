"""Findings: what detectors say of workers, what people say of that, and what may follow: never, by itself, anything about pay."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.drafts import own
from backend.services.postings import Job
from backend.store import fairness
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound
from piecework.quality.suspicion import Advice, Recommendation, Review, Signal, recommend, reviewed

VERDICTS = {"cleared": Review.CLEARED, "confirmed": Review.CONFIRMED}
MACHINE = "machine"
"""The criterion by which a job rejects what a machine answered: only whom two independent signals and a person's review speak against."""
LONGEST_REASON = 2_000
LONGEST_SECONDS, MOST_LETTERS, MOST_LOSSES, MOST_RHYTHM = 90 * 86_400, 1 << 20, 1 << 20, 1e6
_SOMEBODY = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What is said of a worker in a job, by detectors and by a person, and what may follow.

    Attributes:
        moved: the detectors give other evidence than the person saw.
    """

    job: str
    worker: str
    signals: tuple[Signal, ...]
    review: Row[Any] | None
    moved: bool
    advice: Recommendation


class Findings:
    """Takes signals, and reads what detectors made of them.

    Args:
        store: where they are.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    async def share(self, account: str, whether: bool) -> None:
        """Says whether an account shares how its answers come about; who stops takes back what it has shared."""
        await self._store.write(lambda c: fairness.share(c, account, whether))

    def shares(self, account: str) -> bool:
        """Whether it does."""
        with self._store.read() as connection:
            return fairness.shares(connection, account)

    async def signal(self, id: str, worker: str, job_takes: Callable[[str], bool], said: dict[str, Any]) -> bool:
        """Keeps how an answer came about; False, and nothing kept, where the worker shares nothing.

        Args:
            job_takes: whether a job, by its id, says that it takes signals.
            said: seconds, letters, pasted_share, focus_losses, rhythm.

        Raises:
            NotFound: no such assignment of this worker.
            Conflict: its answer isn't committed to, or the job takes none.
            Invalid: a number out of its range.
        """
        _check_features(said)

        def work(connection: Connection) -> bool:
            row = own(connection, id, worker)
            if not job_takes(row.job):
                raise Conflict("This job takes no signals, and says so to its workers.")
            if row.commitment is None:
                raise Conflict("Commit to the answer first.")
            if not fairness.shares(connection, worker):
                return False
            fairness.signal(connection, said | {"posting": row.posting, "slot": row.slot, "worker": worker})
            return True

        return bool(await self._store.write(work))

    async def ask(self, job: Job) -> None:
        """Has a job's detectors run."""
        await self._store.write(lambda c: fairness.ask_detection(c, job.number, self._clock()))

    def page(self, job: Job, cursor: str, limit: int) -> tuple[Row[Any] | None, list[Suspicion]]:
        """When the job's detectors ran, and the workers that they have a word on, by address."""
        with self._store.read() as connection:
            suspects = fairness.suspects(connection, job.number, cursor, limit)
            return fairness.detection(connection, job.number), [suspicion(connection, job.id, job.number, one) for one in suspects]

    def own(self, worker: str) -> list[Suspicion]:
        """What is said of a worker anywhere, for itself: others in it have no names."""
        with self._store.read() as connection:
            jobs = dict.fromkeys((row.posting, row.job) for row in fairness.own_findings(connection, worker))
            found = [suspicion(connection, job, posting, worker) for posting, job in jobs]
        return [_nameless(one) for one in found]

    async def review(self, job: Job, reviewer: str, worker: str, verdict: str, reason: str) -> None:
        """Says what a person thinks who looked at what detectors say of a worker. The worker reads it.

        Raises:
            NotFound: they say nothing of this worker.
            Invalid: no such verdict, or no reason.
        """
        if verdict not in VERDICTS:
            raise Invalid(f"verdict must be one of {', '.join(VERDICTS)}.")
        if not reason.strip() or len(reason) > LONGEST_REASON or "\0" in reason:
            raise Invalid(f"Say why, in 1 to {LONGEST_REASON} characters: the worker reads it.")

        def work(connection: Connection) -> None:
            found = fairness.findings(connection, job.number, worker)
            if not found:
                raise NotFound("No detector has a word on this worker.")
            seen = json.dumps([[one.detector, one.evidence] for one in found])
            row = {"posting": job.number, "worker": worker, "verdict": verdict, "reason": reason, "reviewer": reviewer}
            fairness.put_review(connection, row | {"seen": seen, "created_at": self._clock()})

        await self._store.write(work)


def suspicion(connection: Connection, job: str, posting: int, worker: str) -> Suspicion:
    """What is said of a worker in a job."""
    rows, review = fairness.findings(connection, posting, worker), fairness.review(connection, posting, worker)
    signals = tuple(Signal(row.worker, row.detector, row.evidence, row.false_positive_rate, row.p) for row in rows)
    if review is None:
        return Suspicion(job, worker, signals, None, False, recommend(worker, signals, Review.NONE))
    seen = {(detector, evidence) for detector, evidence in json.loads(review.seen)}
    moved = {(one.detector, one.evidence) for one in signals} != seen
    return Suspicion(job, worker, signals, review, moved, reviewed(worker, signals, VERDICTS[review.verdict], {detector for detector, _ in seen}))


def require_evidence(connection: Connection, posting: int, ids: Sequence[str]) -> None:
    """Lets a rejection by the criterion `machine` pass only for workers whom two independent signals and a person speak against.

    Raises:
        Conflict: one of them isn't such a worker.
    """
    for worker in sorted(fairness.workers(connection, posting, ids)):
        if suspicion(connection, "", posting, worker).advice.advice is not Advice.CONTEST:
            raise Conflict(
                f"Nothing that a detector says withholds pay: to reject answers of {worker} as a machine's takes two independent signals and "
                "a person's review that confirms them."
            )


def _nameless(one: Suspicion) -> Suspicion:
    signals = tuple(
        Signal(s.worker, s.detector, _SOMEBODY.sub("another worker", s.evidence), s.false_positive_rate, s.p) for s in one.signals
    )
    advice = Recommendation(one.worker, one.advice.advice, tuple(_SOMEBODY.sub("another worker", said) for said in one.advice.evidence))
    return Suspicion(one.job, one.worker, signals, one.review, one.moved, advice)


def _check_features(said: dict[str, Any]) -> None:
    ranges = {"seconds": LONGEST_SECONDS, "letters": MOST_LETTERS, "pasted_share": 1, "focus_losses": MOST_LOSSES, "rhythm": MOST_RHYTHM}
    for name, most in ranges.items():
        value = said[name]
        if value is not None and not (math.isfinite(value) and 0 <= value <= most):
            raise Invalid(f"{name} is a number from 0 to {most:g}.")
