"""A rejection that is opened, contested, appealed and won, by a worker who has nothing but the pages and its wallet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from piecework.chain.escrow import escrow_abi, token_balance
from piecework.chain.escrow_recourse import encode_conclude, encode_contest
from piecework.chain.wallet import Wallet
from piecework.client import Market, Requester
from piecework.client.market import terms_of
from piecework.domain.recourse import Appeal, Opening
from tests.backend.workshop import DAY, Works, call, new_key, works
from tests.conftest import Chain
from tests.web.requesters import post, reject, run
from tests.web.test_gallery import violations
from tests.web.test_worker import LABELS, accept, choose, sent, signed_in
from tests.web.wallets import TestWallet, goes_wrong


@pytest.fixture
def own(chain: Chain, tmp_path: Path) -> Iterator[Works]:
    """A marketplace whose chain's clock may be turned."""
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, PIECEWORK_WATCHTOWER="false") as running:
        yield running


def later(market: Works, seconds: int) -> None:
    """The chain's clock runs on."""
    market.chain.rpc.call("evm_increaseTime", seconds)
    market.chain.rpc.call("evm_mine")
    market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :head", head=int(market.chain.rpc.call("eth_blockNumber"), 16))


def says(market: Works, about: str, text: str) -> bytes:
    """The requester's reason, kept where the worker can read it."""

    async def work() -> str:
        async with Market(market.url) as api:
            asker = await Requester.sign_in(api, market.chain.requester)
            return str((await api.post("/v1/evidence", {"about": {"kind": "opening", "id": about}, "text": text}, asker.session))["hash"])

    return bytes.fromhex(run(work())[2:])


def contest(market: Works, job: dict[str, Any], why: str) -> None:
    """The requester contests everything that is opened, from the money that it has in the escrow."""
    (row,) = market.rows("SELECT * FROM mirror_opening WHERE job = :job", job=job["id"])
    opening = Opening(bytes.fromhex(row.batch[2:]), row.first_slot, tuple(json.loads(row.workers)), row.places)
    data = encode_contest(terms_of(job), opening, opening.places, says(market, row.opening, why))
    Wallet(market.chain.rpc, market.chain.requester, escrow_abi()).send(market.chain.deployment.escrow, data)
    market.until("SELECT 1 FROM mirror_contest WHERE job = :job", job=job["id"])


def conclude(market: Works, job: dict[str, Any]) -> None:
    """A bystander ends the appeal that nobody defended."""
    (row,) = market.rows("SELECT * FROM mirror_appeal WHERE job = :job", job=job["id"])
    appeal = Appeal(row.worker, row.sponsor, row.slots, row.appealed_at, bytes.fromhex(row.request[2:]))
    Wallet(market.chain.rpc, market.chain.bystander, escrow_abi()).send(market.chain.deployment.escrow, encode_conclude(terms_of(job), appeal))
    market.until("SELECT 1 FROM mirror_appeal_phase WHERE job = :job AND phase = 'done'", job=job["id"])


def press(page: Page, kind: str) -> str:
    """Presses a button of the history and agrees in the dialog, whose text it returns."""
    page.locator(f"[data-recourse={kind}]").click()
    page.locator("dialog.wallet button.primary").wait_for()
    shown = page.locator("dialog.wallet").inner_text()
    page.locator("dialog.wallet button.primary").click()
    return shown


def test_a_rejection_is_appealed_and_won(browser: Browser, own: Works) -> None:
    council = own.chain.deployment.council
    job = post(own, [("one", 1)], **LABELS, arbitrator=council, contest_deposit="0", appeal_stake="0")
    chain = own.chain.deployment.chain_id
    wallet = TestWallet(own.chain.rpc, new_key(), chain, knows={chain})
    own.chain.rpc.call("anvil_setBalance", wallet.key.address, hex(10**18))
    visitor = browser.new_context()
    visitor.set_default_timeout(30_000)
    page = signed_in(visitor, own, wallet)
    page.goto(f"{own.url}/work/{job['id']}")
    frame = accept(page)
    choose(frame, "sharp")
    frame.locator("text=Submit answer").click()
    sent(page)
    reject(own, job, "No.")
    page.goto(f"{own.url}/history")
    goes_wrong(page, wallet, page.locator("[data-recourse=open]").click, page.locator("#status"), "eth_sendTransaction", "0.05 DEVUSD", own)
    page.reload()  # with the dialog open
    shown = press(page, "open")
    assert "Put answers on the chain" in shown and "0.05 DEVUSD" in shown
    page.locator(".state.opened").wait_for()
    contest(own, job, "The edges are blurred. Look at the left half.")
    page.reload()
    assert "The edges are blurred" in page.locator("blockquote").last.inner_text()
    assert not violations(page)
    page.locator("[data-recourse=appeal]").click()
    page.locator("#status", has_text="you can appeal from").wait_for()
    later(own, DAY)
    goes_wrong(page, wallet, page.locator("[data-recourse=appeal]").click, page.locator("#status"), "eth_sendTransaction", "Appeal for your")
    page.reload()
    assert "Appeal for your contested answers" in press(page, "appeal")
    page.locator(".state.appealed").wait_for()
    page.goto(f"{own.url}/explore/disputes")
    assert "the requester may defend until" in page.locator(".answers").inner_text() and not violations(page)
    later(own, DAY)
    conclude(own, job)
    page.reload()
    assert "won by the worker" in page.locator(".answers").inner_text()
    page.goto(f"{own.url}/history")
    assert page.locator(".state.paid").count() == 1
    found = call(own, "GET", f"/v1/accounts/{wallet.key.address}").body
    held = token_balance(own.chain.rpc, own.chain.deployment.token, wallet.key.address)
    assert held + int(found["balances"][0]["balance"]) == 50_000
    assert call(own, "GET", "/promises.json").body["surplus"] == "0"
    (item,) = call(own, "GET", "/explore/disputes.json").body["items"]
    assert item["came_to"] == {"appealed": 1} and item["appeals"][0]["winner"] == "worker"
    visitor.close()
