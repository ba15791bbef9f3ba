"""What an overlap policy would have cost: recorded or made answers, bought one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from piecework.quality import dawid_skene, spending
from piecework.quality.labels import Labels
from piecework.quality.spending import Next, Overlap

SMOOTHING = 0.5
"""Few answers a worker: without smoothing, one agreement would make anybody infallible."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answers bought for each unit on average, and the share of units decided right."""

    cost: float
    accuracy: float


def bought(labels: Labels, overlap: Overlap, seed: int) -> list[int]:
    """Which answers (their places in `labels`) a policy buys, round by round, when each unit's recorded answers come in an order
    drawn from `seed`. After each round Dawid-Skene says which units are in doubt."""
    queues = _queues(labels, seed)
    taken = [queue[: overlap.least] for queue in queues]
    while True:
        places = sorted(at for unit in taken for at in unit)
        sure = _fit(labels, places).posteriors.max(axis=1)
        more = [
            unit for unit, queue in enumerate(queues)
            if len(taken[unit]) < len(queue) and spending.next_step(overlap, len(taken[unit]), float(sure[unit])) is Next.ASK
        ]
        if not more:
            return places
        for unit in more:
            taken[unit] = queues[unit][: len(taken[unit]) + 1]


def outcome(labels: Labels, truth: Mapping[str, str], overlap: Overlap, seeds: Sequence[int]) -> Outcome:
    """The average over several orders. A fixed overlap of k is `Overlap(k, k)`."""
    costs, rights = [], []
    for seed in seeds:
        places = bought(labels, overlap, seed)
        fit = _fit(labels, places)
        best = np.round(fit.posteriors, 12).argmax(axis=1)
        known = [(at, truth[unit]) for at, unit in enumerate(labels.units) if unit in truth]
        rights.append(np.mean([labels.classes[best[at]] == right for at, right in known]))
        costs.append(len(places) / len(labels.units))
    return Outcome(float(np.mean(costs)), float(np.mean(rights)))


def saving(dynamic: Outcome, fixed: Sequence[Outcome]) -> float | None:
    """The share of answers that a dynamic policy saves against the cheapest mix of fixed overlaps of the same accuracy; None
    where no fixed overlap reaches it."""
    curve = sorted(fixed, key=lambda one: one.cost)
    for cheap, dear in zip(curve, curve[1:], strict=False):
        if cheap.accuracy >= dynamic.accuracy:
            return 1 - dynamic.cost / cheap.cost
        if dear.accuracy >= dynamic.accuracy:
            part = (dynamic.accuracy - cheap.accuracy) / (dear.accuracy - cheap.accuracy)
            return 1 - dynamic.cost / (cheap.cost + part * (dear.cost - cheap.cost))
    return None


def _queues(labels: Labels, seed: int) -> list[list[int]]:
    chance = np.random.default_rng(seed)
    bounds = labels.starts
    return [
        (bounds[unit] + chance.permutation(int(bounds[unit + 1] - bounds[unit]))).tolist() for unit in range(len(labels.units))
    ]


def _fit(labels: Labels, places: Sequence[int]) -> dawid_skene.Fit:
    some = np.asarray(places)
    part = Labels(labels.units, labels.workers, labels.classes, labels.unit[some], labels.worker[some], labels.label[some])
    return dawid_skene.fit(part, dawid_skene.Settings(iterations=30, tolerance=1e-4, smoothing=SMOOTHING))
