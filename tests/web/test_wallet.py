"""The wallet's module in Chromium: it finds wallets, says what they sign from the bytes that they get, and takes no for an answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from piecework.chain.abi import Abi
from piecework.chain.build import ROOT
from piecework.chain.escrow import escrow_abi, token_abi
from piecework.domain.typed_data import Domain, Withdrawal, recover
from tests.backend.workshop import Works, call, new_key
from tests.support.browser import until
from tests.web.wallets import TestWallet, connect, sign_in

VECTORS = json.loads((ROOT / "tests" / "vectors" / "typed_data.json").read_text())
VIEWS = ("view", "pure")


@pytest.fixture
def wallet(market: Works) -> TestWallet:
    """A wallet with gas money for nothing, on the right chain."""
    chain = market.chain.deployment.chain_id
    return TestWallet(market.chain.rpc, new_key(), chain, knows={chain})


@pytest.fixture
def page(context: BrowserContext, market: Works, wallet: TestWallet) -> Page:
    """The landing page with the wallet in the browser."""
    wallet.install(context)
    opened = context.new_page()
    opened.goto(market.url)
    return opened


@pytest.fixture(scope="module")
def quiet(browser: Browser, market: Works) -> Iterator[Page]:
    """A page without a wallet, for what only computes."""
    opened = browser.new_page()
    opened.goto(market.url)
    yield opened
    opened.close()


def module(page: Page, name: str, body: str, argument: Any = None) -> Any:
    """What a script says that has a module of ours as `m`."""
    return page.evaluate(f"async given => {{ const m = await import('/static/{name}.js'); {body} }}", argument)


def begin(page: Page, body: str, argument: Any = None) -> None:
    """Starts something that asks the person, and keeps what comes of it."""
    script = f"window.outcome = (async given => {{ const m = await import('/static/wallet.js'); {body} }})(given).then(value => ({{ value }}), error => ({{ error: error.message, kind: error.kind }}))"
    page.evaluate(f"given => {{ {script}; }}", argument)


def outcome(page: Page) -> dict[str, Any]:
    """What came of it."""
    return dict(page.evaluate("() => window.outcome"))


def info(market: Works) -> dict[str, Any]:
    return dict(call(market, "GET", "/v1/info").body)


# ------------------------------------------------------------------------------------------------ the protocol


def test_the_browser_hashes_as_everybody_does(quiet: Page) -> None:
    found = module(
        quiet,
        "protocol",
        """
        const snake = (m) => Object.fromEntries(Object.entries(m).map(([k, v]) => [k.replace(/[A-Z]/g, (c) => "_" + c.toLowerCase()), v]));
        const info = ({ chainId, escrow }) => ({ chain_id: chainId, escrow });
        return {
          terms: given.terms.map((one) => m.jobId(info(one.domain), snake(one.message))),
          batches: given.batches.map((one) => m.hex(m.batchDigest(info(one.domain), snake(one.message)))),
          withdrawals: given.withdrawals.map((one) => m.hex(m.typedDigest(m.withdrawal(info(one.domain), one.message)))),
          signers: given.terms.map((one) => m.recover(m.bytes(one.digest), one.signature)),
          commitments: given.commitments.map((one) => m.commitment(one.job, one.slot, one.worker, one.salt, one.answer)),
          canonical: given.commitments.map((one) => m.hex(new TextEncoder().encode(m.canonical(one.answer)))),
        };
        """,
        VECTORS,
    )
    for name in ("terms", "batches", "withdrawals"):
        assert found[name] == [one["digest"] for one in VECTORS[name]], name
    assert set(found["signers"]) == {VECTORS["signer"]}
    assert found["commitments"] == [one["commitment"] for one in VECTORS["commitments"]]
    assert found["canonical"] == [one["canonical"] for one in VECTORS["commitments"]]


def test_calldata_is_read_back_as_it_was_written(quiet: Page) -> None:
    for one in (*VECTORS["settleCalls"], *VECTORS["openCalls"]):
        found = module(
            quiet, "plain", "return m.describeCall({ to: given.to, data: given.data }, given.info, '')",
            {"to": "0x" + "11" * 20, "data": one["calldata"], "info": {"escrow": "0x" + "11" * 20, "token": {"address": "0x" + "22" * 20, "decimals": 6, "symbol": "D"}}},
        )  # fmt: skip
        assert found["known"], found
        named = sum(1 for batch in one["arguments"]["batches"] for byte in bytes.fromhex(batch["places"][2:]) if byte)
        assert f"{named:,} answer" in json.dumps(found["rows"])


def sample(one: dict[str, Any]) -> Any:
    """Some value of an ABI type."""
    kind = one["type"]
    if kind.endswith("[]"):
        return [sample({**one, "type": kind[:-2]})] * 2
    if kind == "tuple":
        return tuple(sample(part) for part in one["components"])
    if kind == "address":
        return "0x" + "ab" * 20
    if kind == "bytes":
        return b"\x01\x00\x01"
    if kind.startswith("bytes"):
        return b"\x07" * int(kind[5:])
    return "somewhere" if kind == "string" else 1


def calls(abi: Abi) -> list[tuple[str, str]]:
    """Calldata of every function that changes something."""
    changing = [one for one in abi.functions.values() if one["stateMutability"] not in VIEWS]
    return [(one["name"], abi.encode(one["name"], *map(sample, one["inputs"]))) for one in changing]


NOT_FOR_WALLETS = {"setProtocolFee", "rule", "withdrawMany"}


def test_every_call_of_the_contracts_is_told_in_words(quiet: Page, market: Works) -> None:
    known = info(market)
    for name, data in calls(escrow_abi()):
        if name in NOT_FOR_WALLETS:
            continue
        found = module(quiet, "plain", "return m.describeCall(given.call, given.info, '')", {"call": {"to": known["escrow"], "data": data}, "info": known})
        assert found["known"] and not found.get("warning"), (name, found)
        elsewhere = module(quiet, "plain", "return m.describeCall(given.call, given.info, '')", {"call": {"to": "0x" + "cd" * 20, "data": data}, "info": known})
        assert not elsewhere["known"] and "Don't sign" in elsewhere["warning"], name


def test_an_allowance_for_somebody_else_is_warned_of(quiet: Page, market: Works) -> None:
    known = info(market)
    for spender, warned in ((known["escrow"], False), ("0x" + "ab" * 20, True)):
        data = token_abi().encode("approve", spender, 2**256 - 1)
        found = module(quiet, "plain", "return m.describeCall(given.call, given.info, '')", {"call": {"to": known["token"]["address"], "data": data}, "info": known})
        assert ("everything that you have" in json.dumps(found["rows"])) and bool(found["warning"]) == warned


def test_cut_off_calldata_is_not_guessed_at(quiet: Page, market: Works) -> None:
    known = info(market)
    data = escrow_abi().encode("deposit", known["token"]["address"], 5)
    found = module(quiet, "plain", "return m.describeCall(given.call, given.info, '')", {"call": {"to": known["escrow"], "data": data[:-2]}, "info": known})
    assert not found["known"] and "end too early" in found["warning"]


# ------------------------------------------------------------------------------------------------ signing in


def test_one_signs_in_and_out(page: Page, wallet: TestWallet, market: Works) -> None:
    sign_in(page)
    assert page.locator("header .who code").get_attribute("title") == wallet.key.address
    assert wallet.count("personal_sign") == 1
    page.reload()
    assert page.locator("header [data-sign=out]").is_visible()
    assert module(page, "wallet", "return (await m.session()).account") == wallet.key.address
    page.locator("header [data-sign=out]").click()
    page.locator("header [data-sign=in]").wait_for()
    assert module(page, "wallet", "return await m.session()") is None


def test_no_script_of_the_page_can_read_the_session(page: Page) -> None:
    sign_in(page)
    assert "piecework_session" not in page.evaluate("document.cookie") and f"piecework_csrf_{page.evaluate('location.port')}=" in page.evaluate("document.cookie")


@pytest.mark.parametrize(("method", "sentence"), [("eth_requestAccounts", "You didn't let this page see your account"), ("personal_sign", "You refused in the wallet. Nothing was signed.")])
def test_a_wallet_that_refuses_is_told_in_words(page: Page, wallet: TestWallet, method: str, sentence: str) -> None:
    wallet.refuses = {method}
    page.locator("header [data-sign=in]").click()
    page.locator("dialog.wallet .choices button").click()
    if method == "personal_sign":
        page.locator("dialog.wallet button.primary").click()
    page.locator("#said", has_text=sentence).wait_for()
    assert page.locator("dialog").count() == 0
    wallet.refuses = set()
    sign_in(page)


def test_closing_the_window_signs_nothing(page: Page, wallet: TestWallet) -> None:
    page.locator("header [data-sign=in]").click()
    connect(page)
    page.keyboard.press("Escape")
    page.locator("#said", has_text="Nothing was signed").wait_for()
    assert wallet.count("personal_sign") == 0


@pytest.mark.parametrize("knows", [True, False])
def test_a_wallet_on_another_chain_is_taken_to_ours(page: Page, wallet: TestWallet, market: Works, knows: bool) -> None:
    wallet.chain_id, wallet.knows = 1, wallet.knows if knows else set()
    sign_in(page)
    assert wallet.chain_id == market.chain.deployment.chain_id
    assert wallet.count("wallet_addEthereumChain") == (0 if knows else 1)


def test_a_wallet_that_stays_on_another_chain_signs_nothing(page: Page, wallet: TestWallet, market: Works) -> None:
    wallet.chain_id, wallet.refuses = 1, {"wallet_switchEthereumChain"}
    page.locator("header [data-sign=in]").click()
    page.locator("dialog.wallet .choices button").click()
    page.locator("#said", has_text=f"on chain 1, but this marketplace is on chain {market.chain.deployment.chain_id}").wait_for()
    assert wallet.count("personal_sign") == 0


def test_the_dev_wallet_is_marked_as_one_and_signs_in(context: BrowserContext, market: Works) -> None:
    page = context.new_page()
    page.goto(market.url)
    page.locator("header [data-sign=in]").click()
    dev = page.locator("dialog.wallet .dev")
    assert "everybody has the keys" in dev.inner_text()
    dev.locator("button").click()
    page.locator("dialog.wallet button.primary").click()
    page.locator("header [data-sign=out]").wait_for()
    assert page.locator("header .who code").get_attribute("title") == market.chain.bystander.address


# ------------------------------------------------------------------------------------------------ signing


def withdrawal(market: Works, owner: str, **changed: Any) -> dict[str, Any]:
    known = info(market)
    message = {"owner": owner, "token": known["token"]["address"], "receiver": owner, "amount": "3150000", "maxFee": "0", "nonce": "0", "deadline": "1900000000"} | changed
    return Domain(known["chain_id"], known["escrow"]).message("Withdrawal", message)


def test_a_message_is_told_from_its_bytes_before_the_wallet_sees_it(page: Page, wallet: TestWallet, market: Works) -> None:
    typed = withdrawal(market, wallet.key.address, receiver="0x" + "ab" * 20)
    begin(page, "return await m.signTyped(given)", typed)
    connect(page)
    shown = page.locator("dialog.wallet").inner_text()
    assert "You withdraw" in shown and "3.15 DEVUSD" in shown and "0x" + "ab" * 20 in shown and f"you ({wallet.key.address})" in shown
    assert wallet.count("eth_signTypedData_v4") == 0
    page.locator("dialog.wallet button.primary").click()
    m = typed["message"]
    signed = Withdrawal(m["owner"], m["token"], m["receiver"], 3_150_000, 0, 0, 1_900_000_000)
    digest = market.chain.deployment.domain.withdrawal_digest(signed)
    assert recover(digest, bytes.fromhex(outcome(page)["value"][2:])) == wallet.key.address


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"domain": {"chainId": 1}}, "for chain 1"),
        ({"domain": {"verifyingContract": "0x" + "ab" * 20}}, "for the contract 0xabab"),
        ({"types": {"Withdrawal": [{"name": "amount", "type": "uint256"}]}}, "Nobody here knows"),
    ],
)
def test_a_message_that_is_not_what_it_seems_is_warned_of(quiet: Page, market: Works, change: dict[str, Any], warning: str) -> None:
    typed = withdrawal(market, "0x" + "11" * 20)
    for part, values in change.items():
        typed[part] = typed[part] | values
    found = module(quiet, "plain", "return m.describeTyped(given.text, given.info, '')", {"text": json.dumps(typed), "info": info(market)})
    assert not found["known"] and warning in found["warning"]


def test_another_account_in_the_middle_signs_nothing(page: Page, wallet: TestWallet, market: Works) -> None:
    sign_in(page)
    first, second = wallet.key, new_key()
    begin(page, "return await m.signTyped(given)", withdrawal(market, first.address))
    page.locator("dialog.wallet button.primary").wait_for()
    wallet.change(page, second)
    page.locator("dialog.wallet button.primary").click()
    assert "changed to another account" in outcome(page)["error"] and wallet.count("eth_signTypedData_v4") == 0
    page.locator("#said", has_text="but you are signed in as").wait_for()
    begin(page, "return await m.signTyped(given)", withdrawal(market, first.address))
    assert outcome(page)["kind"] == "account"
    wallet.change(page, first)
    until(page, "document.getElementById('said').textContent === ''")


def test_a_signature_of_another_account_is_thrown_away(page: Page, wallet: TestWallet, market: Works) -> None:
    shown = wallet.key
    begin(page, "return await m.signTyped(given)", withdrawal(market, shown.address))
    connect(page)
    honest, liar = wallet.request, new_key()

    def answer(method: str, params: list[Any]) -> Any:
        if method != "eth_signTypedData_v4":
            return honest(method, params)
        wallet.key = liar
        try:
            return honest(method, params)
        finally:
            wallet.key = shown

    wallet.request = answer  # type: ignore[method-assign]
    page.locator("dialog.wallet button.primary").click()
    assert "another account" in outcome(page)["error"]


def test_a_transaction_is_told_and_then_waited_for(page: Page, wallet: TestWallet, market: Works) -> None:
    wallet.key = market.chain.bystander
    token = market.chain.deployment.token
    mint = {"to": token, "data": token_abi().encode("mint", wallet.key.address, 12_340_000)}
    begin(page, "return await m.send(given)", mint)
    connect(page)
    shown = page.locator("dialog.wallet").inner_text()
    assert "12.34 DEVUSD" in shown and "play money" in shown and "ETH" in shown
    page.locator("dialog.wallet button.primary").click()
    assert outcome(page)["value"]["status"] == "0x1"


def test_a_transaction_that_would_fail_says_so_before_it_is_sent(page: Page, wallet: TestWallet, market: Works) -> None:
    wallet.key = market.chain.bystander
    known = info(market)
    data = escrow_abi().encode("withdraw", known["token"]["address"], 10**30, wallet.key.address)
    begin(page, "return await m.send(given)", {"to": known["escrow"], "data": data})
    connect(page)
    assert "would refuse this now" in page.locator("dialog.wallet .warning").inner_text()
    page.keyboard.press("Escape")
    assert outcome(page)["kind"] == "closed" and wallet.count("eth_sendTransaction") == 0


def test_a_wallet_in_the_old_place_is_found_too(context: BrowserContext, market: Works, wallet: TestWallet) -> None:
    context.expose_function("testWallet", wallet.answer)
    context.add_init_script(
        "if (window.top === window) window.ethereum = { on() {}, async request({ method, params }) {"
        " const { value, error } = JSON.parse(await testWallet(JSON.stringify({ method, params: params ?? [] }))); if (error) throw error; return value; } };"
    )
    page = context.new_page()
    page.goto(market.url)
    page.locator("header [data-sign=in]").click()
    page.locator("dialog.wallet .choices button", has_text="The wallet of this browser").click()
    page.locator("dialog.wallet button.primary").click()
    page.locator("header [data-sign=out]").wait_for()
