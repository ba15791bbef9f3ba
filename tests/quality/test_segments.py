"""Painted pictures of several workers, pixel by pixel."""

import base64
import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piecework.domain.errors import Invalid
from piecework.quality.segments import segmented

INK = {"c": (31, 119, 180, 255), "d": (255, 127, 14, 255), ".": (0, 0, 0, 0)}


def painted(*rows: str, mappings: dict[str, Any] | None = None) -> dict[str, Any]:
    image, sink = Image.new("RGBA", (len(rows[0]), len(rows))), io.BytesIO()
    image.putdata([INK[letter] for row in rows for letter in row])
    image.save(sink, "PNG")
    colours = {"car": {"color": "#1f77b4"}, "dog": {"color": "#ff7f0e"}}
    return {"labeledImage": {"pngImageData": base64.b64encode(sink.getvalue()).decode()}, "labelMappings": mappings or colours}


def test_a_pixel_is_what_more_than_half_painted() -> None:
    found = segmented([painted("ccd", "c.."), painted("cdd", "c.."), painted("c.d", "...")], ["dog", "car"])
    assert found.places.tolist() == [[2, 0, 1], [2, 0, 0]] and list(found.colours) == ["dog", "car"]
    assert found.confidences["car"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert found.confidences["dog"] == pytest.approx((1 + 1 / 2 + 1) / 3)


def test_the_picture_is_read_back_by_its_colours_and_is_the_same_twice() -> None:
    said = [painted("ccd", "c..")]
    data = segmented(said, ["car", "dog"]).png()
    again = segmented([{"labeledImage": {"pngImageData": base64.b64encode(data).decode()}, "labelMappings": said[0]["labelMappings"]}], ["car", "dog"])
    assert data == segmented(said, ["car", "dog"]).png() and np.array_equal(again.places, segmented(said, ["car", "dog"]).places)


def test_what_is_no_picture_or_of_another_size_doesnt_count() -> None:
    none = {"labeledImage": {"pngImageData": "iVBORw0KGgo="}, "labelMappings": {}}
    found = segmented([painted("cc"), painted("cc"), painted("c", "c"), none], ["car"])
    assert found.places.tolist() == [[1, 1]] and found.answers == 2
    with pytest.raises(Invalid, match="picture that can be read"):
        segmented([none], ["car"])


EMPTY = """
import base64, io, resource
from PIL import Image
from piecework.quality.segments import segmented
sink = io.BytesIO()
Image.new("1", (5_700, 5_700)).save(sink, "PNG")
said = {"labeledImage": {"pngImageData": base64.b64encode(sink.getvalue()).decode()}, "labelMappings": {"car": {"color": "#1f77b4"}}}
assert len(str(said)) < 100_000
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
print(segmented([said] * 50, ["car"]).answers)
"""


def test_pictures_of_many_empty_pixels_take_the_memory_of_two() -> None:
    run = subprocess.run([sys.executable, "-c", EMPTY], capture_output=True, text=True, timeout=120)
    assert run.stdout == "2\n", run.stderr
