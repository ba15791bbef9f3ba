"""Answers that choose one class each, as integer codes in an order of their own."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from piecework.domain.content import canonical_json
from piecework.domain.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Labels:
    """N answers. Names are sorted, so that every later sum and tie is the same in whatever order the answers came.

    Attributes:
        units, workers, classes: names, sorted, each once.
        unit, worker, label: codes into those, shape (N,), sorted by unit, worker, label. A worker may answer a unit again.
    """

    units: Sequence[Any]
    workers: Sequence[Any]
    classes: Sequence[Any]
    unit: Codes
    worker: Codes
    label: Codes

    def __len__(self) -> int:
        return len(self.unit)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, str]]) -> "Labels":
        """From (unit, worker, label) rows in any order."""
        columns = list(zip(*rows, strict=True))
        if not columns:
            raise Invalid("There are no answers to aggregate.")
        return cls.of_columns(*columns)

    @classmethod
    def of_columns(cls, units: Any, workers: Any, labels: Any, classes: Sequence[Any] | None = None) -> "Labels":
        """From three columns of names that can be sorted; `classes` may name more than were said.

        Raises:
            Invalid: no answers, or a label outside `classes`.
        """
        import pandas as pd

        (unit, unit_names), (worker, worker_names), (label, said) = map(_coded, (units, workers, labels))
        if not len(unit):
            raise Invalid("There are no answers to aggregate.")
        if classes is not None:
            wider = pd.Index(sorted(classes))
            places = wider.get_indexer(said)
            if (places < 0).any():
                raise Invalid(f"'{said[int(np.argmin(places))]}' is none of the classes.")
            label, said = places[label].astype(np.int32), wider
        key = (unit.astype(np.int64) * len(worker_names) + worker) * len(said) + label
        if not (key[1:] >= key[:-1]).all():
            order = np.argsort(key, kind="stable")
            unit, worker, label = unit[order], worker[order], label[order]
        return cls(unit_names, worker_names, said, unit, worker, label)

    @cached_property
    def per_unit(self) -> NDArray[np.int64]:
        """How many answers each unit has."""
        return np.bincount(self.unit, minlength=len(self.units))

    @cached_property
    def per_worker(self) -> NDArray[np.int64]:
        """How many answers each worker gave."""
        return np.bincount(self.worker, minlength=len(self.workers))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each unit's answers begin, and the end: shape (units + 1,)."""
        return np.concatenate([[0], np.cumsum(self.per_unit)])

    def rows(self) -> Iterable[tuple[Any, Any, Any]]:
        """The answers by name, sorted."""
        names = zip(self.unit.tolist(), self.worker.tolist(), self.label.tolist(), strict=True)
        units, workers, classes = list(self.units), list(self.workers), list(self.classes)
        return ((units[u], workers[w], classes[k]) for u, w, k in names)

    def frame(self) -> "pd.DataFrame":
        """The answers as crowd-kit takes them: columns task, worker, label, by name."""
        import pandas as pd

        return pd.DataFrame(
            {
                "task": np.asarray(self.units)[self.unit],
                "worker": np.asarray(self.workers)[self.worker],
                "label": np.asarray(self.classes)[self.label],
            }
        )

    def digest(self) -> bytes:
        """SHA-256 over every answer as a canonical JSON line, sorted: the same for the same answers in any order."""
        total = hashlib.sha256()
        for row in self.rows():
            total.update(canonical_json([str(name) for name in row]) + b"\n")
        return total.digest()


def _coded(column: Any) -> tuple[Codes, Any]:
    import pandas as pd

    values = column if isinstance(column, (pd.Series, np.ndarray, pd.Index)) else pd.Series(list(column), dtype=object)
    codes, names = pd.factorize(values, sort=True)
    if (codes < 0).any():
        raise Invalid("An answer has an empty unit, worker or label.")
    return codes.astype(np.int32), pd.Index(names)
