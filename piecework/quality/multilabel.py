"""Answers that choose any number of classes: binary relevance, one yes-or-no question a class."""

from collections.abc import Iterable, Sequence

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.consensus import Request, consensus
from piecework.quality.labels import Labels

YES, NO = "1", "0"


def multilabel(
    rows: Iterable[tuple[str, str, Sequence[str]]], request: Request = Request(), threshold: float = 0.5
) -> dict[str, dict[str, float]]:
    """Each unit's classes with their probabilities, those above `threshold` alone; a unit may come out with none.

    Args:
        rows: (unit, worker, the classes chosen); an empty choice is an answer too.
    """
    answers = list(rows)
    if not answers:
        raise Invalid("There are no answers to aggregate.")
    units, workers, chosen = zip(*answers, strict=True)
    found: dict[str, dict[str, float]] = {unit: {} for unit in sorted(set(units))}
    for name in sorted({name for choice in chosen for name in choice}):
        said = np.asarray([YES if name in choice else NO for choice in chosen], dtype=object)
        labels = Labels.of_columns(np.asarray(units, object), np.asarray(workers, object), said, classes=(NO, YES))
        for unit, sure in zip(labels.units, consensus(labels, request).posteriors[:, 1], strict=True):
            if sure > threshold:
                found[unit][name] = float(sure)
    return found
