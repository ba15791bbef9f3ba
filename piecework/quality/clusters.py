"""Marks of several workers on one unit (spans, boxes, polygons) put together by what they cover."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True)
class Drawn(Generic[Mark]):
    """One worker's mark with its label."""

    worker: str
    label: str
    mark: Mark


def clusters(
    drawn: Sequence[Drawn[Mark]], overlap: Callable[[Mark, Mark], float], least: float, by_label: bool = True
) -> list[list[Drawn[Mark]]]:
    """Greedy clusters: the most overlapping pairs first, never two marks of one worker in a cluster, and every two of a cluster
    overlap by `least` or more. The same in whatever order the marks come.

    Args:
        overlap: intersection over union (Jaccard), 0 to 1.
        by_label: marks with different labels never meet.
    """
    ordered = sorted(drawn, key=lambda one: (one.label, one.worker, repr(one.mark)))
    of = {at: {at} for at in range(len(ordered))}
    for _, left, right in sorted(_pairs(ordered, overlap, least, by_label)):
        one, other = of[left], of[right]
        if one is not other and _fit(ordered, one, other, overlap, least):
            joined = one | other
            of.update({at: joined for at in joined})
    groups = {min(group): sorted(group) for group in of.values()}
    return [[ordered[at] for at in groups[first]] for first in sorted(groups)]


def _pairs(
    ordered: list[Drawn[Mark]], overlap: Callable[[Mark, Mark], float], least: float, by_label: bool
) -> list[tuple[float, int, int]]:
    found = []
    for left, one in enumerate(ordered):
        for right in range(left + 1, len(ordered)):
            other = ordered[right]
            if one.worker != other.worker and (one.label == other.label or not by_label):
                shared = overlap(one.mark, other.mark)
                if shared >= least:
                    found.append((-shared, left, right))
    return found


def _fit(
    ordered: list[Drawn[Mark]], one: set[int], other: set[int], overlap: Callable[[Mark, Mark], float], least: float
) -> bool:
    strangers = {ordered[at].worker for at in one}.isdisjoint(ordered[at].worker for at in other)
    return strangers and all(overlap(ordered[a].mark, ordered[b].mark) >= least for a in one for b in other)
