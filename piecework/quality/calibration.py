"""Confidence that means what it says: of what is called 90 % sure, nine in ten are right.

Dawid-Skene takes answers for independent, and is too sure of itself when they aren't. Where some units' truth is known, one number
(a temperature; Guo et al., ICML 2017) brings its posteriors back; `reliability` shows how far off they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.intervals import wilson
from piecework.quality.vote import Floats

LEAST_KNOWN = 20
"""Fewer known units than these say too little to calibrate with."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Units of one range of confidence: how sure on average, the share that was right, its 95 % interval."""

    units: int
    confidence: float
    right: float
    low: float
    high: float


def tempered(posteriors: Floats, temperature: float) -> Floats:
    """Posteriors to the power 1/temperature, normalised: above 1 less sure, below 1 more."""
    rows = np.log(np.maximum(posteriors, 1e-12)) / temperature
    rows = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def temperature(posteriors: Floats, truth: NDArray[np.int64]) -> float:
    """The temperature with the least log loss on known units.

    Args:
        posteriors: (known, classes) of units whose truth the model did not see.
        truth: (known,) class codes.

    Raises:
        Invalid: fewer than 20 known units.
    """
    from scipy import optimize

    if len(truth) < LEAST_KNOWN:
        raise Invalid(f"Calibration needs at least {LEAST_KNOWN} known units; there are {len(truth)}.")

    def loss(logarithm: float) -> float:
        rows = tempered(posteriors, float(np.exp(logarithm)))
        return -float(np.log(np.maximum(rows[np.arange(len(truth)), truth], 1e-12)).mean())

    found = optimize.minimize_scalar(loss, bounds=(np.log(0.2), np.log(50.0)), method="bounded")
    return float(np.exp(found.x))


def held_out(posteriors: Floats, truth: NDArray[np.int64], folds: int = 5) -> Floats:
    """Each known unit's posteriors by a temperature that was found without it: for a reliability diagram that isn't flattered."""
    result = np.empty_like(posteriors)
    fold = np.arange(len(truth)) % folds
    for at in range(folds):
        result[fold == at] = tempered(posteriors[fold == at], temperature(posteriors[fold != at], truth[fold != at]))
    return result


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """The bins of a reliability diagram that have units in them."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for at in range(bins):
        inside = place == at
        if inside.any():
            count, good = int(inside.sum()), int(right[inside].sum())
            found.append(Bin(count, float(confidence[inside].mean()), good / count, *wilson(good, count)))
    return found


def expected_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """The expected calibration error: the mean distance of confidence from the share that is right, over bins."""
    parts = reliability(confidence, right, bins)
    return sum(part.units * abs(part.confidence - part.right) for part in parts) / len(confidence)
