"""How soon a page shows something, whether it moves after that, and what it brings: every page of a marketplace in a real browser.

Each look is a window of its own with nothing in its cache, signed in as the requester of the jobs that are there.
"""

import os
import statistics
from collections import defaultdict

from playwright.sync_api import Browser

from scripts.bench.indexer.progress import told
from scripts.bench.rows import Row
from scripts.pictures import marketplace, person
from tests.backend.workshop import Works
from tests.support.browser import chromium
from tests.web.wallets import TestWallet, sign_in

LOOKS = 5
STILL_MS = 500
"""How long after loading a page is watched for what moves."""
SEEN = """(still) => new Promise((done) => {
  let shift = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) shift += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => {
    const brought = performance.getEntriesByType("resource").filter(({ name }) => /[.](js|css)([?]|$)/.test(name));
    done([performance.getEntriesByName("first-contentful-paint")[0].startTime, shift, brought.reduce((sum, one) => sum + one.encodedBodySize, 0)]);
  }, still);
})"""


def measure() -> list[Row]:
    """Medians of some looks at each page."""
    load = os.getloadavg()[0]
    with chromium() as browser, marketplace() as (market, paid, shown):
        job, other = paid["id"], shown["id"]
        paths = (
            "/", "/work", f"/work/{other}", f"/jobs/{job}", "/earnings", "/history", "/notices", "/messages", "/settings", "/hire", "/hire/new",
            f"/hire/jobs/{job}", f"/hire/jobs/{other}/review", f"/hire/jobs/{other}/results", "/hire/people", "/hire/money", "/hire/access", "/docs", "/explore",
            "/explore/payments", "/explore/disputes", "/explore/requesters", "/promises", "/gallery",
        )  # fmt: skip
        seen: dict[str, list[list[float]]] = defaultdict(list)
        state = _signed_in(browser, market)
        with told("looking", LOOKS * len(paths)) as tell:
            for number in range(LOOKS * len(paths)):
                path = paths[number % len(paths)]  # turn by turn, so that a busy moment isn't one page's
                context = browser.new_context(storage_state=state)  # type: ignore[arg-type]
                page = context.new_page()
                answer = page.goto(market.url + path)
                assert answer and answer.ok, path
                seen[path.replace(job, "JOB").replace(other, "JOB")].append(page.evaluate(SEEN, STILL_MS))
                context.close()
                tell(number)
    rows = []
    for path, looks in seen.items():
        paint, shift, brought = (statistics.median(column) for column in zip(*looks, strict=True))
        rows += [
            Row(f"{path}: first contentful paint", paint, "ms", 500),
            Row(f"{path}: layout shift", shift, "", 0),
            Row(f"{path}: script and style", brought / 1000, "KB", 100),
        ]
    return [*rows, Row("load of the machine before, 1 minute", load, "")]


def _signed_in(browser: Browser, market: Works) -> object:
    """The cookies of somebody who is signed in."""
    chain = market.chain.deployment.chain_id
    context = person(browser, market, 1280, "light", TestWallet(market.chain.rpc, market.chain.requester, chain, knows={chain}))
    page = context.new_page()
    page.goto(f"{market.url}/work")
    sign_in(page)
    state = context.storage_state()
    context.close()
    return state
