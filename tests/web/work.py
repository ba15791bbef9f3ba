"""A person at a task page: opens it, acts with mouse or keyboard, and sends."""

import json
from dataclasses import dataclass
from typing import Any

from jsonschema_rs import Draft202012Validator
from playwright.sync_api import BrowserContext, Frame, Locator, Page

from backend.web.samples import sample
from piecework.domain.templates import TEMPLATES


@dataclass
class Task:
    """An open task page."""

    name: str
    page: Page
    frame: Frame

    def find(self, selector: str) -> Locator:
        """Something in the frame."""
        return self.frame.locator(selector)

    def keys(self, *presses: str) -> None:
        """Presses keys one after another."""
        for press in presses:
            self.page.keyboard.press(press)

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Presses Tab until the keyboard is there, as a person without a mouse does."""
        for _ in range(most):
            self.keys("Tab")
            if self.frame.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
                return
        raise AssertionError(f"Tab never comes to {selector} in {self.name}.")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the picture is on the screen."""
        layer = self.find(".cw-layer")
        layer.wait_for()
        size = layer.evaluate("layer => [layer.viewBox.baseVal.width, layer.viewBox.baseVal.height]")
        box = layer.bounding_box()
        assert box
        return box["x"] + x / size[0] * box["width"], box["y"] + y / size[1] * box["height"]

    def click(self, x: float, y: float) -> None:
        """A click on a pixel of the picture."""
        self.page.mouse.click(*self.at(x, y))

    def drag(self, *points: tuple[float, float]) -> None:
        """Presses at the first pixel, moves through the others, and lets go."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=4)
        self.page.mouse.up()

    def send(self) -> Any:
        """Sends by mouse; the answer that arrived at the work page."""
        self.find("text=Submit answer").click()
        return self.sent()

    def send_by_keys(self) -> Any:
        """Sends by Ctrl+Enter."""
        self.keys("Control+Enter")
        return self.sent()

    def sent(self) -> Any:
        """The answer that arrived, which fits the template's schema."""
        place = self.page.locator("[data-submitted]")
        place.wait_for(timeout=30_000)
        answer = json.loads(place.get_attribute("data-submitted") or "")
        given = sample(self.name)
        Draft202012Validator(TEMPLATES[self.name].answer_schema(list(given.labels), given.options)).validate(answer)
        return answer


def start(context: BrowserContext, site: str, name: str) -> Task:
    """Opens a template's page and waits until one can work."""
    page = context.new_page()
    page.goto(f"{site}/gallery/{name}")
    page.locator("iframe[data-state=shown]").wait_for()
    handle = page.query_selector("iframe")
    frame = handle and handle.content_frame()
    assert frame
    return Task(name, page, frame)
