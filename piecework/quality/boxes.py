"""Boxes: clustered by overlap, kept where more than half of the workers drew one, and each side at the median.

Ground Truth matches boxes by Jaccard index and averages them; the median bears one careless corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from piecework.quality.clusters import Drawn, clusters

LEAST = 0.5
"""Boxes that overlap less (intersection over union) are of different things."""


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels from the upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Agreed:
    """A box that most workers drew; `confidence` is the share of workers who did times the mean overlap with the result."""

    label: str
    box: Box
    support: float
    confidence: float


def overlap(one: Box, other: Box) -> float:
    """Intersection over union; 0 where neither has an area."""
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(wide, 0) * max(high, 0)
    union = one.width * one.height + other.width * other.height - shared
    return shared / union if union > 0 else 0.0


def boxes(drawn: Sequence[Drawn[Box]], workers: int, least: float = LEAST) -> list[Agreed]:
    """The boxes of one unit, most certain first.

    Args:
        workers: how many looked at the unit; one who drew nothing is a vote against every box.
    """
    kept = [cluster for cluster in clusters(drawn, overlap, least) if 2 * len(cluster) > workers]
    found = [_agreed(cluster, workers) for cluster in kept]
    return sorted(found, key=lambda one: (-one.confidence, one.label, one.box.left, one.box.top))


def _agreed(cluster: list[Drawn[Box]], workers: int) -> Agreed:
    sides = [(one.mark.left, one.mark.top, one.mark.left + one.mark.width, one.mark.top + one.mark.height) for one in cluster]
    left, top, right, bottom = map(median, zip(*sides, strict=True))
    box, support = Box(left, top, right - left, bottom - top), len(cluster) / workers
    return Agreed(cluster[0].label, box, support, support * fmean(overlap(box, one.mark) for one in cluster))
