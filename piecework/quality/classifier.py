"""A small classifier of texts and one of pictures, for requesters who bring no model: TF-IDF of words and pairs of words, or colours and
edges, and logistic regression.

What it says of a unit that it learnt from was said by a model that didn't see that unit (five folds), so that a threshold on known units
isn't flattered. The same units and labels give the same predictions.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.kit import quiet
from piecework.quality.routing import Prediction

FOLDS = 5
LEAST_KNOWN = 10
MOST_FEATURES = 50_000
MOST_PIXELS = 33_000_000
"""Of a picture: a few KB can say that it is of 170 million, which are half a gigabyte."""
SIDE = 64
"""Pixels to which a picture is made smaller, each way."""
Features = NDArray[np.float64]
Unit = TypeVar("Unit")


def predicted(texts: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Prediction]:
    """What the classifier says of every text, after learning from the known ones.

    Args:
        texts: unit → text.
        known: unit → label, for some of them.

    Raises:
        Invalid: fewer than 10 known texts, or only one label among them.
    """
    return _crossed(texts, known, _said_of_texts)


def predicted_pictures(pictures: Mapping[str, Features], known: Mapping[str, str]) -> dict[str, Prediction]:
    """The same of pictures, by what `picture_features` reads of them."""
    return _crossed(pictures, known, _said_of_pictures)


def picture_features(data: bytes) -> Features:
    """What the classifier looks at in a picture: how often each of 64 colours is there in each quarter, and which way edges run in each of 16
    fields; shape (384,).

    Raises:
        Invalid: it can't be read.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Invalid(f"A picture has at most {MOST_PIXELS // 1_000_000} million pixels.")
            image.draft("RGB", (SIDE, SIDE))
            pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Invalid("A picture can't be read.") from error
    shade = (pixels // 64).astype(int) @ np.asarray([16, 4, 1])
    down, across = np.gradient(pixels.mean(axis=2))
    way, strength = (np.arctan2(down, across) % np.pi * (8 / np.pi)).astype(int) % 8, np.hypot(down, across)
    colours = [np.bincount(part.ravel(), minlength=64) / part.size for part in _fields(shade, 2)]
    edges = [
        np.bincount(ways.ravel(), much.ravel(), minlength=8) / SIDE for ways, much in zip(_fields(way, 4), _fields(strength, 4), strict=True)
    ]
    return np.sqrt(np.concatenate([*colours, *edges]))


def _fields(grid: np.ndarray, each: int) -> list[np.ndarray]:
    """A square cut into `each` × `each` squares."""
    return [part for row in np.split(grid, each) for part in np.split(row, each, axis=1)]


def _crossed(units: Mapping[str, Unit], known: Mapping[str, str], say: Callable[[list[Unit], list[str], list[Unit]], list[Prediction]]) -> dict[str, Prediction]:
    names = sorted(unit for unit in known if unit in units)
    if len(names) < LEAST_KNOWN or len({known[unit] for unit in names}) < 2:
        raise Invalid(f"The classifier learns from at least {LEAST_KNOWN} labelled units of two labels or more; there are {len(names)}.")
    rest = sorted(units.keys() - set(names))
    found = say([units[unit] for unit in names], [known[unit] for unit in names], [units[unit] for unit in rest])
    said = dict(zip(rest, found, strict=True))
    for fold in range(FOLDS):
        held, seen = names[fold::FOLDS], [unit for at, unit in enumerate(names) if at % FOLDS != fold]
        out = say([units[unit] for unit in seen], [known[unit] for unit in seen], [units[unit] for unit in held])
        said |= dict(zip(held, out, strict=True))
    return said


def _said_of_pictures(pictures: list[Features], labels: list[str], others: list[Features]) -> list[Prediction]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=1_000))
    return _fitted(model, pictures, labels, others)


def _said_of_texts(texts: list[str], labels: list[str], others: list[str]) -> list[Prediction]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_FEATURES, token_pattern=r"(?u)\b\w+\b"),
        LogisticRegression(C=10.0, max_iter=1_000),
    )
    try:
        return _fitted(model, texts, labels, others)
    except ValueError as error:  # texts of no words at all
        raise Invalid("The texts have no words to learn from.") from error


def _fitted(model: Any, units: list[Unit], labels: list[str], others: list[Unit]) -> list[Prediction]:
    if not others:
        return []
    if len(set(labels)) < 2:
        return [Prediction(labels[0], 1.0)] * len(others)
    with quiet():
        model.fit(units, labels)
        rows = model.predict_proba(others)
    best = rows.argmax(axis=1)
    classes = [str(name) for name in model.classes_]
    return [Prediction(classes[at], float(row[at])) for at, row in zip(np.asarray(best), rows, strict=True)]
