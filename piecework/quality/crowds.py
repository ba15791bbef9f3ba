"""Made crowds to measure detectors on: skills, spammers, colluders, model-users, drift."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from piecework.quality.labels import Labels


@dataclass(frozen=True)
class Crowd:
    """What to make.

    Attributes:
        skill: honest workers are right between these, on units of middling difficulty.
        spammers, colluders, model_users: shares of the workers, 0 to 1 together; the rest is honest.
        delegated: the share of a model-user's answers that are the model's.
        copied: the share of a colluder's answers that are its ring's.
        model_accuracy: of the model, whose errors have their own preferred labels.
        hardness: the spread of the units' difficulty in logits, shared by people and independent of the model's errors.
        drift: by how much honest skill falls from a worker's first answer to its last, in logits.
    """

    units: int = 400
    workers: int = 40
    classes: int = 4
    each: int = 7
    skill: tuple[float, float] = (0.6, 0.95)
    spammers: float = 0.0
    colluders: float = 0.0
    model_users: float = 0.0
    delegated: float = 0.8
    copied: float = 0.7
    model_accuracy: float = 0.75
    hardness: float = 0.7
    drift: float = 0.0


@dataclass(frozen=True)
class Made:
    """A made crowd's answers, what is right, what the model said, and what each worker is: honest, spammer, colluder, model-user."""

    labels: Labels
    truth: Mapping[str, str]
    model: Mapping[str, str]
    kinds: Mapping[str, str]


def make(crowd: Crowd, seed: int) -> Made:
    """The same crowd for the same seed."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, crowd.classes, crowd.units)
    model = _erring(truth, np.full(crowd.units, crowd.model_accuracy), crowd.classes, chance)
    kinds = _kinds(crowd)
    unit = np.repeat(np.arange(crowd.units), crowd.each)
    worker = np.concatenate([chance.permutation(crowd.workers)[: crowd.each] for _ in range(crowd.units)])
    label = _honest(crowd, truth, unit, worker, chance)
    ring = _erring(truth, np.full(crowd.units, 0.6), crowd.classes, chance)
    for kind, source, share in (("model-user", model, crowd.delegated), ("colluder", ring, crowd.copied)):
        taken = (kinds[worker] == kind) & (chance.random(len(unit)) < share)
        label = np.where(taken, source[unit], label)
    label = np.where(kinds[worker] == "spammer", chance.integers(0, crowd.classes, len(unit)), label)
    names = [f"u{at:05}" for at in range(crowd.units)], [f"w{at:04}" for at in range(crowd.workers)]
    classes = [f"c{at}" for at in range(crowd.classes)]
    columns = np.asarray(names[0])[unit], np.asarray(names[1])[worker], np.asarray(classes)[label]
    return Made(
        Labels.of_columns(*columns, classes=classes),
        {name: classes[at] for name, at in zip(names[0], truth, strict=True)},
        {name: classes[at] for name, at in zip(names[0], model, strict=True)},
        dict(zip(names[1], kinds.tolist(), strict=True)),
    )


def _kinds(crowd: Crowd) -> NDArray[np.str_]:
    kinds = np.full(crowd.workers, "honest", dtype="<U10")
    start = 0
    for kind, share in (("spammer", crowd.spammers), ("colluder", crowd.colluders), ("model-user", crowd.model_users)):
        end = start + round(share * crowd.workers)
        kinds[start:end] = kind
        start = end
    return kinds


def _honest(
    crowd: Crowd, truth: NDArray[np.int64], unit: NDArray[np.int64], worker: NDArray[np.int64], chance: np.random.Generator
) -> NDArray[np.int64]:
    skill = chance.uniform(*crowd.skill, crowd.workers)
    hard = chance.normal(0, crowd.hardness, crowd.units)
    progress = unit / max(crowd.units - 1, 1)  # workers take units in order
    logits = np.log(skill / (1 - skill))[worker] - hard[unit] - crowd.drift * progress
    return _erring(truth[unit], 1 / (1 + np.exp(-logits)), crowd.classes, chance)


def _erring(truth: NDArray[np.int64], right: NDArray[np.float64], classes: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """The truth with probability `right`, else another class at random."""
    wrong = (truth + chance.integers(1, max(classes, 2), len(truth))) % classes
    return np.asarray(np.where(chance.random(len(truth)) < right, truth, wrong))
