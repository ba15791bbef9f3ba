"""A consensus that follows its answers: a new one moves its unit at once, and everything is fitted again in the background."""

from dataclasses import dataclass

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality import dawid_skene
from piecework.quality.labels import Labels
from piecework.quality.vote import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A unit's label now, how likely it is, and all classes' probabilities in the order of `classes`."""

    label: str
    confidence: float
    posterior: Floats


class Running:
    """Dawid-Skene over answers that keep coming.

    Between two fits the error rates stand still and a new answer multiplies its unit's odds by what the worker's word is worth
    (Bayes' rule; a worker unknown to the fit counts as the average one). `refitted` is the answer from scratch over all answers,
    byte for byte, and may run in another thread or process: it changes nothing here.
    """

    def __init__(self, fit: dawid_skene.Fit) -> None:
        import pandas as pd

        self.fit = fit
        labels = fit.labels
        self._units, self._workers, self._classes = (pd.Index(names) for names in (labels.units, labels.workers, labels.classes))
        self._added: list[tuple[str, str, str]] = []
        self._changed: dict[str, Floats] = {}
        self._pairs = {(int(w), int(k)): at for at, (w, k) in enumerate(fit.pairs)}
        self._average = average(fit)

    @property
    def added(self) -> int:
        """Answers since the fit."""
        return len(self._added)

    def add(self, unit: str, worker: str, label: str) -> Estimate:
        """Takes one answer in; milliseconds, whatever has been answered before.

        Raises:
            Invalid: a class that the fit doesn't know; fit again with it named.
        """
        if label not in self._classes:
            raise Invalid(f"'{label}' is none of the classes; fit again with it named.")
        row = np.log(np.maximum(self._posterior(unit), dawid_skene.FLOOR)) + np.log(self._rates(worker, label))
        row = np.exp(row - row.max())
        self._changed[unit] = row / row.sum()
        self._added.append((unit, worker, label))
        return self.estimate(unit)

    def estimate(self, unit: str) -> Estimate:
        """What is thought of a unit now; one that nobody has answered has the classes' own frequencies."""
        row = self._posterior(unit)
        best = int(np.round(row, 12).argmax())
        return Estimate(str(self._classes[best]), float(row[best]), row)

    def refitted(self, progress: dawid_skene.Progress | None = None) -> "Running":
        """All answers fitted from scratch; `progress` may raise to stop it, and nothing is lost."""
        return Running(dawid_skene.fit(self._all(), self.fit.settings, progress=progress))

    def _all(self) -> Labels:
        import pandas as pd

        old = self.fit.labels.frame()
        new = pd.DataFrame(self._added, columns=["task", "worker", "label"])
        whole = pd.concat([old, new], ignore_index=True) if self._added else old
        return Labels.of_columns(whole.task, whole.worker, whole.label, self.fit.labels.classes)

    def _posterior(self, unit: str) -> Floats:
        if unit in self._changed:
            return self._changed[unit]
        return self.fit.posteriors[self._units.get_loc(unit)] if unit in self._units else self.fit.priors

    def _rates(self, worker: str, label: str) -> Floats:
        said = int(self._classes.get_loc(label))
        if worker not in self._workers:
            return self._average[said]
        pair = self._pairs.get((int(self._workers.get_loc(worker)), said))
        return self._average[said] if pair is None else np.maximum(self.fit.errors[pair], dawid_skene.FLOOR)


def average(fit: dawid_skene.Fit) -> Floats:
    """P(said | true) of a worker nobody knows: everybody's answers together, one more in each cell. (classes said, true)."""
    classes = len(fit.labels.classes)
    answers = np.bincount(fit.pair_of, minlength=len(fit.pairs))
    counts = np.ones((classes, classes))
    rates = fit.errors * fit.priors  # P(said, true) a worker
    weights = answers / np.maximum(rates.sum(axis=1), dawid_skene.FLOOR)
    np.add.at(counts, fit.pairs[:, 1], rates * weights[:, None])
    return np.asarray(counts / counts.sum(axis=0))
