"""The whole life of a job in three browsers, by nothing but pages and wallets, and every page is loaded anew at every step."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from piecework.chain.escrow import token_balance
from tests.backend.workshop import DAY, Works, call, new_key, works
from tests.conftest import Chain
from tests.web.test_gallery import violations
from tests.web.test_hire import FundedWallet, agree, agree_twice, describe
from tests.web.test_recourse import later, press
from tests.web.test_worker import accept, choose, frame_of, sent
from tests.web.wallets import sign_in

UNIT = 1_000_000


@pytest.fixture
def own(chain: Chain, tmp_path: Path) -> Iterator[Works]:
    """A marketplace whose chain's clock may be turned, and whose watchtower looks often."""
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, PIECEWORK_WATCH_SECONDS="0.5", PIECEWORK_WATCH_MULTIPLE="0") as running:
        yield running


def person(browser: Browser, market: Works, path: str) -> tuple[Page, FundedWallet]:
    """Somebody new with gas money, signed in at a page."""
    chain = market.chain.deployment.chain_id
    wallet = FundedWallet(market.chain.rpc, new_key(), chain, knows={chain})
    market.chain.rpc.call("anvil_setBalance", wallet.key.address, hex(10**18))
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(30_000)
    wallet.install(context)
    page = context.new_page()
    page.goto(market.url + path)
    sign_in(page)
    return page, wallet


def answer(page: Page, market: Works, label: str) -> None:
    """Finds the job, takes a unit of it, and sends an answer."""
    page.goto(f"{market.url}/work")
    page.reload()
    page.locator(".jobs a", has_text="How was it?").click()
    frame_of(page)
    page.reload()
    frame_of(page)
    accept(page)
    page.reload()
    choose(frame_of(page, "0x"), label)
    page.frames[-1].locator("text=Submit answer").click()
    sent(page)
    page.reload()


def anew(page: Page, address: str) -> None:
    """Opens a page, and once more."""
    page.goto(address)
    page.reload()


def test_a_job_lives_in_three_browsers(browser: Browser, own: Works, tmp_path: Path) -> None:
    hirer, purse = person(browser, own, "/hire")
    anew(hirer, f"{own.url}/hire/money")
    hirer.locator("[data-play]").click()
    agree(hirer)
    expect(hirer.locator(".facts")).to_contain_text("1,000.00")
    hirer.reload()
    hirer.get_by_label("to move from your wallet").fill("1")
    hirer.get_by_role("button", name="Top up the balance").click()
    agree_twice(hirer)
    expect(hirer.locator("p.money")).to_contain_text("1.00")
    job = describe(hirer, own, purse, tmp_path)
    desk = f"{own.url}/hire/jobs/{job}"
    hirer.reload()
    expect(hirer.locator("#live")).to_contain_text("No answer yet")

    (careful, first), (hasty, second) = (person(browser, own, "/work") for _ in range(2))
    answer(careful, own, "good")
    answer(hasty, own, "neither")

    anew(hirer, f"{desk}/review")
    good, bad = (hirer.locator("[data-answer]", has_text=label) for label in ("good", "neither"))
    good.get_by_role("button", name="Approve").click()
    expect(good).to_have_attribute("data-state", "approved")
    bad.get_by_role("button", name="Reject").click()
    bad.get_by_label("In words, for the worker").fill("It says what it thinks of the tea.")
    bad.get_by_role("button", name="Reject").last.click()
    expect(bad).to_have_attribute("data-state", "rejected")
    anew(hirer, desk)
    hirer.locator("[data-act=pay]").click()
    agree(hirer)
    own.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job", job=job)
    anew(careful, f"{own.url}/earnings")
    expect(careful.locator("tbody a", has_text="How was it?")).to_have_count(1)
    assert token_balance(own.chain.rpc, own.chain.deployment.token, first.key.address) == UNIT // 2

    anew(hasty, f"{own.url}/history")
    expect(hasty.locator("blockquote")).to_contain_text("what it thinks of the tea")
    press(hasty, "open")
    hasty.locator(".state.opened").wait_for()
    anew(hirer, desk)
    assert not violations(hirer)
    hirer.locator("[data-act=contest]").click()
    expect(hirer.locator("dialog.wallet")).to_contain_text("0.05 DEVUSD")
    agree(hirer)
    expect(hirer.locator("[data-act=contest]")).to_have_count(0)
    anew(hasty, f"{own.url}/history")
    expect(hasty.locator("blockquote").last).to_contain_text("what it thinks of the tea")
    later(own, DAY)
    press(hasty, "appeal")
    hasty.locator(".state.appealed").wait_for()
    anew(hirer, desk)
    expect(hirer.locator("[data-act=defend]")).to_have_count(1)
    later(own, DAY)
    own.until("SELECT 1 FROM mirror_appeal_phase WHERE job = :job AND phase = 'done'", job=job)
    anew(hasty, f"{own.url}/history")
    hasty.locator(".state.paid").wait_for()
    ledger = call(own, "GET", f"/v1/accounts/{second.key.address}").body["balances"]
    held = token_balance(own.chain.rpc, own.chain.deployment.token, second.key.address)
    assert held + sum(int(one["balance"]) for one in ledger) == UNIT // 2 + UNIT // 20

    anew(hirer, f"{desk}/results")
    with hirer.expect_download() as download:
        hirer.get_by_role("link", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert {row["Answer.label"] for row in rows} >= {"good", "neither"}

    anew(hirer, desk)
    expect(hirer.locator("[data-act=close]")).to_have_count(0)
    later(own, 13 * DAY)
    anew(hirer, desk)
    hirer.locator("[data-act=close]").click()
    expect(hirer.locator("dialog.wallet")).to_contain_text("Close a job")
    agree(hirer)
    expect(hirer.locator(".state").first).to_have_text("closed")
    expect(hirer.locator("#live")).to_contain_text("2.00 came back to you")
    anew(hirer, f"{own.url}/hire/money")
    expect(hirer.locator("p.money")).to_contain_text("2.95")
    expect(hirer.locator(".facts")).to_contain_text("996.00")
    assert call(own, "GET", "/promises.json").body["surplus"] == "0"
    for page in (hirer, careful, hasty):
        page.context.close()
