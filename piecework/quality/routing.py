"""People and models together: a model labels what it is sure of, people get the rest, an audit says how good the model's part is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality import audits
from piecework.quality.intervals import clopper_pearson
from piecework.quality.spending import entropy
from piecework.quality.vote import Floats

SMALL = 5_000


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's label, and how sure it says it is (0 to 1)."""

    label: str
    confidence: float


@dataclass(frozen=True)
class Routing:
    """Who labels what: `threshold` is None where the model may label nothing; `audit` is the part of `model` that people check."""

    threshold: float | None
    model: tuple[str, ...]
    people: tuple[str, ...]
    audit: tuple[str, ...]


def validation_size(units: int) -> int:
    """Ground Truth's: a fifth of fewer than 5,000 units, else a tenth."""
    return max(1, units // (5 if units < SMALL else 10))


def threshold(
    predictions: Mapping[str, Prediction], known: Mapping[str, str], target: float = 0.95, certain: bool = True
) -> float | None:
    """The least confidence from which on predictions are right in `target` of the known units.

    Args:
        certain: demand it of the exact 97.5 % lower bound rather than of the share itself, so that ten lucky units open no door.

    Raises:
        Invalid: no known unit has a prediction.
    """
    rows = sorted(((predictions[unit].confidence, predictions[unit].label == label) for unit, label in known.items() if unit in predictions), reverse=True)
    if not rows:
        raise Invalid("No known unit has a prediction: label a validation set first.")
    best, right = None, 0
    for count, (confidence, good) in enumerate(rows, 1):
        right += good
        last = count == len(rows) or rows[count][0] != confidence
        if last and (clopper_pearson(right, count)[0] if certain else right / count) >= target:
            best = confidence
    return best


def route(
    predictions: Mapping[str, Prediction], units: Sequence[str], known: Mapping[str, str], seed: int, audit: int = 100, target: float = 0.95
) -> Routing:
    """Splits the units that aren't known yet; `audit` of the model's are drawn at random for people to label without seeing it."""
    least = threshold(predictions, known, target)
    open_units = [unit for unit in units if unit not in known]
    sure = [unit for unit in open_units if least is not None and unit in predictions and predictions[unit].confidence >= least]
    rest = set(sure)
    people = tuple(unit for unit in open_units if unit not in rest)
    return Routing(least, tuple(sure), people, tuple(audits.sample(sure, audit, seed)))


def next_batch(posteriors: Floats, count: int, by: str = "confidence") -> list[int]:
    """Active learning: the places of the units that the model knows least about.

    Args:
        posteriors: (units, classes) of the model.
        by: "confidence" (least of the best class), "margin" (between the best two) or "entropy".
    """
    ordered = np.sort(posteriors, axis=1)
    doubt = {
        "confidence": lambda: -ordered[:, -1],
        "margin": lambda: -(ordered[:, -1] - (ordered[:, -2] if ordered.shape[1] > 1 else 0)),
        "entropy": lambda: entropy(posteriors),
    }
    if by not in doubt:
        raise Invalid(f"'{by}' is no way to choose; use one of {', '.join(doubt)}.")
    return np.argsort(-doubt[by](), kind="stable")[:count].tolist()
