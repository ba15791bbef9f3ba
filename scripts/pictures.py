"""Pictures of the marketplace's pages with people at work in it: what `make screenshots` takes beside the gallery."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.backend.workshop import Works, new_key, works
from tests.conftest import deployed
from tests.support.devnet import anvil
from tests.web.requesters import approve, post, reject
from tests.web.wallets import TestWallet, sign_in

PICTURES = {"labels": ["car", "bicycle", "tree", "nothing of these"], "title": "What does the picture show?"}
CAREFUL = {
    "instructions": "Look at the whole picture before you choose.\nIf two things are there, choose the one in front.",
    "criteria": [{"code": "care", "text": "The answer is plainly not what the picture shows."}],
    "auto_approval_seconds": 3 * 86_400,
    "ai_policy": "assisted",
}
STREET = {"source-ref": "/static/crowd/sample.svg", "alt": "A street"}


@contextmanager
def marketplace() -> Iterator[tuple[Works, dict[str, Any], dict[str, Any]]]:
    """A marketplace with a job that is paid in part, and one that is open."""
    with anvil() as rpc, tempfile.TemporaryDirectory() as folder:
        chain = deployed(rpc)
        with works(chain, f"sqlite:///{folder}/piecework.db", Path(folder)) as market:
            post(market, [("Is the sentence polite? “Send it today.”", 5)], title="Judge the tone of a sentence", labels=["polite", "neutral", "rude"], reward="30000")
            post(market, [("Write what you hear.", 2)], title="Transcribe ten seconds of a lecture", labels=None, reward="450000", ai_policy="forbidden")
            paid = post(market, [(f"Is picture {number} sharp?", 1) for number in range(60)], title="Is it sharp?", labels=["sharp", "blurred"], reward="50000")
            shown = post(market, [(STREET, 4) for _ in range(20)], template="image-classifier", reward="120000", **PICTURES, **CAREFUL)
            yield market, paid, shown


def person(browser: Browser, market: Works, width: int, scheme: str, wallet: TestWallet) -> BrowserContext:
    """A window of a size and scheme with a wallet in it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    wallet.install(context)
    return context


def answer(page: Page, market: Works, job: dict[str, Any], label: str, count: int) -> None:
    """Answers some units of a job, as a person does."""
    page.goto(f"{market.url}/work/{job['id']}")
    for number in range(1, count + 1):
        page.locator("#accept").click()
        page.locator("#work[data-shown^='0x']").wait_for()
        frame = page.frames[-1]
        frame.locator("label", has_text=label).first.click()
        frame.locator("text=Submit answer").click()
        page.locator(f"#work[data-answered='{number}']").wait_for()
        page.locator("#work[data-shown=preview], #place .empty").first.wait_for()


def prepare(browser: Browser, market: Works, paid: dict[str, Any], shown: dict[str, Any], wallet: TestWallet) -> None:
    """A worker with something in every state, and money to withdraw."""
    context = person(browser, market, 1000, "light", wallet)
    page = context.new_page()
    page.goto(f"{market.url}/work")
    sign_in(page)
    page.goto(f"{market.url}/earnings")
    page.locator("[name=payout][value=ledger]").check()
    page.locator("#status", has_text="gathers").wait_for()
    answer(page, market, shown, "tree", 1)
    reject(market, shown, "There is no tree in it: look at the left half again.", "care")
    answer(page, market, shown, "car", 2)
    answer(page, market, paid, "sharp", 5)
    approve(market, paid)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job", job=paid["id"])
    context.close()


def take(browser: Browser, folder: Path, widths: dict[str, int], schemes: tuple[str, ...]) -> None:
    """Every page of the marketplace in every width and scheme."""
    with marketplace() as (market, paid, shown):
        chain = market.chain.deployment.chain_id
        wallet = TestWallet(market.chain.rpc, new_key(), chain, knows={chain})
        prepare(browser, market, paid, shown, wallet)
        pages = {
            "landing": "/", "work": "/work", "job": f"/jobs/{paid['id']}", "earnings": "/earnings", "history": "/history",
            "notices": "/notices", "messages": "/messages", "settings": "/settings",
            "explore-jobs": "/explore", "explore-payments": "/explore/payments", "explore-disputes": "/explore/disputes",
            "explore-requesters": "/explore/requesters", "promises": "/promises", "nothing-found": "/work?text=nothinglikethis", "no-such-job": "/jobs/0x12",
        }  # fmt: skip
        for width, pixels in widths.items():
            for scheme in schemes:
                context = person(browser, market, pixels, scheme, wallet)
                page = context.new_page()

                def picture(name: str, whole: bool = True, page: Page = page, width: str = width, scheme: str = scheme) -> None:
                    page.screenshot(path=folder / f"market-{name}-{width}-{scheme}.png", full_page=whole)

                page.goto(f"{market.url}/earnings")
                picture("signed-out")
                page.locator("header [data-sign=in]").click()
                page.locator("dialog.wallet .choices button").wait_for()
                picture("wallets", False)
                page.locator("dialog.wallet .choices button").click()
                page.locator("dialog.wallet button.primary").wait_for()
                picture("sign-in", False)
                page.locator("dialog.wallet button.primary").click()
                page.locator("header [data-sign=out]").wait_for()
                for name, path in pages.items():
                    page.goto(market.url + path)
                    picture(name)
                page.goto(f"{market.url}/work/{shown['id']}")
                page.locator("#work[data-shown=preview]").wait_for()
                page.wait_for_timeout(200)
                picture("task-preview")
                page.locator("#accept").click()
                page.locator("#work[data-shown^='0x']").wait_for()
                page.wait_for_timeout(200)
                picture("task")
                page.locator("#return").click()
                page.locator("#status", has_text="Returned").wait_for()
                page.goto(f"{market.url}/earnings")
                page.locator("#withdraw button").click()
                page.locator("dialog.wallet button.primary").wait_for()
                picture("withdraw", False)
                context.close()
