"""One answer more: what it does to its unit, by numbers that were kept, without looking at any other answer.

Between two fits a worker's word is worth what the last fit said. So the result is the fit's own wherever nothing has come in since, and
`piecework.quality.running` gives the same numbers from a fit in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from piecework.quality import running, spending
from piecework.quality.dawid_skene import FLOOR, Fit
from piecework.quality.spending import Next, Overlap

Shares = Mapping[str, float]
"""Class → probability; a class that isn't there has next to none."""

UNKNOWN_SKILL = 0.75
"""What a worker's word is worth before anything is known of anybody."""
MOST_CLASSES = 20
"""Of more classes no error rates are kept, only how often a worker is right; and only so many are weighed for the next answer's worth."""
KEPT = 1e-9
"""Probabilities below are left away."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a worker's word is worth: the share right, and P(said | true) where it is known, as said → true → probability."""

    right: float = UNKNOWN_SKILL
    rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def likelihood(self, said: str, true: str, classes: int) -> float:
        """P(said | true), of so many classes."""
        known = self.rates.get(said, {}).get(true)
        if known is not None:
            return max(known, FLOOR)
        right = min(max(self.right, 1e-3), 1 - 1e-3)
        return right if said == true else (1 - right) / max(classes - 1, 1)


def updated(before: Shares, said: str, word: Word, classes: Sequence[str]) -> dict[str, float]:
    """Bayes' rule: a unit's probabilities after one more answer."""
    logs = {name: log(max(before.get(name, 0.0), FLOOR)) + log(word.likelihood(said, name, len(classes))) for name in classes}
    most = max(logs.values())
    weights = {name: exp(value - most) for name, value in logs.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight / total > KEPT}


def votes(counts: Mapping[str, int]) -> dict[str, float]:
    """The shares of a vote."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def decided(shares: Shares) -> tuple[str, float]:
    """The likeliest class and its probability; of equals the first by name, as everywhere."""
    return max(sorted(shares.items()), key=lambda pair: round(pair[1], 12))


def words(fit: Fit | None, skill_of: Mapping[str, float]) -> dict[str, Word]:
    """Every worker's word by a fit, and by its skills alone where there is no fit or are too many classes."""
    if fit is None or len(fit.labels.classes) > MOST_CLASSES:
        return {worker: Word(right) for worker, right in skill_of.items()}
    names, rates = [str(name) for name in fit.labels.classes], {}
    for (worker, said), row in zip(fit.pairs.tolist(), fit.errors.tolist(), strict=True):
        rates.setdefault(str(fit.labels.workers[worker]), {})[names[said]] = dict(zip(names, row, strict=True))
    return {worker: Word(right, rates.get(worker, {})) for worker, right in skill_of.items()}


def average(fit: Fit | None, skill_of: Mapping[str, float]) -> Word:
    """The word of a worker whom nobody knows: everybody's together."""
    right = float(np.mean(list(skill_of.values()))) if skill_of else UNKNOWN_SKILL
    if fit is None or len(fit.labels.classes) > MOST_CLASSES:
        return Word(right)
    names = [str(name) for name in fit.labels.classes]
    table = running.average(fit).tolist()
    return Word(right, {said: dict(zip(names, row, strict=True)) for said, row in zip(names, table, strict=True)})


def bits(shares: Shares, right: float, classes: int) -> float:
    """How many bits one more answer, of a worker who is right in `right`, is expected to take from a unit's doubt."""
    likeliest = sorted(shares.values(), reverse=True)[:MOST_CLASSES]
    width = min(max(classes, 2), MOST_CLASSES)
    row = np.full(width, KEPT)
    row[: len(likeliest)] = np.maximum(likeliest, KEPT)
    gain = spending.expected_information((row / row.sum())[None, :], spending.answer_odds(right, width))
    return max(0.0, float(gain[0]))


def wanted(overlap: Overlap, answers: int, confidence: float) -> int:
    """How many answers a unit shall have or await now: the first `least` at once, then one at a time until it is sure or has `most`."""
    if spending.next_step(overlap, answers, confidence) is not Next.ASK:
        return answers
    return min(max(overlap.least, answers + 1), overlap.most)
