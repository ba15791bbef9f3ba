"""The API's reference: every address, without a script, and nothing that axe finds."""

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.backend.workshop import Works, call
from tests.web.test_gallery import violations


def test_every_address_stands_there_without_a_script(browser: Browser, market: Works) -> None:
    paths = call(market, "GET", "/openapi.json").body["paths"]
    visitor = browser.new_context(java_script_enabled=False)
    page = visitor.new_page()
    page.goto(f"{market.url}/docs")
    shown = set(page.locator("h3 code").all_inner_texts())
    assert shown == {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert page.locator("details").count() > 20, "bodies come with an example"
    visitor.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(context: BrowserContext, market: Works, scheme: str) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (1200, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{market.url}/docs")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
