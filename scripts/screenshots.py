"""Pictures of every page at a phone's and a desktop's width, light and dark: `make screenshots`, then look at them.

Run with a folder to write to, and `gallery` or `market` to take only those. The gallery is served by this process and needs no
chain; for the marketplace one is started.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser, Page

from backend.web import frame, gallery
from piecework.domain.templates import TEMPLATES
from scripts import pictures
from tests.support.browser import chromium

WIDTHS = {"phone": 390, "desktop": 1280}
SCHEMES = ("light", "dark")


@contextmanager
def served() -> Iterator[str]:
    """The gallery's address."""
    app = FastAPI()
    for room in (frame, gallery):
        app.include_router(room.router)
    app.mount("/static", StaticFiles(directory=frame.HERE / "static"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def take(browser: Browser, address: str, folder: Path) -> None:
    """Every page in every width and scheme."""
    for width, pixels in WIDTHS.items():
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": pixels, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            for name in ("", *TEMPLATES, "components"):
                settle(page, f"{address}/gallery/{name}".rstrip("/"))
                page.screenshot(path=folder / f"{name or 'gallery'}-{width}-{scheme}.png", full_page=True)
            context.close()


def settle(page: Page, address: str) -> None:
    """Opens a page and scrolls until every frame shows its task."""
    page.set_viewport_size({"width": page.viewport_size["width"], "height": 900})  # type: ignore[index]
    page.goto(address)
    for place in page.query_selector_all("[data-task]"):
        place.scroll_into_view_if_needed()
        place.wait_for_selector("[data-state=shown]", state="attached")
    page.evaluate("scrollTo(0, 0)")
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})  # type: ignore[index]  # frames out of sight aren't painted
    page.wait_for_timeout(150)


def main(folder: Path, only: str | None = None) -> None:
    """Writes the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        if only in (None, "gallery"):
            with served() as address:
                take(browser, address, folder)
        if only in (None, "market"):
            pictures.take(browser, folder, WIDTHS, SCHEMES)
    print(f"The pictures are in {folder}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"), sys.argv[2] if len(sys.argv) > 2 else None)
