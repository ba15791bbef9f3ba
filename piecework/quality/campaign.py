"""What an overlap policy would have cost: recorded or made answers, bought one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from piecework.quality import dawid_skene, online, spending
from piecework.quality.labels import Labels
from piecework.quality.skill import skills
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
        sure = _fit(_part(labels, places)).posteriors.max(axis=1)
        more = [
            unit for unit, queue in enumerate(queues)
            if len(taken[unit]) < len(queue) and spending.next_step(overlap, len(taken[unit]), float(sure[unit])) is Next.ASK
        ]
        if not more:
            return places
        for unit in more:
            taken[unit] = queues[unit][: len(taken[unit]) + 1]


def handed(labels: Labels, overlap: Overlap, seed: int, by_skill: bool = False) -> list[int]:
    """The same where workers choose nothing: they come one after another, in an order drawn from `seed` for each round, and each is given the
    unit whose next answer is worth the most bits. With `by_skill` whoever is right less often than all together, by the last fit, is given
    the unit whose next answer is worth the least: the coordinator's rule.

    Args:
        labels: each worker's answer to each unit that it could be given.
    """
    chance, units, workers = np.random.default_rng(seed), len(labels.units), len(labels.workers)
    place = np.full((units, workers), -1)
    place[labels.unit, labels.worker] = np.arange(len(labels))
    taken: list[int] = []
    held, wanted, worth, less = np.zeros(units, int), np.full(units, overlap.least), np.full(units, np.inf), np.zeros(workers, bool)
    while True:
        before = len(taken)
        for worker in chance.permutation(workers).tolist():
            open_ = np.flatnonzero((held < wanted) & (place[:, worker] >= 0))
            if len(open_):
                order = worth[open_]
                unit = int(open_[order.argmin() if by_skill and less[worker] else order.argmax()])
                taken.append(int(place[unit, worker]))
                place[unit, worker] = -1
                held[unit] += 1
        if len(taken) == before:
            return sorted(taken)
        fit, seen = _fit(_part(labels, sorted(taken))), held > 0
        right = np.asarray([one.right for one in skills(fit.labels, fit)])
        less = (right < right.mean()) & (fit.labels.per_worker > 0)
        worth[seen] = spending.expected_information(fit.posteriors, spending.answer_odds(float(right.mean()), len(labels.classes)))
        rows = zip(held[seen].tolist(), fit.posteriors.max(axis=1).tolist(), strict=True)
        wanted[seen] = [online.wanted(overlap, answers, sure) for answers, sure in rows]


Buys = Callable[[Labels, Overlap, int], list[int]]


def outcome(labels: Labels, truth: Mapping[str, str], overlap: Overlap, seeds: Sequence[int], buys: Buys = bought) -> Outcome:
    """The average over several orders. A fixed overlap of k is `Overlap(k, k)`."""
    costs, rights = [], []
    for seed in seeds:
        places = buys(labels, overlap, seed)
        fit = _fit(_part(labels, places))
        best = np.round(fit.posteriors, 12).argmax(axis=1)
        known = [(at, truth[unit]) for at, unit in enumerate(fit.labels.units) if unit in truth]
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


def _part(labels: Labels, places: Sequence[int]) -> Labels:
    """Some answers, with the units that they are of."""
    some = np.asarray(places)
    seen, unit = np.unique(labels.unit[some], return_inverse=True)
    units = [labels.units[at] for at in seen]
    return Labels(units, labels.workers, labels.classes, unit.astype(np.int32), labels.worker[some], labels.label[some])


def _fit(part: Labels) -> dawid_skene.Fit:
    return dawid_skene.fit(part, dawid_skene.Settings(iterations=30, tolerance=1e-4, smoothing=SMOOTHING))
