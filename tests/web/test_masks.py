"""Segmentation: the PNG has the size of the picture and no colour but the labels' own."""

import base64
import io
from collections import Counter
from typing import Any

import matplotlib.image
from playwright.sync_api import BrowserContext

from tests.web.work import start


def colours(answer: Any) -> tuple[tuple[int, int], Counter[str]]:
    """Height and width of the mask, and how many pixels have which colour."""
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(answer["labeledImage"]["pngImageData"])), format="png")
    flat = (pixels[..., :3].reshape(-1, 3) * 255).round().astype(int)
    return pixels.shape[:2], Counter(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in flat.tolist())


def test_a_brush_paints_in_the_labels_colours_alone(context: BrowserContext, site: str) -> None:
    task = start(context, site, "semantic-segmentation")
    task.drag((300, 300), (500, 300))
    task.find("text=bicycle").click()
    task.drag((60, 330), (200, 330))
    answer = task.send()
    size, seen = colours(answer)
    assert size == (400, 640) and answer["inputImageProperties"] == {"height": 400, "width": 640}
    assert set(seen) == {"#ffffff", *(mapping["color"] for mapping in answer["labelMappings"].values())}
    assert set(answer["labelMappings"]) == {"car", "bicycle"} and min(seen.values()) > 2_000


def test_the_brush_works_by_keyboard_and_what_it_painted_is_undone(context: BrowserContext, site: str) -> None:
    task = start(context, site, "semantic-segmentation")
    task.find(".cw-layer").wait_for()
    task.tab_to(".cw-layer")
    task.keys("2", " ", "ArrowRight", "ArrowRight", " ", "1", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", " ", "ArrowRight", " ", "Control+z")
    answer = task.send_by_keys()
    assert set(colours(answer)[1]) == {"#ffffff", answer["labelMappings"]["bicycle"]["color"]}


def test_every_thing_has_a_colour_of_its_own(context: BrowserContext, site: str) -> None:
    task = start(context, site, "instance-segmentation")
    task.drag((300, 300), (350, 300))
    task.find("text=Next thing").click()
    task.drag((450, 300), (500, 300))
    answer = task.send()
    assert [thing["label"] for thing in answer["instances"]] == ["car", "car"]
    assert set(colours(answer)[1]) == {"#ffffff", *(thing["color"] for thing in answer["instances"])}
    assert len({thing["color"] for thing in answer["instances"]}) == 2
