"""Audits: a random sample, looked at again, that says how good the rest is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.intervals import clopper_pearson


@dataclass(frozen=True, slots=True)
class Audit:
    """The accuracy of the whole, with the exact (Clopper-Pearson) 95 % interval."""

    asked: int
    right: int
    accuracy: float
    low: float
    high: float


def sample(units: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the units at random, each as likely as any other; sorted. All of them where there are fewer."""
    ordered = sorted(set(units))
    chosen = np.random.default_rng(seed).permutation(len(ordered))[:count]
    return [ordered[at] for at in sorted(chosen)]


def audited(right: int, asked: int) -> Audit:
    """What an audit found."""
    return Audit(asked, right, right / asked if asked else float("nan"), *clopper_pearson(right, asked))


def size_for(half_width: float, expected: float = 0.9, level: float = 0.95) -> int:
    """How many units to audit so that the interval is about ± `half_width` where `expected` are right."""
    from scipy import stats

    if not (0 < half_width < 1 and 0 < expected < 1):
        raise Invalid("The half width and the expected share lie between 0 and 1.")
    z = float(stats.norm.ppf((1 + level) / 2))
    return ceil(z * z * expected * (1 - expected) / half_width**2)
