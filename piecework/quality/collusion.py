"""Who copies from whom: two workers' mistakes in common beyond chance."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from piecework.quality.discoveries import discoveries
from piecework.quality.excess import codes
from piecework.quality.labels import Labels
from piecework.quality.mistakes import Common, Units, common_mistakes
from piecework.quality.suspicion import Signal

LEAST_SHARED = 20
"""Pairs with fewer units in common aren't tested."""

FALSE_POSITIVE_RATE = 0.03
"""Of honest workers in any flagged pair, up to a fifth of colluders (measured: 0 to 2.3 %). A larger ring bends the consensus itself:
at 30, 40 and 50 % of colluders 7, 24 and 54 % of honest workers were flagged. Compare with gold there, not with the consensus."""

Pair = tuple[str, str]


def compared(labels: Labels, reference: Mapping[str, str]) -> dict[Pair, Common]:
    """Every two workers' mistakes in common. Where two are equal, who copied can't be told."""
    right = codes(labels, reference)
    about = Units.of(labels, right)
    said = np.full((len(labels.workers), len(labels.units)), -1, dtype=np.int64)
    said[labels.worker, labels.unit] = labels.label
    found = {}
    for one, other in combinations(range(len(labels.workers)), 2):
        units = np.flatnonzero((said[one] >= 0) & (said[other] >= 0))
        if len(units) >= LEAST_SHARED:
            name = (str(labels.workers[one]), str(labels.workers[other]))
            found[name] = common_mistakes(units, said[one, units], said[other, units], about, True)
    return found


def signals(found: Mapping[Pair, Common], level: float = 0.05) -> list[Signal]:
    """One for each worker of each pair to believe it of."""
    pairs = list(found)
    return [
        Signal(worker, "collusion", _evidence(other, found[pairs[at]]), FALSE_POSITIVE_RATE, found[pairs[at]].p)
        for at in discoveries([found[pair].p for pair in pairs], level)
        for worker, other in (pairs[at], pairs[at][::-1])
    ]


def _evidence(other: str, common: Common) -> str:
    return f"makes {common.seen} of {other}'s mistakes, where {common.expected:.1f} would be chance"
