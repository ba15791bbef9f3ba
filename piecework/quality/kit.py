"""Where crowd-kit is quick enough, it is used as it is: GLAD and MACE, on sorted rows and with a fixed seed.

Imported late: crowd-kit takes seconds to import.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from piecework.quality.labels import Codes, Labels
from piecework.quality.vote import Floats

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def quiet() -> Iterator[None]:
    """Without crowd-kit's warnings of its own use of pandas, which nobody who reads them here can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def glad(labels: Labels, iterations: int = 100) -> tuple[Floats, Floats]:
    """GLAD (Whitehill et al., NIPS 2009): posteriors (units, classes), and each worker's ability α (0: guesses, below: inverts).
    Slow: 25,000 answers take over a minute."""
    from crowdkit.aggregation import GLAD

    with quiet():
        model = GLAD(n_iter=iterations).fit(labels.frame())
    return _posteriors(model.probas_, labels), model.alphas_.reindex(labels.workers).to_numpy(dtype=float)


def mace(labels: Labels, seed: int = 0, iterations: int = 50) -> tuple[Floats, Floats]:
    """MACE (Hovy et al., NAACL 2013): posteriors (units, classes), and the share of each worker's answers that isn't spam.

    crowd-kit 1.4 numbers workers and labels as they first appear but sums them up sorted, so its result depends on the order of
    rows; and it restarts from the same numbers each time. Here everything is renamed to the place where it first appears, which
    makes both orders one, and it starts once, from `seed`.
    """
    from crowdkit.aggregation import MACE

    frame, names = _appearing(labels)
    with quiet():
        model = MACE(n_restarts=1, n_iter=iterations, random_state=seed)
        model.fit(frame)
    posteriors = model.probas_.sort_index().to_numpy(dtype=float)
    there = np.zeros((len(labels.units), len(labels.classes)))
    there[:, names["label"]] = posteriors[:, np.argsort(model.probas_.columns)]
    knowing = np.empty(len(labels.workers))
    knowing[names["worker"]] = model.spamming_[:, 1] / model.spamming_.sum(axis=1)
    return there, knowing


def _appearing(labels: Labels) -> "tuple[pd.DataFrame, dict[str, Codes]]":
    """The answers with workers and labels numbered by first appearance, and the code behind each number."""
    import pandas as pd

    columns, names = {"task": labels.unit}, {}
    for name in ("worker", "label"):
        numbers, codes = pd.factorize(getattr(labels, name))
        columns[name], names[name] = numbers, codes
    return pd.DataFrame(columns), names


def _posteriors(probas: "pd.DataFrame", labels: Labels) -> Floats:
    frame = probas.reindex(index=labels.units, columns=labels.classes).fillna(0.0)
    return frame.to_numpy(dtype=float)
