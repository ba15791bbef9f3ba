"""Made pictures of two kinds: reddish discs and bluish stripes, each with noise and somewhere else."""

import io

import numpy as np
from PIL import Image


def picture(kind: int, seed: int, form: str = "PNG") -> bytes:
    """One of kind 0 (a disc) or 1 (stripes)."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:80, 0:100]
    middle, size = chance.uniform(30, 50, 2), chance.uniform(12, 25)
    inside = np.hypot(y - middle[0], x - middle[1]) < size if kind == 0 else (x + chance.integers(0, 20)) // chance.integers(5, 9) % 2 == 0
    ink = np.asarray([200, 90, 80] if kind == 0 else [80, 100, 190]) + chance.integers(-30, 30, 3)
    pixels = np.where(inside[:, :, None], ink, [180, 180, 180]) + chance.normal(0, 25, (80, 100, 3))
    sink = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(sink, form)
    return sink.getvalue()
