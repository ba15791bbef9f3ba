"""Plurality, plain or weighted by skill."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.labels import Labels

Floats = NDArray[np.float64]


def shares(labels: Labels, weights: Floats | None = None) -> Floats:
    """Each unit's share of the votes by class, shape (units, classes).

    Args:
        weights: of each worker, shape (workers,), not negative; without them each vote counts one.
    """
    classes = len(labels.classes)
    cells = labels.unit.astype(np.int64) * classes + labels.label
    counted = np.bincount(cells, None if weights is None else weights[labels.worker], len(labels.units) * classes)
    votes = counted.astype(np.float64).reshape(-1, classes)
    total = votes.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise Invalid("The votes on a unit weigh nothing together; give its workers a weight above zero.")
    return np.asarray(votes / total)


def skill_weights(labels: Labels, skills: Mapping[str, float]) -> Floats:
    """The log-odds weights that make a weighted vote the likeliest label, where worker w is right with `skills[w]` and spreads
    errors evenly: log(q (K−1) / (1−q)), at least 0 (Nitzan and Paroush, 1982).

    Raises:
        Invalid: a worker without a skill.
    """
    missing = [worker for worker in labels.workers if worker not in skills]
    if missing:
        raise Invalid(f"Worker '{missing[0]}' has no skill; give every worker one between 0 and 1.")
    right = np.clip([skills[worker] for worker in labels.workers], 1e-3, 1 - 1e-3)
    return np.maximum(np.log(right * max(len(labels.classes) - 1, 1) / (1 - right)), 1e-9)
