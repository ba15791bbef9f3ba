"""Polygons: clustered and voted on over a grid of pixels, and their outline drawn around the vote."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.clusters import Drawn, clusters
from piecework.quality.masks import Mask, confidence, overlap, voted

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """A shape that most workers drew, as a mask and as the polygon of theirs that is most like it."""

    label: str
    mask: Mask
    points: Points
    confidence: float


def filled(points: Points, height: int, width: int) -> Mask:
    """The pixels whose centre is inside, by the even-odd rule.

    Args:
        points: (x, y) corners in order; the last joins the first.

    Raises:
        Invalid: fewer than three corners.
    """
    if len(points) < 3:
        raise Invalid("A polygon has at least three corners.")
    y, x = np.mgrid[0:height, 0:width] + 0.5
    inside = np.zeros((height, width), dtype=bool)
    for (x1, y1), (x2, y2) in zip(points, (*points[1:], points[0]), strict=True):
        if y1 != y2:
            between = (y1 > y) != (y2 > y)
            inside ^= between & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def outlines(drawn: Sequence[Drawn[Points]], workers: int, height: int, width: int, least: float = 0.5) -> list[Outline]:
    """The shapes of one image that more than half of its workers drew."""
    masks = {one.mark: filled(one.mark, height, width) for one in drawn}
    near = {(a, b): overlap(masks[a], masks[b]) for a in masks for b in masks}
    kept = [one for one in clusters(drawn, lambda a, b: near[a, b], least) if 2 * len(one) > workers]
    return [_outline(cluster, masks, workers) for cluster in kept]


def _outline(cluster: list[Drawn[Points]], masks: dict[Points, Mask], workers: int) -> Outline:
    own = [masks[one.mark] for one in cluster]
    result = voted(own)
    best = min(cluster, key=lambda one: (-overlap(masks[one.mark], result), one.worker))
    return Outline(cluster[0].label, result, best.mark, len(cluster) / workers * confidence(result, own))
