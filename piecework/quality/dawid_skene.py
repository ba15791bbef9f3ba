"""Dawid and Skene's model of observers, fitted by EM over a sparse matrix.

A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
28(1), 1979. A row of the matrix is a unit, a column a pair (worker, label said). One E-step is the matrix times the logarithms of
the error rates, one M-step its transpose times the posteriors. Steps, clipping and stopping are crowd-kit's, so that both give
the same numbers; only the sums' order differs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.labels import Labels
from piecework.quality.vote import Floats, shares

if TYPE_CHECKING:
    from scipy import sparse

FLOOR = 1e-10
"""The least a count or a prior is taken for, so that its logarithm exists."""

Progress = Callable[[int, int, float], None]
"""Told after each iteration: how many are done, how many there are at most, the lower bound per answer."""


@dataclass(frozen=True)
class Settings:
    """How to fit.

    Attributes:
        iterations: at most.
        tolerance: stop when an iteration raises the evidence's lower bound per answer by less; None: never before the end.
        smoothing: Laplace's pseudo-count for every (worker, said, true) cell; 0 is the paper's model.
    """

    iterations: int = 100
    tolerance: float | None = 1e-5
    smoothing: float = 0.0


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        posteriors: (units, classes): how likely each class is.
        priors: (classes,): how common each is.
        pairs: (pairs, 2): the (worker, label) codes that occur, sorted.
        errors: (pairs, classes): P(worker says label | class).
        bounds: the lower bound per answer after each iteration.
    """

    labels: Labels
    settings: Settings
    posteriors: Floats
    priors: Floats
    pairs: NDArray[np.int32]
    errors: Floats
    bounds: tuple[float, ...]

    @cached_property
    def pair_of(self) -> NDArray[np.int32]:
        """Which pair each answer is, shape (N,)."""
        return _pair_codes(self.labels)[1]

    def confusion(self, worker: int) -> Floats:
        """P(said | true) of one worker, (classes said, classes true); a label never said has zero."""
        whole = np.zeros((len(self.labels.classes),) * 2)
        rows = self.pairs[:, 0] == worker
        whole[self.pairs[rows, 1]] = self.errors[rows]
        return whole


def fit(
    labels: Labels, settings: Settings = Settings(), truth: dict[str, str] | None = None, progress: Progress | None = None
) -> Fit:
    """Fits the model, from vote shares on.

    Args:
        truth: unit → class of units whose class is known; their posteriors stay fixed.
        progress: may raise to stop the fit.

    Raises:
        Invalid: a known class that nobody said and `labels.classes` doesn't name.
    """
    from scipy import sparse

    pairs, pair_of = _pair_codes(labels)
    table = sparse.csr_matrix(
        (np.ones(len(labels)), pair_of, labels.starts), shape=(len(labels.units), len(pairs))
    )
    back = table.T  # a view: scipy walks it unit by unit, which reads the posteriors in order
    groups = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    known = _known(labels, truth or {})
    posteriors = _corrected(shares(labels), known)
    priors, errors = _means(posteriors), _error_rates(back @ posteriors, pairs, groups, settings.smoothing)
    bounds: list[float] = []
    for done in range(1, settings.iterations + 1):
        posteriors, evidence = _posteriors(table, priors, errors)
        posteriors = _corrected(posteriors, known)
        counts, old_priors, old_errors = back @ posteriors, priors, errors
        priors, errors = _means(posteriors), _error_rates(counts, pairs, groups, settings.smoothing)
        # crowd-kit's lower bound counts the prior once for each answer, not for each unit
        expected = (counts * np.log(errors)).sum() + counts.sum(axis=0) @ np.log(np.maximum(priors, FLOOR))
        # Σ p log p without a logarithm for every cell: log p is what the E-step summed, less the evidence
        entropy = _entropy(posteriors) if len(known[0]) else evidence - (counts * np.log(old_errors)).sum() - len(
            posteriors
        ) * (priors @ np.log(np.maximum(old_priors, FLOOR)))
        bounds.append(float(expected + entropy) / len(labels))
        if progress:
            progress(done, settings.iterations, bounds[-1])
        if settings.tolerance is not None and done > 1 and bounds[-1] - bounds[-2] < settings.tolerance:
            break
    return Fit(labels, settings, posteriors, priors, pairs, errors, tuple(bounds))


def _means(posteriors: Floats) -> Floats:
    return np.asarray([posteriors[:, column].sum() for column in range(posteriors.shape[1])]) / len(posteriors)


def _pair_codes(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    cells = labels.worker.astype(np.int64) * len(labels.classes) + labels.label
    size = len(labels.workers) * len(labels.classes)
    if size > 4 * len(cells) + 1_000:  # more cells than a table of them is worth
        said, pair_of = np.unique(cells, return_inverse=True)
    else:
        present = np.bincount(cells, minlength=size) > 0
        said, pair_of = np.flatnonzero(present), (np.cumsum(present) - 1)[cells]
    pairs = np.stack([said // len(labels.classes), said % len(labels.classes)], axis=1)
    return pairs.astype(np.int32), pair_of.astype(np.int32)


def _known(labels: Labels, truth: dict[str, str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import pandas as pd

    units = pd.Index(labels.units).get_indexer(list(truth))
    classes = pd.Index(labels.classes).get_indexer(list(truth.values()))
    if (classes[units >= 0] < 0).any():
        raise Invalid("A known answer is none of the classes; name every class when you read the answers.")
    return units[units >= 0], classes[units >= 0]


def _corrected(posteriors: Floats, known: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Floats:
    units, classes = known
    if len(units):
        posteriors[units] = 0.0
        posteriors[units, classes] = 1.0
    return posteriors


def _error_rates(counts: Floats, pairs: NDArray[np.int32], groups: NDArray[np.int64], smoothing: float) -> Floats:
    """The M-step's second half: counts to rates. A worker's rates of one true class sum to 1 (less what smoothing gives to labels
    that the worker never said)."""
    unsaid = counts.shape[1] - np.diff(np.append(groups, len(pairs)))
    counts = np.maximum(counts + smoothing, FLOOR)
    totals = np.add.reduceat(counts, groups, axis=0) + smoothing * unsaid[:, None]
    return np.asarray(counts / np.repeat(totals, np.diff(np.append(groups, len(pairs))), axis=0))


def _posteriors(table: "sparse.csr_matrix", priors: Floats, errors: Floats) -> tuple[Floats, float]:
    """The E-step, in logarithms, shifted so that each unit's greatest is 0 before the exponential; and the evidence's logarithm.

    It works on (classes, units), class by class: numpy is many times slower over many short rows than over few long ones.
    """
    rows = np.ascontiguousarray((table @ np.log(errors)).T)
    rows += np.log(np.maximum(priors, FLOOR))[:, None]
    greatest = rows.max(axis=0)
    rows -= greatest
    np.exp(rows, out=rows)
    totals = rows.sum(axis=0)
    rows /= totals
    return np.ascontiguousarray(rows.T), float(greatest.sum() + np.log(totals).sum())


def _entropy(posteriors: Floats) -> float:
    clipped = np.maximum(posteriors, FLOOR)
    return -float(np.vdot(clipped, np.log(clipped)))
