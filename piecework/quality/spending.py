"""Spending well: who answers what next, and when enough is enough."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.vote import Floats


@dataclass(frozen=True)
class Overlap:
    """How many answers a unit gets: at least `least`, then until its label is `confidence` sure, at most `most`."""

    least: int = 3
    most: int = 7
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (1 <= self.least <= self.most and 0 < self.confidence <= 1):
            raise Invalid("An overlap is at least 1, at most its cap, and its confidence is above 0 and at most 1.")


class Next(Enum):
    """What a unit needs."""

    ASK = "ask"
    SURE = "sure"
    CAP = "cap"


def next_step(overlap: Overlap, answers: int, confidence: float) -> Next:
    """Whether a unit with so many answers, whose label is so sure, gets another one."""
    if answers < overlap.least:
        return Next.ASK
    if confidence >= overlap.confidence:
        return Next.SURE
    return Next.CAP if answers >= overlap.most else Next.ASK


def posterior(votes: Iterable[tuple[int, float]], classes: int, priors: Floats | None = None) -> Floats:
    """∝ prior × ∏ (q if the vote is for the class, else (1 − q) / (K − 1)), over (class voted for, the voter's skill q)."""
    row = np.log(np.full(classes, 1 / classes) if priors is None else priors)
    for voted, skill in votes:
        row += np.log(answer_odds(skill, classes)[voted])
    row = np.exp(row - row.max())
    return np.asarray(row / row.sum())


def answer_odds(skill: float, classes: int) -> Floats:
    """P(said | true) of a worker who is right in `skill` and errs evenly, (said, true)."""
    right = min(max(skill, 1e-3), 1 - 1e-3)
    odds = np.full((classes, classes), (1 - right) / max(classes - 1, 1))
    np.fill_diagonal(odds, right)
    return odds


def entropy(rows: Floats) -> Floats:
    """In bits, over the last axis."""
    return np.asarray(-(rows * np.log2(np.maximum(rows, 1e-300))).sum(axis=-1))


def expected_information(posteriors: Floats, odds: Floats) -> Floats:
    """How many bits one more answer is expected to take from each unit's doubt, (units,).

    Args:
        posteriors: (units, classes).
        odds: P(said | true) of who would answer, (said, true).
    """
    joint = posteriors[:, None, :] * odds[None, :, :]
    said = joint.sum(axis=2, keepdims=True)
    after = entropy(joint / np.maximum(said, 1e-300))
    return np.asarray(entropy(posteriors) - (said[:, :, 0] * after).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Offer:
    """A worker for a unit (its place) at a price in base units, and the bits it is expected to bring."""

    unit: int
    worker: str
    price: int
    bits: float

    @property
    def worth(self) -> float:
        """Bits a base unit."""
        return self.bits / self.price


def best_offers(posteriors: Floats, workers: Mapping[str, tuple[Floats, int]], taken: set[tuple[int, str]], most: int) -> list[Offer]:
    """Matches workers and units, the most information for a coin first: each worker and each unit once.

    Args:
        workers: worker → (P(said | true), price of an answer in base units).
        taken: (unit, worker) that have met.
        most: how many offers.

    Raises:
        Invalid: a price that isn't above zero.
    """
    offers = []
    for worker, (odds, price) in sorted(workers.items()):
        if price <= 0:
            raise Invalid("A price is above zero.")
        bits = expected_information(posteriors, odds)
        offers += [Offer(unit, worker, price, float(gain)) for unit, gain in enumerate(bits) if (unit, worker) not in taken]
    offers.sort(key=lambda one: (-one.worth, one.unit, one.worker))
    chosen: list[Offer] = []
    units: set[int] = set()
    busy: set[str] = set()
    for offer in offers:
        if len(chosen) < most and offer.unit not in units and offer.worker not in busy:
            chosen.append(offer)
            units.add(offer.unit)
            busy.add(offer.worker)
    return chosen
