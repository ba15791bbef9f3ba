"""The one road from answers to decisions: which algorithm, how sure, and why."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality import VERSION, calibration, dawid_skene, kit, vote
from piecework.quality.labels import Labels
from piecework.quality.skill import Skill, skills
from piecework.quality.vote import Floats

Algorithm = Literal["majority", "weighted", "ds", "glad", "mace"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

LEAST_PER_WORKER = 3
"""With fewer answers a worker on average nothing can be learnt of anybody, and the majority decides."""
LEAST_PER_UNIT = 1.5
"""The same with fewer answers a unit: where hardly two people answered the same, any class can be put down to their errors as well, and a
model without anything to compare talks itself into the most frequent class."""

WORDS = {"majority": "majority", "weighted": "weighted vote", "ds": "Dawid-Skene", "glad": "GLAD", "mace": "MACE"}


@dataclass(frozen=True)
class Request:
    """What decides the result besides the answers: the same request and answers give the same result."""

    algorithm: Algorithm = "ds"
    seed: int = 0
    settings: dawid_skene.Settings = field(default_factory=dawid_skene.Settings)
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer to a unit, and what it weighed: the evidence in nats for the decided label against the runner-up (for a vote, its
    weight if it was for the decided label, else the negative)."""

    worker: str
    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a unit's answers come to; `confidence` is the posterior of `label`, or its share of a vote."""

    unit: str
    label: str
    confidence: float
    runner_up: str | None
    tied: bool
    votes: tuple[Vote, ...]


@dataclass(frozen=True)
class Consensus:
    """The result. `used` is the algorithm that ran, which is "majority" where the answers were too few for the asked one."""

    request: Request
    labels: Labels
    used: Algorithm
    posteriors: Floats
    weights: Floats
    fit: dawid_skene.Fit | None
    temperature: float | None
    skill_of: Mapping[str, float] | None = None

    @cached_property
    def skills(self) -> list[Skill]:
        """Each worker's, in the order of `labels.workers`."""
        return skills(self.labels, self.fit)

    @cached_property
    def best(self) -> np.ndarray:
        """Each unit's class code; of equals the first by name."""
        return np.asarray(np.round(self.posteriors, 12).argmax(axis=1))

    def by_unit(self) -> dict[str, str]:
        """Unit → label."""
        names = np.asarray(self.labels.classes)[self.best]
        return {str(unit): str(name) for unit, name in zip(self.labels.units, names, strict=True)}

    def decisions(self) -> Iterator[Decision]:
        """One a unit, in the order of names."""
        labels, rounded = self.labels, np.round(self.posteriors, 12)
        for at, unit in enumerate(labels.units):
            best, row = int(self.best[at]), rounded[at]
            second = _second(row, best)
            votes = self._votes(at, best, second)
            runner_up = None if second is None else str(labels.classes[second])
            tied = second is not None and row[second] == row[best]
            yield Decision(str(unit), str(labels.classes[best]), float(self.posteriors[at, best]), runner_up, tied, votes)

    def _votes(self, unit: int, best: int, second: int | None) -> tuple[Vote, ...]:
        labels = self.labels
        places = range(int(labels.starts[unit]), int(labels.starts[unit + 1]))
        names = ((str(labels.workers[labels.worker[at]]), str(labels.classes[labels.label[at]])) for at in places)
        return tuple(Vote(*pair, self._weight(at, best, second)) for at, pair in zip(places, names, strict=True))

    def _weight(self, at: int, best: int, second: int | None) -> float:
        if self.fit is not None:
            rates = self.fit.errors[self.fit.pair_of[at]]
            return float(np.log(rates[best] / rates[second])) if second is not None else 0.0
        sign = 1.0 if self.labels.label[at] == best else -1.0
        return sign * float(self.weights[self.labels.worker[at]])


