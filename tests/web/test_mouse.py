"""Every template worked on with a mouse gives exactly the documented output."""

import pytest
from playwright.sync_api import BrowserContext

from piecework.domain.templates import TEMPLATES
from tests.web.work import Task, start

SIZE = {"height": 400, "width": 640}


def boxes(task: Task) -> object:
    task.drag((290, 230), (510, 350))
    task.find("text=bicycle").click()
    task.drag((50, 260), (230, 370))
    return {
        "boundingBoxes": [
            {"height": 120, "label": "car", "left": 290, "top": 230, "width": 220},
            {"height": 110, "label": "bicycle", "left": 50, "top": 260, "width": 180},
        ],
        "inputImageProperties": SIZE,
    }


def polygon(task: Task) -> object:
    for point in ((290, 250), (500, 250), (500, 340), (290, 250)):
        task.click(*point)
    vertices = [{"x": 290, "y": 250}, {"x": 500, "y": 250}, {"x": 500, "y": 340}]
    return {"polygons": [{"label": "car", "vertices": vertices}], "inputImageProperties": SIZE}


def polyline(task: Task) -> object:
    task.click(50, 300)
    task.click(150, 320)
    task.page.mouse.dblclick(*task.at(250, 310))
    vertices = [{"x": 50, "y": 300}, {"x": 150, "y": 320}, {"x": 250, "y": 310}]
    return {"polylines": [{"label": "car", "vertices": vertices}], "inputImageProperties": SIZE}


def line(task: Task) -> object:
    task.drag((100, 100), (300, 200))
    return {
        "lines": [{"label": "car", "vertices": [{"x": 100, "y": 100}, {"x": 300, "y": 200}]}],
        "inputImageProperties": SIZE,
    }


def keypoint(task: Task) -> object:
    task.click(340, 320)
    return {"keypoints": [{"label": "car", "x": 340, "y": 320}], "inputImageProperties": SIZE}


def pick(words: str) -> object:
    def act(task: Task) -> object:
        task.find(f".cw-choice:has-text('{words}')").first.click()
        return words if task.name == "label" else {"label": words}

    return act


def several(task: Task) -> object:
    task.find(".cw-choice").nth(0).click()
    task.find(".cw-choice").nth(1).click()
    labels = {"classifier-multi-select": ["positive", "negative"], "image-classifier-multi-select": ["car", "bicycle"]}
    return {"labels": labels[task.name]}


def names(task: Task) -> object:
    field = task.find("textarea.cw-marked")
    box = field.bounding_box()
    assert box
    place = field.evaluate(
        """field => { const mirror = document.querySelector('.cw-marks'), node = mirror.firstChild, range = document.createRange();
        const at = node.textContent.indexOf('Lovelace'); range.setStart(node, at); range.setEnd(node, at + 8);
        const box = range.getBoundingClientRect(); return [box.x + 4, box.y + box.height / 2]; }"""
    )
    outer = task.page.locator("iframe").bounding_box()
    assert outer
    task.page.mouse.dblclick(outer["x"] + place[0], outer["y"] + place[1])
    task.find("button:has-text('person')").click()
    return {"entities": [{"label": "person", "startOffset": 6, "endOffset": 14}]}


def written(task: Task) -> object:
    task.find("textarea").fill("Le train 🚂 avait du retard.")
    return "Le train 🚂 avait du retard."


def pairwise(task: Task) -> object:
    task.find(".cw-choice:has-text('A is better')").click()
    task.find(".cw-choice:has-text('6')").click()
    task.find("textarea").fill("It explains.")
    first = "left" if task.find(".cw-side").first.inner_text().count("Air") else "right"
    order = "left-right" if first == "left" else "right-left"
    return {"winner": first, "strength": 6, "rationale": "It explains.", "shown": order}


def ranking(task: Task) -> object:
    order = task.find(".cw-item").evaluate_all("items => items.map((item) => item.dataset.id)")
    task.find(".cw-item").nth(1).locator("button[aria-label^=Up]").click()
    task.find(".cw-item").nth(2).locator("input").click()
    order[0], order[1] = order[1], order[0]
    return {"order": order, "ties": [order[1:]]}


def timeline(task: Task) -> object:
    task.find("text=Press I where it begins").wait_for()
    box = task.find(".cw-track").bounding_box()
    assert box
    task.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    task.page.mouse.down()
    task.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    task.page.mouse.up()
    segments = task.find(".cw-segments input").evaluate_all("inputs => inputs.map((input) => +input.value)")
    assert segments == pytest.approx([1, 2], abs=0.05)
    return {"segments": [{"start": segments[0], "end": segments[1], "label": "speech"}]}


def survey(task: Task) -> object:
    task.find(".cw-tick:has-text('yes')").click()
    task.find(".cw-tick:has-text('echo')").click()
    task.find("input[type=range]").fill("4")
    return {"heard": {"yes": True, "no": False}, "wrong": {"noise": False, "echo": True}, "quality": 4}


def own_page(task: Task) -> object:
    task.find("input").fill("3")
    return {"windows": "3"}


ACTS = {
    "bounding-box": boxes,
    "polygon": polygon,
    "polyline": polyline,
    "line": line,
    "keypoint": keypoint,
    "label": pick("yes"),
    "classifier": pick("negative"),
    "image-classifier": pick("bicycle"),
    "classifier-multi-select": several,
    "image-classifier-multi-select": several,
    "entity-annotation": names,
    "text": written,
    "transcription": written,
    "translation": written,
    "pairwise": pairwise,
    "ranking": ranking,
    "timeline": timeline,
    "survey": survey,
    "html": own_page,
}
MASKS = {"semantic-segmentation", "instance-segmentation"}


def test_no_template_is_forgotten() -> None:
    assert set(ACTS) | MASKS == set(TEMPLATES)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_template_gives_the_documented_output(context: BrowserContext, site: str, name: str) -> None:
    task = start(context, site, name)
    expected = ACTS[name](task)  # type: ignore[operator]
    assert task.send() == expected
