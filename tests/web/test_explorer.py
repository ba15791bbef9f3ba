"""What anybody can look at and check, with one job paid, one contested, one appealed."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from piecework.chain.escrow import token_abi
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from tests.backend.workshop import Works, answer, call, new_key
from tests.web.requesters import approve, post, run
from tests.web.test_gallery import violations
from tests.web.test_worker import TOO_WIDE
from tests.web.wallets import TestWallet

PATHS = ("/explore", "/explore/payments", "/explore/disputes", "/explore/requesters", "/promises")
LISTS = PATHS[:4]


@pytest.fixture(scope="module")
def paid(market: Works) -> dict[str, Any]:
    """A job of three slots of which two are paid, one into a balance."""
    job = post(market, [("one", 2), ("two", 1)], title="Paid in part", labels=None)

    async def work() -> None:
        async with Market(market.url) as api:
            for payout in ("wallet", "ledger"):
                worker = await Worker.sign_in(api, new_key())
                await worker.take_payouts_as(payout)
                await answer(worker, job, 0)

    run(work())
    approve(market, job)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job GROUP BY job HAVING count(*) = 2", job=job["id"])
    return job


def get(market: Works, path: str) -> Any:
    """A twin, which must be there."""
    answered = call(market, "GET", path)
    assert answered.status == 200, answered
    return answered.body


def test_the_escrow_holds_what_it_owes_to_the_last_unit(market: Works, paid: dict[str, Any]) -> None:
    found = get(market, "/promises.json")
    assert found["surplus"] == "0" and found["balance"] == found["owed"]
    assert int(found["in_jobs"]) + int(found["in_balances"]) == int(found["owed"]) and int(found["in_balances"]) >= 50_000
    before = market.rows("SELECT head_number FROM mirror_deployment")[0].head_number
    assert found["block_number"] <= before


def test_money_that_somebody_sends_unasked_is_more_than_is_owed(market: Works, paid: dict[str, Any]) -> None:
    d = market.chain.deployment
    before = int(get(market, "/promises.json")["surplus"])
    receipt = Wallet(market.chain.rpc, market.chain.bystander).send(d.token, token_abi().encode("mint", d.escrow, 123))
    market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :block", block=receipt.block_number)
    assert int(get(market, "/promises.json")["surplus"]) == before + 123


def test_a_missing_unit_would_be_seen(market: Works, paid: dict[str, Any]) -> None:
    newest = "ORDER BY block_number DESC, log_index DESC LIMIT 1"  # what a reorg can't reach any more was added up once, and isn't read again
    (row,) = market.rows(f"SELECT block_number, log_index, sequence, credit FROM mirror_ledger_entry WHERE reason = 'earned' {newest}")
    key = {"block": row.block_number, "log": row.log_index, "sequence": row.sequence}
    where = "WHERE block_number = :block AND log_index = :log AND sequence = :sequence"
    before = int(get(market, "/promises.json")["surplus"])
    market.write(f"UPDATE mirror_ledger_entry SET credit = :credit {where}", credit=str(int(row.credit) + 7).rjust(len(str(row.credit)), "0"), **key)
    try:
        receipt = Wallet(market.chain.rpc, market.chain.bystander).send(market.chain.deployment.token, token_abi().encode("mint", market.chain.bystander.address, 1))
        market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :block", block=receipt.block_number)
        assert int(get(market, "/promises.json")["surplus"]) == before - 7
    finally:
        market.write(f"UPDATE mirror_ledger_entry SET credit = :credit {where}", credit=row.credit, **key)


def test_what_the_lists_say_is_what_happened(market: Works, paid: dict[str, Any]) -> None:
    job = next(one for one in get(market, "/explore.json")["items"] if one["job"] == paid["id"])
    assert (job["slots"], job["resolved"], job["paid_out"], job["locked"]) == (3, 2, "100000", str(int(paid["amount"]) - int(paid["amount"]) * 2 // 3))
    mine = [one for one in get(market, "/explore/payments.json")["items"] if one["job"] == paid["id"]]
    assert {one["outcome"] for one in mine} == {"pushed", "credited"} and all(one["title"] == "Paid in part" for one in mine)
    record = next(one for one in get(market, "/explore/requesters.json")["items"] if one["requester"] == market.chain.requester.address)
    assert record["paid"] >= 2 and record["contested"] == 0
    assert all(one["requester"] == market.chain.requester.address for one in get(market, f"/explore.json?requester={market.chain.requester.address}")["items"])
    assert get(market, f"/explore.json?requester=0x{'12' * 20}")["items"] == []


def test_lists_go_on_over_the_pages(market: Works, paid: dict[str, Any]) -> None:
    for number in range(27):
        post(market, [("one", 1)], title=f"Job {number}", labels=None)
    seen: list[str] = []
    path: str | None = "/explore.json"
    while path:
        found = get(market, path)
        seen += [one["job"] for one in found["items"]]
        path = f"/explore.json?cursor={found['next']}" if found["next"] else None
    assert len(seen) == len(set(seen)) == market.rows("SELECT count(*) AS jobs FROM mirror_job WHERE escrow = :escrow", escrow=market.chain.deployment.escrow)[0].jobs
    assert get(market, f"/explore.json?cursor={get(market, '/explore.json')['next']}")["items"][0]["job"] == seen[25]


@pytest.mark.parametrize("path", [f"{path}?cursor=x" for path in LISTS] + ["/explore?requester=0x12"])
def test_nonsense_is_refused_on_a_page(market: Works, path: str) -> None:
    answered = call(market, "GET", path)
    assert answered.status == 422 and b"<h1>" in answered.body


@pytest.fixture
def page(context: BrowserContext, market: Works) -> Page:
    return context.new_page()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_and_a_phone_shows_it(page: Page, market: Works, paid: dict[str, Any], path: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (1200, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(market.url + path)
        found = violations(page)
        assert not found, "\n".join(found)
        assert page.evaluate(TOO_WIDE) == [] and page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_every_page_works_without_script_and_has_a_twin(browser: Browser, market: Works, paid: dict[str, Any]) -> None:
    visitor = browser.new_context(java_script_enabled=False)
    page = visitor.new_page()
    for path in PATHS:
        page.goto(market.url + path)
        assert page.locator(".check .money").count() == 2
        twin = page.locator("link[rel=alternate]").get_attribute("href")
        assert twin and json.dumps(get(market, twin))
    page.goto(f"{market.url}/")
    assert "How a payment travels" in page.locator("main").inner_text()
    visitor.close()


def test_a_visitor_checks_the_balance_past_the_page(context: BrowserContext, market: Works, paid: dict[str, Any]) -> None:
    chain = market.chain.deployment.chain_id
    wallet = TestWallet(market.chain.rpc, new_key(), chain, knows={chain})
    wallet.install(context)
    page = context.new_page()
    page.goto(f"{market.url}/promises")
    page.locator("#own").click()
    page.locator("dialog.wallet .choices button").click()
    page.locator("#status", has_text="That covers").wait_for()
    assert wallet.count("eth_call") == 1
    honest = wallet.request
    wallet.request = lambda method, params: "0x1" if method == "eth_call" else honest(method, params)  # type: ignore[method-assign]
    page.locator("#own").click()
    page.locator("#status", has_text="That is less than").wait_for()
