"""The gallery: nothing that axe finds, in light and dark, and little to load."""

import pytest
from playwright.sync_api import BrowserContext, Page

from piecework.chain.build import ROOT
from piecework.domain.templates import TEMPLATES
from scripts.screenshots import settle

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
LIGHT = [name for name in TEMPLATES if name not in ("semantic-segmentation", "instance-segmentation", "bounding-box", "polygon", "polyline", "line", "keypoint")]
MOST_BYTES = 100_000


def violations(page: Page) -> list[str]:
    """What axe finds in the page and in every frame."""
    found = []
    for frame in page.frames:
        frame.evaluate(AXE)
        result = frame.evaluate("axe.run(document, { iframes: false, rules: { 'landmark-one-main': { enabled: false }, 'page-has-heading-one': { enabled: false }, region: { enabled: false } } })")
        found += [f"{rule['id']}: {node['html'][:150]}" for rule in result["violations"] for node in rule["nodes"]]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(context: BrowserContext, site: str, scheme: str) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    settle(page, f"{site}/gallery")
    found = violations(page)
    assert not found, "\n".join(found)


def test_axe_would_find_something(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_content("<html lang=en><title>x</title><img src=x><input>")
    assert len(violations(page)) == 2


def test_pages_that_annotate_no_picture_weigh_little(context: BrowserContext, site: str) -> None:
    for name in LIGHT:
        page, weights = context.new_page(), []
        page.on("response", lambda response: weights.append(len(response.body())) if response.url.endswith((".js", ".css")) else None)
        settle(page, f"{site}/gallery/{name}")
        assert 10_000 < sum(weights) < MOST_BYTES, name
        page.close()


@pytest.mark.parametrize("name", [*TEMPLATES, "components"])
def test_a_phone_shows_it_without_scrolling_sideways(context: BrowserContext, site: str, name: str) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 360, "height": 800})
    settle(page, f"{site}/gallery/{name}")
    assert [frame.evaluate("document.documentElement.scrollWidth - innerWidth") for frame in page.frames] == [0] * len(page.frames)
