"""Masks: each pixel by vote, smoothed by its neighbours, or by EM over the workers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.kit import quiet

Mask = NDArray[np.bool_]


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union; two empty masks are equal."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def voted(masks: Sequence[Mask], smooth: int = 3) -> Mask:
    """More than half of the workers, pixel by pixel (height, width); then each pixel takes the median of the `smooth` × `smooth`
    ones around it, which removes specks; 1 leaves them.

    Raises:
        Invalid: none, or different sizes.
    """
    from scipy import ndimage

    _check(masks)
    result = 2 * np.sum(masks, axis=0) > len(masks)
    return np.asarray(ndimage.median_filter(result, size=smooth, mode="nearest") if smooth > 1 else result)


def by_em(masks: Sequence[Mask], iterations: int = 10) -> Mask:
    """Dawid-Skene's idea with one accuracy a worker over the pixels (crowd-kit's SegmentationEM)."""
    import pandas as pd

    from crowdkit.aggregation import SegmentationEM

    _check(masks)
    frame = pd.DataFrame({"task": "unit", "worker": range(len(masks)), "segmentation": list(masks)})
    with quiet():
        return np.asarray(SegmentationEM(n_iter=iterations).fit_predict(frame).iloc[0], dtype=bool)


def confidence(result: Mask, masks: Sequence[Mask]) -> float:
    """The mean overlap of the workers' masks with the result."""
    return sum(overlap(result, mask) for mask in masks) / len(masks)


def _check(masks: Sequence[Mask]) -> None:
    if not masks or len({mask.shape for mask in masks}) > 1:
        raise Invalid("Masks of one unit are one or more, all of one size.")
