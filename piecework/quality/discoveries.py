"""Many tests at once."""

from collections.abc import Sequence

import numpy as np


def discoveries(p: Sequence[float], level: float = 0.05) -> list[int]:
    """Which of many tests to believe, so that of those at most `level` are false on average (Benjamini and Hochberg, JRSS B 57,
    1995). Places in `p`, in order."""
    values = np.asarray(p, dtype=float)
    if not len(values):
        return []
    order = np.argsort(values, kind="stable")
    under = values[order] <= level * np.arange(1, len(values) + 1) / len(values)
    count = int(np.flatnonzero(under)[-1]) + 1 if under.any() else 0
    return sorted(order[:count].tolist())
