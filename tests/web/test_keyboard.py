"""The same without a mouse: Tab, arrows, Space, Enter, numbers, and Ctrl+Enter to send."""

import pytest
from playwright.sync_api import BrowserContext

from tests.web.work import Task, start

SIZE = {"height": 400, "width": 640}


def draw(task: Task, *presses: str) -> None:
    task.find(".cw-layer").wait_for()
    task.tab_to(".cw-layer")
    task.keys(*presses)


def boxes(task: Task) -> object:
    draw(task, "2", " ", "ArrowRight", "ArrowRight", "Shift+ArrowDown", " ")
    return {"boundingBoxes": [{"height": 1, "label": "bicycle", "left": 320, "top": 200, "width": 20}], "inputImageProperties": SIZE}


def polygon(task: Task) -> object:
    draw(task, " ", "ArrowRight", " ", "ArrowDown", " ", "Enter", " ", "Escape", "Control+z", "Control+Shift+Z")
    vertices = [{"x": 320, "y": 200}, {"x": 330, "y": 200}, {"x": 330, "y": 210}]
    return {"polygons": [{"label": "car", "vertices": vertices}], "inputImageProperties": SIZE}


def polyline(task: Task) -> object:
    draw(task, " ", "ArrowRight", " ", "Enter")
    vertices = [{"x": 320, "y": 200}, {"x": 330, "y": 200}]
    return {"polylines": [{"label": "car", "vertices": vertices}], "inputImageProperties": SIZE}


def line(task: Task) -> object:
    draw(task, " ", "ArrowUp", " ")
    vertices = [{"x": 320, "y": 200}, {"x": 320, "y": 190}]
    return {"lines": [{"label": "car", "vertices": vertices}], "inputImageProperties": SIZE}


def keypoint(task: Task) -> object:
    draw(task, "ArrowLeft", " ", "ArrowLeft", " ", "Control+z")
    return {"keypoints": [{"label": "car", "x": 310, "y": 200}], "inputImageProperties": SIZE}


def number(task: Task) -> object:
    task.tab_to("input[type=radio]")
    task.keys("2")
    second = {"label": "no", "classifier": "negative", "image-classifier": "bicycle"}[task.name]
    return second if task.name == "label" else {"label": second}


def numbers(task: Task) -> object:
    task.tab_to("input[type=checkbox]")
    task.keys("1", "2")
    return {"labels": {"classifier-multi-select": ["positive", "negative"]}.get(task.name, ["car", "bicycle"])}


def names(task: Task) -> object:
    task.tab_to("textarea.cw-marked")
    task.keys("Control+Home", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "1", "x")
    return {"entities": [{"label": "person", "startOffset": 2, "endOffset": 5}]}


def written(task: Task) -> object:
    task.tab_to("textarea")
    task.page.keyboard.type("Good 1 🚂")
    return "Good 1 🚂"


def pairwise(task: Task) -> object:
    task.tab_to("input[type=radio]")
    task.keys(" ", "6")
    task.tab_to("textarea")
    task.page.keyboard.type("So.")
    left = "Air" in task.find(".cw-side").first.inner_text()
    return {"winner": "left" if left else "right", "strength": 6, "rationale": "So.", "shown": "left-right" if left else "right-left"}


def ranking(task: Task) -> object:
    order = task.find(".cw-item").evaluate_all("items => items.map((item) => item.dataset.id)")
    task.tab_to("button[aria-label^=Down]")
    task.keys("Enter")
    return {"order": [order[1], order[0], order[2]], "ties": []}


def timeline(task: Task) -> object:
    task.find("text=Press I where it begins").wait_for()
    task.tab_to(".cw-tools button")
    task.keys("i", "l", "l", "2", "o")
    return {"segments": [{"start": 0, "end": 2, "label": "music"}]}


def survey(task: Task) -> object:
    task.tab_to("input[type=radio]")
    task.keys(" ")
    task.tab_to("input[type=range]")
    task.keys("ArrowRight", "ArrowRight")
    return {"heard": {"yes": True, "no": False}, "wrong": {"noise": False, "echo": False}, "quality": 3}


ACTS = {
    "bounding-box": boxes,
    "polygon": polygon,
    "polyline": polyline,
    "line": line,
    "keypoint": keypoint,
    "label": number,
    "classifier": number,
    "image-classifier": number,
    "classifier-multi-select": numbers,
    "image-classifier-multi-select": numbers,
    "entity-annotation": names,
    "text": written,
    "pairwise": pairwise,
    "ranking": ranking,
    "timeline": timeline,
    "survey": survey,
}


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_template_works_by_keyboard_alone(context: BrowserContext, site: str, name: str) -> None:
    task = start(context, site, name)
    expected = ACTS[name](task)
    assert task.send_by_keys() == expected
