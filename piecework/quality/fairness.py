"""What a requester may not do to people: rules as functions of facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from piecework.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Hourly:
    """What a job pays an hour, in base units, by the median of measured times (rounded down); `below` the floor or not."""

    rate: int
    below: bool
    answers: int


def hourly(reward: int, seconds: Sequence[float], floor: int, expected_seconds: float | None = None) -> Hourly:
    """The job's hourly rate against a floor.

    Args:
        reward: of one answer, base units.
        seconds: measured times; with fewer than 5 of them the requester's own estimate counts.
        floor: base units an hour; 0 for none.

    Raises:
        Invalid: neither times nor an estimate.
    """
    if len(seconds) >= 5:
        middle = median(seconds)
    elif expected_seconds is not None:
        middle = expected_seconds
    else:
        raise Invalid("Say how long an answer takes: there are no measured times yet.")
    if middle <= 0:
        raise Invalid("An answer takes more than no time.")
    numerator, denominator = float(middle).as_integer_ratio()
    rate = reward * 3_600 * denominator // numerator  # exact: no float touches money
    return Hourly(rate, rate < floor, len(seconds))


def least_reward(floor: int, expected_seconds: float) -> int:
    """The least reward, in base units, with which a job meets the floor; rounded up."""
    numerator, denominator = float(expected_seconds).as_integer_ratio()
    return -(-floor * numerator // (3_600 * denominator))


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejection of a worker's answer; `at` in Unix seconds."""

    requester: str
    at: int
    overturned: bool = False


def counted_rejections(rejections: Sequence[Rejection], cap: int = 1, window_seconds: int = 86_400) -> int:
    """How many of a worker's rejections count: of one requester at most `cap` within any window, and none that was overturned. A
    requester who rejects a thousand answers in a night has said one thing about the worker, not a thousand."""
    counted: dict[str, list[int]] = {}
    for one in sorted(rejections, key=lambda one: one.at):
        if not one.overturned:
            own = counted.setdefault(one.requester, [])
            if sum(at > one.at - window_seconds for at in own) < cap:
                own.append(one.at)
    return sum(map(len, counted.values()))


def frozen(approved: int, rejected: int, limit_bps: int = 1_000, least: int = 20) -> bool:
    """Whether a job's rejections wait until somebody has looked: more than `limit_bps` (1/10,000) of at least `least` reviews."""
    reviewed = approved + rejected
    return reviewed >= least and rejected * 10_000 > limit_bps * reviewed


@dataclass(frozen=True, slots=True)
class Review:
    """One reviewed answer of a requester; instants in Unix seconds, `paid_at` None while unpaid."""

    submitted_at: int
    approved: bool
    overturned: bool = False
    paid_at: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A requester's public record; rates None where there is nothing to measure."""

    reviewed: int
    approval: float | None
    rejection: float | None
    overturned: float | None
    seconds_to_pay: float | None


def record(reviews: Sequence[Review]) -> Record:
    """The record over reviewed answers; an overturned rejection counts as a rejection and as overturned."""
    rejected = [one for one in reviews if not one.approved]
    waits = [one.paid_at - one.submitted_at for one in reviews if one.paid_at is not None]
    return Record(
        len(reviews),
        (len(reviews) - len(rejected)) / len(reviews) if reviews else None,
        len(rejected) / len(reviews) if reviews else None,
        sum(one.overturned for one in rejected) / len(rejected) if rejected else None,
        median(waits) if waits else None,
    )
