"""What answers of several parts come to, unit by unit: boxes, spans of a text, and any number of classes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Literal, get_args

from piecework.domain.content import canonical_json
from piecework.quality.boxes import Agreed, Box, boxes
from piecework.quality.clusters import Drawn
from piecework.quality.consensus import Request
from piecework.quality.labels import Labels
from piecework.quality.multilabel import multilabel
from piecework.quality.spans import Entity, Span, entities

Kind = Literal["boxes", "spans", "multilabel"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HALF = 0.5
MOST_MARKS = 1_500
"""Boxes or spans of one unit that are compared, each with each: an answer can hold five thousand. Those with the fewest come first, and
whoever drew more than there is room for has no say."""


@dataclass(frozen=True)
class Outcome:
    """What one unit's answers come to.

    Attributes:
        value: as an answer says it: boxes as {label, left, top, width, height}, spans as {label, startOffset, endOffset}, or classes.
        confidence: the mean of its parts'; where nothing was agreed on, the share of the answers that mark nothing. Of classes, how sure the
            least sure one is, chosen or not.
        counts: how many answers name each class.
        parts: what it is made of: `Agreed` boxes, `Entity` spans, or the chosen classes with how likely each is.
    """

    value: list[Any]
    confidence: float
    answers: int
    counts: Mapping[str, int]
    parts: Sequence[Agreed] | Sequence[Entity] | Mapping[str, float]


@dataclass(frozen=True)
class Outcomes:
    """A job's, by the same answers, request and version the same."""

    kind: Kind
    request: Request
    labels: Labels

    @cached_property
    def by_unit(self) -> dict[Any, Outcome]:
        """Unit → outcome, in the order of names."""
        if self.kind != "multilabel":
            return {unit: outcome(self.kind, said) for unit, said in self.said()}
        rows = [(unit, worker, json.loads(text)) for unit, worker, text in self.labels.rows()]
        likely = multilabel(rows, self.request, threshold=-1.0)
        return {unit: _classes([json.loads(text) for text in said], likely[unit]) for unit, said in self.said()}

    def said(self) -> Iterator[tuple[Any, list[str]]]:
        """Each unit with its answers, canonical JSON."""
        names, starts, codes = self.labels.classes, self.labels.starts.tolist(), self.labels.label.tolist()
        for at, unit in enumerate(self.labels.units):
            yield unit, [str(names[code]) for code in codes[starts[at] : starts[at + 1]]]


def outcome(kind: Kind, said: Sequence[str]) -> Outcome:
    """One unit's, by its own answers alone; a class is chosen by more than half of them.

    Args:
        said: canonical JSON of each answer's parts, as `reading.parts_of` reads them.
    """
    answers = [json.loads(text) for text in said]
    if kind == "multilabel":
        votes = _votes(answers)
        return _classes(answers, {name: count / len(answers) for name, count in votes.items()})
    answers = _few(answers)
    counts = _votes([[one["label"] for one in answer] for answer in answers])
    empty = sum(not answer for answer in answers) / len(answers) if answers else 0.0
    found = _boxes(answers) if kind == "boxes" else _spans(answers)
    value = [_written(one) for one in found]
    return Outcome(value, fmean(one.confidence for one in found) if found else empty, len(answers), counts, found)


def _classes(answers: Sequence[Sequence[str]], likely: Mapping[str, float]) -> Outcome:
    chosen = {name: sure for name, sure in likely.items() if sure > HALF}
    sure = min((max(share, 1 - share) for share in likely.values()), default=1.0)
    return Outcome(sorted(chosen), sure, len(answers), _votes(answers), chosen)


def _few(answers: Sequence[list[Any]]) -> list[list[Any]]:
    """Answers that can be compared, in their order."""
    room, kept = MOST_MARKS, set[int]()
    for at in sorted(range(len(answers)), key=lambda at: len(answers[at])):
        room -= len(answers[at])
        if room >= 0:
            kept.add(at)
    return [answer for at, answer in enumerate(answers) if at in kept]


def _votes(answers: Sequence[Sequence[str]]) -> dict[str, int]:
    votes = Counter(name for answer in answers for name in set(answer))
    return {name: votes[name] for name in sorted(votes)}


def _boxes(answers: Sequence[Sequence[Mapping[str, Any]]]) -> list[Agreed]:
    sides = ("left", "top", "width", "height")
    drawn = [Drawn(str(at), one["label"], Box(*(one[side] for side in sides))) for at, answer in enumerate(answers) for one in answer]
    return boxes(drawn, len(answers))


def _spans(answers: Sequence[Sequence[Mapping[str, Any]]]) -> list[Entity]:
    drawn = [Drawn(str(at), one["label"], Span(one["startOffset"], one["endOffset"])) for at, answer in enumerate(answers) for one in answer]
    return entities(drawn, len(answers))


def _written(one: Agreed | Entity) -> dict[str, Any]:
    if isinstance(one, Entity):
        return {"label": one.label, "startOffset": one.span.start, "endOffset": one.span.end}
    return {"label": one.label, "left": one.box.left, "top": one.box.top, "width": one.box.width, "height": one.box.height}


def text_of(value: Sequence[Any]) -> str:
    """An outcome as text: classes by name, joined, "none" for no class; marks as canonical JSON."""
    if all(isinstance(one, str) for one in value):
        return " + ".join(value) or "none"
    return canonical_json(list(value)).decode()