def consensus(
    labels: Labels,
    request: Request = Request(),
    skill_of: Mapping[str, float] | None = None,
    truth: Mapping[Any, str] | None = None,
    progress: dawid_skene.Progress | None = None,
) -> Consensus:
    """Aggregates single-class answers.

    Args:
        skill_of: worker → share right, for "weighted"; without it, from agreement with the others.
        truth: known units. 20 or more calibrate the confidence; they never decide their own unit.

    Raises:
        Invalid: an algorithm that isn't one, another version's request.
    """
    if request.algorithm not in ALGORITHMS:
        raise Invalid(f"'{request.algorithm}' is no algorithm; choose one of {', '.join(ALGORITHMS)}.")
    if request.version != VERSION:
        raise Invalid(f"This is version {VERSION} of the mathematics; version {request.version} gave another result.")
    few = len(labels) < max(LEAST_PER_WORKER * len(labels.workers), LEAST_PER_UNIT * len(labels.units))
    used: Algorithm = "majority" if few and skill_of is None else request.algorithm
    posteriors, weights, fit = _RUN[used](labels, request, skill_of, progress)
    known = {} if truth is None else truth
    heat = _temperature(labels, posteriors, known)
    if heat is not None:
        posteriors = calibration.tempered(posteriors, heat)
    return Consensus(request, labels, used, posteriors, weights, fit, heat, skill_of)


def explain(decision: Decision, used: Algorithm, skill_of: Mapping[str, Skill]) -> str:
    """Why, in a sentence that a requester and a worker can both check.

    Example: "3 of 4 said 'cat'; Dawid-Skene is 97 % sure of it."
    """
    said = sum(vote.label == decision.label for vote in decision.votes)
    text = f"{said} of {len(decision.votes)} said '{decision.label}'"
    if decision.tied:
        return f"{text}, as many as '{decision.runner_up}'; the first of equals by name was taken."
    sure = f"{WORDS[used]} is {100 * decision.confidence:.0f} % sure of it"
    if used == "majority":
        return f"{text}; that is its share of the votes, {100 * decision.confidence:.0f} %."
    against = [vote for vote in decision.votes if vote.label != decision.label]
    if len(against) <= said:
        return f"{text}; {sure}."
    best = max((vote for vote in decision.votes), key=lambda vote: vote.weight)
    skill = skill_of[best.worker]
    return f"{text}; {sure}: what weighed most is {best.worker}'s '{best.label}' (right in {100 * skill.right:.0f} % elsewhere)."


def _second(row: Floats, best: int) -> int | None:
    if len(row) < 2:
        return None
    others = row.copy()
    others[best] = -1.0
    return int(others.argmax())


def _temperature(labels: Labels, posteriors: Floats, truth: Mapping[Any, str]) -> float | None:
    import pandas as pd

    units = pd.Index(labels.units).get_indexer(list(truth))
    classes = pd.Index(labels.classes).get_indexer(list(truth.values()))
    there = (units >= 0) & (classes >= 0)
    if there.sum() < calibration.LEAST_KNOWN:
        return None
    return calibration.temperature(posteriors[units[there]], classes[there])


_Run = tuple[Floats, Floats, dawid_skene.Fit | None]


def _majority(labels: Labels, *_: object) -> _Run:
    return vote.shares(labels), np.ones(len(labels.workers)), None


def _weighted(labels: Labels, request: Request, skill_of: Mapping[str, float] | None, *_: object) -> _Run:
    given = skill_of or {one.worker: one.right for one in skills(labels)}
    weights = vote.skill_weights(labels, given)
    return vote.shares(labels, weights), weights, None


def _ds(labels: Labels, request: Request, _: object, progress: dawid_skene.Progress | None) -> _Run:
    fit = dawid_skene.fit(labels, request.settings, progress=progress)
    return fit.posteriors, np.ones(len(labels.workers)), fit


def _glad(labels: Labels, request: Request, *_: object) -> _Run:
    posteriors, abilities = kit.glad(labels, request.settings.iterations)
    return posteriors, abilities, None


def _mace(labels: Labels, request: Request, *_: object) -> _Run:
    posteriors, honesty = kit.mace(labels, request.seed)
    return posteriors, honesty, None


_RUN: dict[Algorithm, Callable[..., _Run]] = {
    "majority": _majority, "weighted": _weighted, "ds": _ds, "glad": _glad, "mace": _mace,
}
