"""Pictures of a requester's pages with a marketplace behind them: `make screenshots` takes them with the others."""

import asyncio
import json
import secrets
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from piecework.client import Market, Requester, Worker
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, answer, call, open_job, posting, sign_in_message, signature_of, works
from tests.conftest import deployed
from tests.support.browser import chromium
from tests.support.devnet import anvil

WIDTHS = {"phone": 390, "desktop": 1280}
SCHEMES = ("light", "dark")
TEXTS = ("The tea was good.", "The train was late, and nobody said why.", "Nothing to say.", "Lovely view from the second carriage.", "They lost my suitcase. 🧳")
MOODS = ("positive", "negative", "neutral")
TRUTH = ("positive", "negative", "neutral", "positive", "negative")
SPEC: dict[str, Any] = {
    "title": "How was the journey?", "template": "classifier", "labels": list(MOODS), "instructions": "Say whether the writer is content.",
    "criteria": [{"code": "wrong", "text": "The label contradicts the text."}, {"code": "guessed", "text": "Answered in less time than reading takes."}],
}


@contextmanager
def stocked() -> Iterator[tuple[Works, dict[str, str]]]:
    """A marketplace with jobs in it, and the addresses of what there is to see of them."""
    with tempfile.TemporaryDirectory() as folder, anvil() as rpc:
        chain = deployed(rpc)
        with works(chain, f"sqlite:///{folder}/piecework.db", Path(folder)) as market:
            yield market, asyncio.run(fill(market))


async def fill(market: Works) -> dict[str, str]:
    """One job half done, one without an answer, one that isn't funded."""
    async with Market(market.url) as api:
        units = [({"source": f"{TEXTS[at % 5]} ({at // 5 + 1})"}, 3) for at in range(40)]
        asker, job = await open_job(api, market.chain.requester, units, **SPEC)
        for turn, careless in enumerate((1, 0, 0, 1)):
            worker = await Worker.sign_in(api, Key(secrets.token_bytes(32)))
            for unit in range(28):
                label = MOODS[unit % 3] if careless and unit % 3 == 0 else TRUTH[unit % 5]
                if unit % 4 != turn:
                    await answer(worker, job, unit, {"label": label})
        waiting = await asker.submissions(job["id"], "revealed")
        await asker.approve(job["id"], [one["id"] for one in waiting[:30]])
        await asker.batches(job["id"])
        await api.post(f"/v1/jobs/{job['id']}/reviews", {"reject": [{"assignment": waiting[31]["id"], "code": "wrong", "reason": "The writer is plainly unhappy."}]}, asker.session)
        await approve_all_of(asker, job, 24)
        _, empty = await open_job(api, market.chain.requester, [(f"Question {at}", 2) for at in range(9)], title="A job that nobody has answered")
        draft = await asker.draft(posting([({"source": "x"}, 1)], **(SPEC | {"title": "A job that isn't funded yet"})))
        return {"job": job["id"], "empty": empty["id"], "draft": draft["id"]}


async def approve_all_of(asker: Requester, job: dict[str, Any], most: int) -> None:
    """Signs what is in batches."""
    waiting = await asker.submissions(job["id"])
    approved = {item["slot"]: (item["worker"], bytes.fromhex(item["commitment"][2:])) for item in waiting}
    for entry in (await asker.batches(job["id"]))[:most]:
        await asker.approve_batch(job, entry, approved)


def cookies(market: Works, key: Key) -> list[dict[str, str]]:
    """What a browser of the account holds."""
    message = sign_in_message(key.address, call(market, "POST", "/v1/session/nonce").body)
    body = json.dumps({"message": message, "signature": signature_of(key, message), "cookie": True}).encode()
    request = urllib.request.Request(f"{market.url}/v1/session", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        pairs = [value.split(";")[0].split("=", 1) for name, value in response.headers.items() if name == "set-cookie"]
    return [{"name": name, "value": value, "url": market.url} for name, value in pairs]


def take(browser: Browser, market: Works, ids: dict[str, str], folder: Path) -> None:
    """Every page in every width and scheme."""
    job = f"/hire/jobs/{ids['job']}"
    pages = {
        "jobs": "/hire", "new": "/hire/new", "money": "/hire/money", "job": job, "review": job + "/review?state=all", "waiting": job + "/review",
        "results": job + "/results", "job-empty": f"/hire/jobs/{ids['empty']}", "job-draft": f"/hire/jobs/{ids['draft']}",
        "people": "/hire/people", "access": "/hire/access", "more": f"/hire/new?from={ids['job']}",
    }
    held = cookies(market, market.chain.requester)
    for width, pixels in WIDTHS.items():
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": pixels, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            context.add_cookies(held)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("dialog", lambda dialog: dialog.accept())  # what was entered for the new job is replaced by more of an old one
            for name, path in pages.items():
                page.goto(market.url + path)
                if name == "new":
                    describe(page)
                page.wait_for_timeout(300)
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if wide > 0:
                    print(f"{name} is {wide} pixels too wide at {pixels}", file=sys.stderr)
                page.screenshot(path=folder / f"hire-{name}-{width}-{scheme}.png", full_page=True)
            context.close()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{market.url}/hire")
    page.screenshot(path=folder / "hire-signed-out.png")
    context.close()


def describe(page: Page) -> None:
    """Enters a job, so that the form shows what it does."""
    page.locator("form[data-ready]").wait_for()
    page.locator("[name=template][value=classifier]").check()
    page.locator("#labels").fill("\n".join(MOODS))
    page.locator("summary", has_text="Or paste").click()
    page.locator("#pasted").fill("id,sentence\n" + "\n".join(f'{at},"{text}"' for at, text in enumerate(TEXTS)) + "\n6,\n")
    page.locator("#paste").click()
    page.locator("#title").fill("How was the journey?")
    page.locator("#instructions").fill("Say whether the writer is content.")
    page.frame_locator("#preview iframe").locator("crowd-classifier").wait_for()
    page.wait_for_timeout(1_500)


def main(folder: Path) -> None:
    """Writes the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with stocked() as (market, ids), chromium() as browser:
        take(browser, market, ids, folder)
    print(f"Pictures of a requester's pages are in {folder}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
