"""Texts: ROVER where words line up (transcripts), the medoid where they are said each in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass


from piecework.domain.errors import Invalid
from piecework.quality.kit import quiet


@dataclass(frozen=True, slots=True)
class Text:
    """A consensus text; `confidence` is how like it the answers are on average, 0 to 1."""

    text: str
    confidence: float


def distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Levenshtein's edit distance between two strings, or two lists of words."""
    if len(one) < len(other):
        one, other = other, one
    row = list(range(len(other) + 1))
    for at, left in enumerate(one, 1):
        corner, row[0] = row[0], at
        for place, right in enumerate(other, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (left != right))
    return row[-1]


def likeness(one: Sequence[object], other: Sequence[object]) -> float:
    """1 for equal ones, 0 for nothing in common."""
    longest = max(len(one), len(other))
    return 1 - distance(one, other) / longest if longest else 1.0


def medoid(texts: Sequence[str]) -> Text:
    """The answer that is most like all the others: it is always something that a person wrote. Of equals the first by alphabet."""
    _some(texts)
    if len(texts) == 1:
        return Text(texts[0], 0.0)
    near = {text: sum(likeness(text, other) for other in texts) - 1 for text in set(texts)}
    best = min(near, key=lambda text: (-round(near[text], 12), text))
    return Text(best, near[best] / (len(texts) - 1))


def rover(texts: Sequence[str]) -> Text:
    """Words aligned and voted on one by one (Fiscus, ASRU 1997), by crowd-kit; sorted first, since alignment minds the order."""
    import pandas as pd

    from crowdkit.aggregation import ROVER

    _some(texts)
    if len(texts) == 1:
        return Text(texts[0], 0.0)
    frame = pd.DataFrame({"task": "unit", "worker": range(len(texts)), "text": sorted(texts)})
    with quiet():
        voted = str(ROVER(str.split, " ".join).fit_predict(frame).iloc[0])
    words = voted.split()
    return Text(voted, sum(likeness(words, text.split()) for text in texts) / len(texts))


def word_error_rate(right: str, said: str) -> float:
    """Word errors over words of the right text; may pass 1."""
    words = right.split()
    if not words:
        raise Invalid("The right text has no words.")
    return distance(words, said.split()) / len(words)


def _some(texts: Sequence[str]) -> None:
    if not texts:
        raise Invalid("There are no texts to aggregate.")
