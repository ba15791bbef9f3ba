"""Known units: which a worker is given, what they say of it, and when it is given no more. What it has answered is paid all the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from backend.services.postings import Job
from backend.store import gold as rows_of
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality import gold
from piecework.quality.gold import Policy, Sequential, Standing
from piecework.quality.intervals import beta

MOST_KNOWN = 1_000
LONGEST_EXPLANATION = 2_000


class GoldPolicy(msgspec.Struct, frozen=True):
    """How a job mixes known units in: `share_bps` (1/10,000) of a worker's units, and all of its `first` ones. Of those `pass_right` must
    be right for it to go on; later it is given no more when the chance that it is right in less than `least_bps` passes 95 %, or, where
    `good_bps` is said, when Wald's sequential test holds it for one that is right in `least_bps` rather than in `good_bps`."""

    share_bps: int = 1_000
    first: int = 1
    least_bps: int = 7_000
    pass_right: int = 0
    good_bps: int = 0


policy = lru_cache(maxsize=4_096)(msgspec.json.Decoder(GoldPolicy).decode)
"""From a job's row."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A unit to learn by, after its answer."""

    unit: int
    said: str
    label: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Stand:
    """How a worker stands in a job, for itself: what known units say, with the middle 95 % of the posterior, and what follows.

    Attributes:
        shut: why it is given no more of the job; None where it is.
    """

    standing: Standing
    low: float
    high: float
    shut: str | None
    taught: tuple[Taught, ...]


class Gold:
    """Mixes known units in.

    Args:
        store: where they are.
        key: the coordinator's; who knows it, and nobody else, knows which unit comes next.
    """

    def __init__(self, store: Store, key: Key) -> None:
        self._store, self._secret = store, keccak256(b"piecework gold" + key.secret)

    async def know(self, job: Job, units: Sequence[dict[str, Any]], labels: Sequence[str]) -> None:
        """Says which units are known (unit, label, explanation); more can be added, and a label mended, at any time.

        Args:
            job: its requester asks.
            labels: the job's.

        Raises:
            Conflict: the job doesn't say that it mixes known units in.
            Invalid: a unit that isn't there or stands there twice, or a label that isn't the job's.
        """
        if job.gold is None:
            raise Conflict("The job doesn't say that known units are mixed in, and its workers must be told; describe one with 'gold'.")
        _check(units, job.units, labels)

        def work(connection: Connection) -> None:
            rows_of.put(connection, job.number, units)
            if len(rows_of.known(connection, job.number)) > MOST_KNOWN:
                raise Invalid(f"A job has at most {MOST_KNOWN} known units.")

        await self._store.write(work)

    def known(self, job: Job) -> tuple[Sequence[Row[Any]], dict[str, list[bool]], set[str]]:
        """A job's known units; whether what was said of each was right, in the order in which it came; and the units that have leaked."""
        with self._store.read() as connection:
            units, said = rows_of.known(connection, job.number), rows_of.said(connection, job.number)
        right: dict[str, list[bool]] = {}
        for row in said:
            right.setdefault(str(row.unit), []).append(row.said == row.label)
        return units, right, {leak.unit for leak in gold.leaks(right)}

    def stand(self, job: Job, worker: str) -> Stand:
        """How a worker stands.

        Raises:
            Conflict: the job mixes no known units in.
        """
        if job.gold is None:
            raise Conflict("This job mixes no known units in.")
        with self._store.read() as connection:
            rows = rows_of.standing(connection, job.number, worker)
        found, shut = _judged(policy(job.gold), rows)
        taught = [
            Taught(row.unit, row.said, row.label, row.explanation) for row in rows if row.said is not None and row.explanation is not None
        ]
        return Stand(found, *beta(found.right, found.asked - found.right, prior=(2.0, 1.0)), shut, tuple(taught))

    def next(self, connection: Connection, job: Job, worker: str, answered: int) -> Row[Any] | None:
        """The known unit that a worker shall be given now, with a slot freed for it; None where it is an ordinary one's turn.

        Args:
            answered: how many of the job's slots it has taken and kept.

        Raises:
            Conflict: it is given no more, or its first answers aren't there yet.
        """
        assert job.gold is not None
        said, seen = policy(job.gold), rows_of.standing(connection, job.number, worker)
        _, shut = _judged(said, seen)
        if shut is not None:
            raise Conflict(shut)
        first = min(said.first, len(rows_of.known(connection, job.number))) if said.pass_right else 0
        if len(seen) >= first > sum(map(_answered, seen)):
            raise Conflict("Answer the job's first units before you take more: they decide whether you go on.")
        ways = Policy(share_bps=said.share_bps, first=said.first)
        if not gold.is_gold(ways, self._seed(job), worker, max(answered, len(seen))):
            return None
        rows = rows_of.known(connection, job.number)
        uses = {str(row.unit): int(row.uses) for row in rows if row.uses < row.slots}
        chosen = gold.choose(Policy(most_uses=2**31), self._seed(job), worker, uses, [str(row.unit) for row in seen])
        offered = None if chosen is None else rows_of.offer(connection, job.number, int(chosen))
        if offered is None and len(seen) < first:
            raise Conflict("All places in this job's first units, which decide who goes on, are taken; look again later.")
        return offered

    def _seed(self, job: Job) -> bytes:
        return self._secret + bytes.fromhex(job.id[2:])


def _answered(row: Row[Any]) -> bool:
    """Whether a known unit was answered; reporting one, whose answer is known, counts as an answer that isn't right."""
    return row.said is not None or row.kind is not None


def _judged(said: GoldPolicy, rows: Sequence[Row[Any]]) -> tuple[Standing, str | None]:
    """What known units say of a worker, and why it is given no more."""
    answers = [row.said == row.label for row in rows if _answered(row)]
    found = gold.standing(sum(answers), len(answers), least=max(said.least_bps / 10_000, 1e-6))
    start = answers[: said.first]
    if said.pass_right and len(start) == said.first and sum(start) < said.pass_right:
        return found, f"Of this job's first {said.first} units {said.pass_right} must be right, and {sum(start)} were. What you answered is yours."
    bad = Sequential(said.good_bps / 10_000, said.least_bps / 10_000).ever_bad(answers) if said.good_bps else found.restrict
    if bad and said.least_bps:
        why = f"{found.right} of {found.asked} units whose answer is known were right, which is too few for this job. What you answered is yours."
        return found, why
    return found, None


def truth(connection: Connection, posting: int) -> dict[str, str]:
    """A job's known units and their labels, as the consensus takes them."""
    return {str(row.unit): row.label for row in rows_of.known(connection, posting)}


def _check(units: Sequence[dict[str, Any]], count: int, labels: Sequence[str]) -> None:
    if not 1 <= len(units) <= MOST_KNOWN:
        raise Invalid(f"Name 1 to {MOST_KNOWN} known units.")
    named = [one["unit"] for one in units]
    if len(set(named)) != len(named):
        raise Invalid("A unit stands there twice.")
    for one in units:
        if not 0 <= one["unit"] < count:
            raise Invalid(f"The job has no unit {one['unit']}.")
        if one["label"] not in labels:
            raise Invalid(f"'{one['label']}' is none of the job's labels.")
        if one["explanation"] is not None and not 0 < len(one["explanation"]) <= LONGEST_EXPLANATION:
            raise Invalid(f"An explanation has 1 to {LONGEST_EXPLANATION} characters.")
