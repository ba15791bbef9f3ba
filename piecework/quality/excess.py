"""Who makes a model's mistakes: agreement with answers that a requester got from models, on the units where they are wrong.

On what a model gets right a good worker agrees with it as well, so those units say nothing.
"""

from collections.abc import Mapping

import numpy as np

from piecework.quality.discoveries import discoveries
from piecework.quality.labels import Labels
from piecework.quality.mistakes import Common, Units, common_mistakes
from piecework.quality.suspicion import Signal

LEAST_ERRORS = 5
"""With fewer units on which the model errs, a worker isn't tested."""

FALSE_POSITIVE_RATE = 0.01
"""Measured on made honest crowds (`python -m scripts.quality_figures`), at a false discovery rate of 5 %."""


def compared(labels: Labels, reference: Mapping[str, str], model: Mapping[str, str]) -> dict[str, Common]:
    """Each worker's mistakes in common with the model's.

    Args:
        reference: what is right: gold where there is some, else the consensus. The more of a crowd uses the model, the more of its
            mistakes the consensus takes for truth, and the less this sees.
        model: unit → the model's answer.
    """
    right, said = (codes(labels, answers) for answers in (reference, model))
    about = Units.of(labels, right)
    order = np.argsort(labels.worker, kind="stable")
    found = {}
    for worker, places in enumerate(np.split(order, np.cumsum(labels.per_worker)[:-1])):
        places = places[(said[labels.unit[places]] >= 0) & (right[labels.unit[places]] >= 0)]
        units = labels.unit[places].astype(np.int64)
        if (said[units] != right[units]).sum() >= LEAST_ERRORS:
            own = labels.label[places].astype(np.int64)
            found[str(labels.workers[worker])] = common_mistakes(units, own, said[units], about, False)
    return found


def signals(found: Mapping[str, Common], level: float = 0.05) -> list[Signal]:
    """The workers to believe it of, with the share of false ones among them bounded by `level`."""
    names = list(found)
    return [_signal(names[at], found[names[at]]) for at in discoveries([found[name].p for name in names], level)]


def _signal(worker: str, common: Common) -> Signal:
    evidence = f"makes {common.seen} of the model's own mistakes, where {common.expected:.1f} would be chance"
    return Signal(worker, "excess", evidence, FALSE_POSITIVE_RATE, common.p)


def codes(labels: Labels, answers: Mapping[str, str]) -> np.ndarray:
    """Each unit's class code, -1 without an answer. A class that nobody said counts as none."""
    import pandas as pd

    classes = pd.Index(labels.classes)
    said = [answers.get(str(unit)) for unit in labels.units]
    return np.asarray(classes.get_indexer(pd.Index(said, dtype=object)), dtype=np.int64)
