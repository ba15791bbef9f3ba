"""Dawid-Skene beside crowd-kit's on the same million labels, one update, and memory."""

import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from piecework.quality import dawid_skene
from piecework.quality.consensus import Algorithm, Request, consensus
from piecework.quality.labels import Labels
from piecework.quality.running import Running
from piecework.replay.answers import read_answers, read_truth
from piecework.replay.consensus import accuracy
from scripts.bench.rows import Row

LABELS, UNITS, WORKERS, CLASSES, ITERATIONS = 1_000_000, 200_000, 2_000, 4, 20
MEMORY = """
import resource, sys, tracemalloc
from scripts.bench import consensus
frame = consensus.made(int(sys.argv[1]))
consensus.ours(frame)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
tracemalloc.start()
consensus.ours(frame)
print(peak, tracemalloc.get_traced_memory()[1])
"""


def measure(labels: int = LABELS, answers: Path | None = None, truth: Path | None = None) -> list[Row]:
    """Every figure; with a file of answers and its truth, what each algorithm gets right of it."""
    frame = made(labels)
    seconds, fit = _best(lambda: ours(frame), 3)
    theirs, model = _best(lambda: crowd_kit(frame), 1)
    other = model.probas_.reindex(index=fit.labels.units, columns=fit.labels.classes).to_numpy()
    scale = f"{labels:,} labels, {ITERATIONS} iterations"
    peak, taken = _memory(labels)
    rows = [
        Row(f"Dawid-Skene, {scale}", seconds, "s"),
        Row(f"crowd-kit's Dawid-Skene, {scale}", theirs, "s"),
        Row("times as fast", theirs / seconds, "×", 8, at_least=True),
        Row("greatest difference of a posterior", float(np.abs(other - fit.posteriors).max()), "", 1e-6),
        Row("one new answer, median of 1,000", _update(fit), "ms", 5),
        Row("peak memory of a process that fits them", peak, "MB", 600),
        Row("memory of the fit a label, the table aside", taken * 1e6 / labels, "bytes"),
    ]
    return rows + (_accuracies(answers, truth) if answers and truth else [])


def _accuracies(answers: Path, truth: Path) -> list[Row]:
    """The share right of a file with a truth, by the quick algorithms."""
    labels, right = Labels.of((row.task, row.worker, row.label) for row in read_answers(answers).rows), read_truth(truth)
    names: tuple[Algorithm, ...] = ("majority", "weighted", "ds", "mace")
    found = {name: accuracy(consensus(labels, Request(name)).by_unit(), right) for name in names}
    return [Row(f"right of {answers.name}, {name}", value, "") for name, value in found.items()]


def made(labels: int) -> pd.DataFrame:
    """A made crowd of 2,000 workers, right in 40 to 95 %, with five answers a unit."""
    rng = np.random.default_rng(1979)
    units = max(labels // (LABELS // UNITS), 1)
    truth, skill = rng.integers(0, CLASSES, units), rng.uniform(0.4, 0.95, WORKERS)
    unit, worker = np.arange(labels) % units, rng.integers(0, WORKERS, labels)
    label = np.where(rng.random(labels) < skill[worker], truth[unit], rng.integers(0, CLASSES, labels))
    return pd.DataFrame({"task": unit, "worker": worker, "label": label})


def ours(frame: pd.DataFrame) -> dawid_skene.Fit:
    """From the table to posteriors: what crowd-kit's `fit` does too."""
    labels = Labels.of_columns(frame.task, frame.worker, frame.label)
    return dawid_skene.fit(labels, dawid_skene.Settings(ITERATIONS, tolerance=None))


def crowd_kit(frame: pd.DataFrame):  # type: ignore[no-untyped-def]
    """crowd-kit's model, fitted with the same number of iterations."""
    from crowdkit.aggregation import DawidSkene

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DawidSkene(n_iter=ITERATIONS, tol=-np.inf).fit(frame)


def _best(work, times: int):  # type: ignore[no-untyped-def]
    """The shortest of several runs in seconds, and the last result."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def _update(fit: dawid_skene.Fit) -> float:
    running, taken = Running(fit), []
    for at in range(1_000):
        start = time.perf_counter()
        running.add(at * 7 % len(fit.labels.units), at % WORKERS, at % CLASSES)  # type: ignore[arg-type]
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1000


def _memory(labels: int) -> tuple[float, float]:
    """MB at most of a process of its own, and of what the fit alone asked for."""
    said = subprocess.run([sys.executable, "-c", MEMORY, str(labels)], stdout=subprocess.PIPE, text=True, check=True).stdout
    peak, taken = (int(word) / 1e6 for word in said.split())
    return peak, taken
