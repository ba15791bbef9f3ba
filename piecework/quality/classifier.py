"""A small classifier of texts, for requesters who bring no model: TF-IDF of words and pairs of words, and logistic regression.

What it says of a unit that it learnt from was said by a model that didn't see that unit (five folds), so that a threshold on known units
isn't flattered. The same texts and labels give the same predictions.
"""

from collections.abc import Mapping

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.kit import quiet
from piecework.quality.routing import Prediction

FOLDS = 5
LEAST_KNOWN = 10
MOST_FEATURES = 50_000


def predicted(texts: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Prediction]:
    """What the classifier says of every text, after learning from the known ones.

    Args:
        texts: unit → text.
        known: unit → label, for some of them.

    Raises:
        Invalid: fewer than 10 known texts, or only one label among them.
    """
    names = sorted(unit for unit in known if unit in texts)
    if len(names) < LEAST_KNOWN or len({known[unit] for unit in names}) < 2:
        raise Invalid(f"The classifier learns from at least {LEAST_KNOWN} labelled texts of two labels or more; there are {len(names)}.")
    rest = sorted(texts.keys() - set(names))
    found = _said([texts[unit] for unit in names], [known[unit] for unit in names], [texts[unit] for unit in rest])
    said = dict(zip(rest, found, strict=True))
    for fold in range(FOLDS):
        held, seen = names[fold::FOLDS], [unit for at, unit in enumerate(names) if at % FOLDS != fold]
        out = _said([texts[unit] for unit in seen], [known[unit] for unit in seen], [texts[unit] for unit in held])
        said |= dict(zip(held, out, strict=True))
    return said


def _said(texts: list[str], labels: list[str], others: list[str]) -> list[Prediction]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if not others:
        return []
    if len(set(labels)) < 2:
        return [Prediction(labels[0], 1.0)] * len(others)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_FEATURES, token_pattern=r"(?u)\b\w+\b"),
        LogisticRegression(C=10.0, max_iter=1_000),
    )
    try:
        with quiet():
            model.fit(texts, labels)
            rows = model.predict_proba(others)
    except ValueError as error:  # texts of no words at all
        raise Invalid("The texts have no words to learn from.") from error
    best = rows.argmax(axis=1)
    classes = [str(name) for name in model.classes_]
    return [Prediction(classes[at], float(row[at])) for at, row in zip(np.asarray(best), rows, strict=True)]
