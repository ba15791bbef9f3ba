"""How often each worker is right, with an interval."""

from dataclasses import dataclass

import numpy as np

from piecework.quality.dawid_skene import FLOOR, Fit
from piecework.quality.labels import Labels
from piecework.quality.vote import Floats, shares

CHUNK = 200_000
STEPS = 1_000
GRID = (np.arange(400) + 0.5) / 400
"""The skills that are weighed against one another."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One worker.

    Attributes:
        answers: how many.
        right: the expected share of right ones, by the others' consensus: nobody's own answer vouches for itself.
        low, high: the middle 95 % of its posterior.
    """

    worker: str
    answers: int
    right: float
    low: float
    high: float


def skills(labels: Labels, fit: Fit | None = None) -> list[Skill]:
    """Each worker's skill against the consensus of the others, by Dawid-Skene's posteriors or, without a fit, by their votes.

    With p the others' probability of the label that a worker of skill q said, the answer's likelihood is
    q p + (1 − q)(1 − p) / (K − 1); the posterior of q from a flat prior is taken over a grid. So an answer where the others are of two
    minds counts little, and one to a unit that nobody else answered counts nothing.
    """
    agreed = _votes_without_own(labels) if fit is None else _posteriors_without_own(fit)
    agreed = np.where(labels.per_unit[labels.unit] < 2, 1 / len(labels.classes), agreed)
    posteriors = _over_grid(labels, agreed)
    means, reached = posteriors @ GRID, np.cumsum(posteriors, axis=1)
    low, high = (GRID[(reached < tail).sum(axis=1).clip(max=len(GRID) - 1)] for tail in (0.025, 0.975))
    rows = zip(labels.workers, labels.per_worker.tolist(), means.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Skill(str(worker), *row) for worker, *row in rows]


def _over_grid(labels: Labels, agreed: Floats) -> Floats:
    """Each worker's posterior over GRID, (workers, grid), with the others' probabilities rounded to STEPS."""
    used, place = np.unique(np.rint(agreed * STEPS), return_inverse=True)
    cells = labels.worker.astype(np.int64) * len(used) + place
    counts = np.bincount(cells, minlength=len(labels.workers) * len(used)).reshape(-1, len(used))
    p, q = used[:, None] / STEPS, GRID[None, :]
    likelihood = q * p + (1 - q) * (1 - p) / max(len(labels.classes) - 1, 1)
    rows = counts @ np.log(np.maximum(likelihood, FLOOR))
    rows = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _votes_without_own(labels: Labels) -> Floats:
    votes = shares(labels) * labels.per_unit[:, None]
    others = np.maximum(labels.per_unit[labels.unit] - 1, 1)
    return np.asarray((votes[labels.unit, labels.label] - 1) / others)


def _posteriors_without_own(fit: Fit) -> Floats:
    """P(the label said) of each answer, from the unit's posterior with the answer itself divided out."""
    labels, found = fit.labels, np.empty(len(fit.labels))
    for start in range(0, len(labels), CHUNK):
        part = slice(start, start + CHUNK)
        rows = np.log(np.maximum(fit.posteriors[labels.unit[part]], 1e-300)) - np.log(fit.errors[fit.pair_of[part]])
        rows -= rows.max(axis=1, keepdims=True)
        rows = np.exp(rows)
        found[part] = rows[np.arange(len(rows)), labels.label[part]] / np.maximum(rows.sum(axis=1), FLOOR)
    return found
