"""Named spans of a text: clustered by overlap, the commonest boundaries and the commonest label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

from piecework.quality.clusters import Drawn, clusters


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` up to but not including `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entity:
    """A span that most workers marked; `confidence` is the share of workers with this label times their mean overlap."""

    label: str
    span: Span
    confidence: float


def overlap(one: Span, other: Span) -> float:
    """Jaccard's index of the characters."""
    shared = max(0, min(one.end, other.end) - max(one.start, other.start))
    union = (one.end - one.start) + (other.end - other.start) - shared
    return shared / union if union > 0 else 0.0


def entities(drawn: Sequence[Drawn[Span]], workers: int, least: float = 0.5) -> list[Entity]:
    """The entities of one text in the order of the text. Spans cluster whatever their label, and then it is voted on; ties fall to
    the first by name, never at random.

    Args:
        workers: how many read the text; one who marked nothing is a vote against every span.
    """
    kept = [cluster for cluster in clusters(drawn, overlap, least, by_label=False) if 2 * len(cluster) > workers]
    return sorted((_entity(cluster, workers) for cluster in kept), key=lambda one: (one.span, one.label))


def _entity(cluster: list[Drawn[Span]], workers: int) -> Entity:
    votes = Counter(one.label for one in cluster)
    label = min(votes, key=lambda name: (-votes[name], name))
    span = Span(*(_boundary([getattr(one.mark, side) for one in cluster]) for side in ("start", "end")))
    backers = [one.mark for one in cluster if one.label == label]
    return Entity(label, span, len(backers) / workers * fmean(overlap(span, mark) for mark in backers))


def _boundary(places: list[int]) -> int:
    """The place that most chose; where there is none, the (lower) median."""
    counts = Counter(places)
    (best, most), *others = counts.most_common()
    return median_low(places) if others and others[0][1] == most else best
