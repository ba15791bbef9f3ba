"""Semantic segmentation: several workers' painted pictures put together pixel by pixel, as a picture and with a confidence a class."""

import base64
import binascii
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from piecework.domain.errors import Invalid
from piecework.quality.masks import Mask, confidence, voted

MOST_PIXELS = 1 << 25
BACKGROUND = "#ffffff"


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
    painted = [one for one in map(_painted, said) if one is not None]
    if not painted:
        raise Invalid("None of these answers has a picture that can be read.")
    size, _ = Counter(one.shape[:2] for one, _ in painted).most_common(1)[0]
    kept = [(pixels, mappings) for pixels, mappings in painted if pixels.shape[:2] == size]
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


def _painted(answer: Mapping[str, Any]) -> tuple[NDArray[np.uint8], dict[str, str]] | None:
    """Pixels, (height, width, 4), and class → colour in lower case; None for what is no picture."""
    from PIL import Image

    try:
        data = base64.b64decode(answer["labeledImage"]["pngImageData"], validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            pixels = np.asarray(image.convert("RGBA"))
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return pixels, {name: one["color"].lower() for name, one in answer["labelMappings"].items()}


def _area(pixels: NDArray[np.uint8], colour: str | None) -> Mask:
    if colour is None:
        return np.zeros(pixels.shape[:2], bool)
    wanted = np.frombuffer(bytes.fromhex(colour[1:7]), np.uint8)
    return np.asarray((pixels[:, :, :3] == wanted).all(axis=2) & (pixels[:, :, 3] > 0))
