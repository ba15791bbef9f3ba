"""The gallery on a server of its own, and one Chromium a module."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, expect

from backend.api import problems
from backend.web import frame, gallery, pages
from tests.backend.workshop import Works, works
from tests.conftest import Chain
from tests.support.browser import chromium

PATIENCE_MS = 30_000
"""How long a busy machine may take for what a person would see at once."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of a server that has the gallery and the frame."""
    app = FastAPI()
    problems.install(app)
    for room in (frame, gallery):
        app.include_router(room.router)
    app.mount("/static", pages.StaticFiles(directory=pages.HERE / "static"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who was never here."""
    visitor = browser.new_context(viewport={"width": 1000, "height": 900})
    visitor.set_default_timeout(PATIENCE_MS)
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def market(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace that the tests of a module share. Its mail goes nowhere."""
    folder = tmp_path_factory.mktemp("market")
    nobody = {"PIECEWORK_SMTP_HOST": "127.0.0.1", "PIECEWORK_SMTP_PORT": "9", "PIECEWORK_SMTP_SECURITY": "none"}
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, **nobody) as running:
        yield running
