"""Semantic segmentation: several workers' painted pictures put together pixel by pixel, as a picture and with a confidence a class."""

import base64
import binascii
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.masks import Mask, confidence, voted

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS, MOST_TOGETHER = 1 << 25, 1 << 26
"""Of one picture, and of all that are put together: a few KB of PNG can say that it is 33 megapixels of nothing, which are 134 MB."""
BACKGROUND = "#ffffff"
Painted = tuple[NDArray[np.uint8], dict[str, str]]


@dataclass(frozen=True)
class Segmentation:
    """What the pictures of one unit come to.

    Attributes:
        places: shape (height, width): 0 where most painted nothing or different things, else the place of its class in `colours`, from 1.
        colours: class → "#rrggbb", in the order of the job's classes; those that anybody painted.
        confidences: class → the mean overlap (intersection over union) of the workers' areas with the result.
        answers: whose pictures had the commonest size, and counted.
    """

    places: NDArray[np.uint8]
    colours: Mapping[str, str]
    confidences: Mapping[str, float]
    answers: int

    def png(self) -> bytes:
        """The picture, with a palette: the background white, each class in its colour."""
        from PIL import Image

        image = Image.fromarray(self.places, mode="P")
        image.putpalette(bytes.fromhex("".join(colour[1:] for colour in (BACKGROUND, *self.colours.values()))))
        sink = io.BytesIO()
        image.save(sink, "PNG", optimize=False)
        return sink.getvalue()


def segmented(said: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Segmentation:
    """Each pixel as more than half of the workers painted it.

    Args:
        said: answers as crowd-semantic-segmentation gives them: labeledImage.pngImageData (base64) and labelMappings.
        classes: the job's.

    Raises:
        Invalid: none has a picture that can be read.
    """
    kept = _commonest(said)
    if not kept:
        raise Invalid("None of these answers has a picture that can be read.")
    size = kept[0][0].shape[:2]
    named = [name for name in classes if any(name in mappings for _, mappings in kept)]
    places, colours, sure = np.zeros(size, np.uint8), dict[str, str](), dict[str, float]()
    for name in named:
        own = [_area(pixels, mappings.get(name)) for pixels, mappings in kept]
        if not any(area.any() for area in own):
            continue
        area = voted(own, smooth=1)
        colours[name] = Counter(mappings[name] for _, mappings in kept if name in mappings).most_common(1)[0][0]
        places[area] = len(colours)
        sure[name] = confidence(area, own)
    return Segmentation(places, colours, sure, len(kept))


def _commonest(said: Sequence[Mapping[str, Any]]) -> list[Painted]:
    """The pictures of the size that most have which can be read; of large ones the first."""
    sizes, best = [_size(answer) for answer in said], list[Painted]()
    for size, count in Counter(size for size in sizes if size is not None).most_common():
        if count <= len(best):
            break
        alike = (answer for answer, own in zip(said, sizes, strict=True) if own == size)
        room = max(1, MOST_TOGETHER // (size[0] * size[1]))
        kept = [one for one in map(_painted, islice(alike, room)) if one is not None]
        best = max(best, kept, key=len)
    return best


def _size(answer: Mapping[str, Any]) -> tuple[int, int] | None:
    """(height, width) as the picture says; None for what is none, or too large."""
    with _opened(answer) as image:
        return None if image is None else (image.height, image.width)


def _painted(answer: Mapping[str, Any]) -> Painted | None:
    """Pixels, (height, width, 4), and class → colour in lower case; None for what is no picture."""
    with _opened(answer) as image:
        if image is None:
            return None
        try:
            pixels = np.asarray(image.convert("RGBA"))
        except (OSError, SyntaxError, ValueError):
            return None
    return pixels, {name: one["color"].lower() for name, one in answer["labelMappings"].items()}


@contextmanager
def _opened(answer: Mapping[str, Any]) -> Iterator["Image | None"]:
    from PIL import Image

    try:
        data = base64.b64decode(answer["labeledImage"]["pngImageData"], validate=True)
        image = Image.open(io.BytesIO(data), formats=["PNG"])
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        yield None
        return
    with image:
        yield image if 0 < image.width * image.height <= MOST_PIXELS else None


def _area(pixels: NDArray[np.uint8], colour: str | None) -> Mask:
    if colour is None:
        return np.zeros(pixels.shape[:2], bool)
    wanted = np.frombuffer(bytes.fromhex(colour[1:7]), np.uint8)
    return np.asarray((pixels[:, :, :3] == wanted).all(axis=2) & (pixels[:, :, 3] > 0))
