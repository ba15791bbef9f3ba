"""What may follow from a detector's signal: never, by itself, anything about pay.

Two signals of different families and a person's review make a recommendation, with its evidence, that the worker sees and can
appeal. One signal makes a note that somebody may look at. Honest people trip every detector sometimes; how often was measured and
stands on the signal.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

FAMILIES = {
    "excess": "agreement", "collusion": "agreement", "duplicate": "text", "canary": "content", "interaction": "behaviour",
}
"""Detectors that look at the same thing aren't independent: their signals count once."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One detector's word on one worker.

    Attributes:
        detector: a key of FAMILIES.
        false_positive_rate: the share of honest workers whom it flags, as measured (docs/quality.md).
        evidence: a sentence that the worker can check.
        p: of its test, where it has one.
    """

    worker: str
    detector: str
    evidence: str
    false_positive_rate: float
    p: float | None = None


class Review(Enum):
    """What a person who looked at the evidence says."""

    NONE = "nobody has looked"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"


class Advice(Enum):
    """All that this module can say."""

    NOTHING = "nothing"
    LOOK = "a person should look"
    CONTEST = "the requester may contest, with this evidence, and the worker may appeal"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Advice with its grounds. `withholds_pay` is False whatever the signals: only a person's contest on the chain can do that."""

    worker: str
    advice: Advice
    evidence: tuple[str, ...]
    withholds_pay: bool = False


def recommend(worker: str, signals: Sequence[Signal], review: Review) -> Recommendation:
    """What to do about a worker."""
    own = sorted({one for one in signals if one.worker == worker}, key=lambda one: (one.detector, one.evidence))
    families = {FAMILIES[one.detector] for one in own}
    grounds = tuple(
        f"{one.detector}: {one.evidence} (flags {100 * one.false_positive_rate:.1f} % of honest workers)" for one in own
    )
    if not own or review is Review.CLEARED:
        return Recommendation(worker, Advice.NOTHING, grounds)
    if len(families) >= 2 and review is Review.CONFIRMED:
        return Recommendation(worker, Advice.CONTEST, grounds)
    return Recommendation(worker, Advice.LOOK, grounds)


def reviewed(worker: str, signals: Sequence[Signal], review: Review, seen: Collection[str]) -> Recommendation:
    """What to do about a worker of whom a person has spoken, for the detectors that it saw: their numbers may move since, as answers come,
    but what another detector claims nobody has looked at.

    Args:
        seen: the detectors that had a word on the worker then.
    """
    looked_at = [one for one in signals if one.detector in seen]
    advised = recommend(worker, looked_at, review)
    if advised.advice is Advice.CONTEST or len(looked_at) == len(signals):
        return advised
    return recommend(worker, signals if review is Review.CONFIRMED else [one for one in signals if one.detector not in seen], Review.NONE)
