"""A real Chromium for tests of pages: the system's own, or else the one that Playwright brings."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Frame, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio", "--autoplay-policy=no-user-gesture-required")
"""Tests may run as root, where Chromium's own sandbox can't."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; each test opens its own context in it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def until(view: Page | Frame, true: str, seconds: float = 30) -> None:
    """Until something is true in a page or a frame.

    `wait_for_function` looks again by what the pages' policy forbids, so that it fails wherever it isn't true at once.
    """
    deadline = time.monotonic() + seconds
    while not view.evaluate(true):
        assert time.monotonic() < deadline, f"never true: {true}"
        (view if isinstance(view, Page) else view.page).wait_for_timeout(20)
