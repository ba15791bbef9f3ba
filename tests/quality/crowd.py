"""Crowds that the tests of this room share."""


import numpy as np

from piecework.quality.labels import Labels
from piecework.replay.answers import read_answers
from piecework.chain.build import ROOT

ANAESTHETISTS = ROOT / "piecework" / "replay" / "data" / "dawid_skene_1979.csv"

Rows = list[tuple[str, str, str]]


def anaesthetists() -> Labels:
    """Dawid and Skene's own table: 45 patients, 5 observers, 315 ratings."""
    return Labels.of((row.task, row.worker, row.label) for row in read_answers(ANAESTHETISTS).rows)


def made(units: int = 60, workers: int = 12, classes: int = 3, each: int = 5, seed: int = 0) -> tuple[Rows, dict[str, str]]:
    """A made crowd, and the truth."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, classes, units), rng.uniform(0.5, 0.95, workers)
    rows = []
    for unit in range(units):
        for worker in rng.choice(workers, each, replace=False):
            right = rng.random() < skill[worker]
            label = truth[unit] if right else rng.integers(0, classes)
            rows.append((f"u{unit:03}", f"w{worker:02}", f"c{label}"))
    return rows, {f"u{unit:03}": f"c{label}" for unit, label in enumerate(truth)}
