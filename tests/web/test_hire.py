"""A requester's whole way in a browser, from the template to the results, with a real wallet and the chain behind it."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser, Page, expect

from piecework.chain.wallet import sign_transaction
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, answer, call, new_key
from tests.backend.workshop import sign_in as sign_in_by_api
from tests.web.test_gallery import violations
from tests.web.wallets import TestWallet, goes_wrong, sign_in

ROWS = "id;sentence\n1;The tea was good.\n2;The train was late.\n3;Nothing to say.\n"
MOST_BYTES = 100_000
AXES_OWN = "crowd.css' violates"
"""axe reads stylesheets again, which the frame's policy forbids it."""


class FundedWallet(TestWallet):
    """One that also signs transactions, as Anvil doesn't know its key."""

    def request(self, method: str, params: list[Any]) -> Any:
        """What the wallet does."""
        if method != "eth_sendTransaction" or method in self.refuses:
            return super().request(method, params)
        sent = params[0]
        nonce = int(self.rpc.call("eth_getTransactionCount", self.key.address, "pending"), 16)
        _, raw = sign_transaction(self.rpc, self.key, sent["to"], sent["data"], int(sent["value"], 16), nonce, None)
        return self.rpc.call("eth_sendRawTransaction", raw)


@pytest.fixture(scope="module")
def wallet(market: Works) -> TestWallet:
    """The requester's, with gas money and no dollars."""
    chain = market.chain.deployment.chain_id
    key = new_key()
    market.chain.rpc.call("anvil_setBalance", key.address, hex(10**18))
    return FundedWallet(market.chain.rpc, key, chain, knows={chain})


@pytest.fixture(scope="module")
def desk(browser: Browser, market: Works, wallet: TestWallet) -> Iterator[Page]:
    """The requester's browser, signed in."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(30_000)
    wallet.install(context)
    page = context.new_page()
    page.errors = []  # type: ignore[attr-defined]
    page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" and AXES_OWN not in said.text else None)  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
    page.goto(f"{market.url}/hire")
    expect(page.locator("h1")).to_have_text("Sign in first")
    page.errors.clear()  # type: ignore[attr-defined]
    sign_in(page)
    yield page
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


@pytest.fixture(scope="module")
def job(desk: Page, market: Works, wallet: TestWallet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job that was described and funded on the page, with a reload at every step."""
    desk.goto(f"{market.url}/hire/money")
    desk.locator("[data-play]").click()
    agree(desk)
    expect(desk.locator(".facts")).to_contain_text("1,000.00")
    return describe(desk, market, wallet, tmp_path_factory.mktemp("rows"))


def agree(page: Page) -> None:
    """Agrees to what the page says it is about to do."""
    page.locator("dialog.wallet button.primary").click()
    page.locator("dialog.wallet").wait_for(state="detached")


def reload(page: Page) -> None:
    """What a careless person does, and then waits."""
    page.wait_for_timeout(50)
    page.reload()
    page.locator("form[data-ready]").wait_for()


def describe(page: Page, market: Works, wallet: TestWallet, folder: Path) -> str:
    page.goto(f"{market.url}/hire/new")
    page.locator("form[data-ready]").wait_for()
    page.get_by_role("radio", name="Text classification Say").check()
    page.get_by_label("Labels to choose from").fill("good\nbad\nneither")
    reload(page)
    expect(page.get_by_label("Labels to choose from")).to_have_value("good\nbad\nneither")
    expect(page.get_by_role("radio", name="Text classification Say")).to_be_checked()

    (folder / "texts.csv").write_text("id,text\n1\n")
    page.locator("#file").set_input_files(folder / "texts.csv")
    expect(page.locator("[data-faults='2']")).to_contain_text("Row 2: it has 1 columns, but the first row names 2.")
    (folder / "texts.csv").write_text(ROWS)
    page.locator("#file").set_input_files(folder / "texts.csv")
    expect(page.locator("#loaded")).to_have_text("3 units from texts.csv.")
    expect(page.locator("#mapping select").first).to_have_value("sentence")
    page.locator("#slots").fill("2")
    reload(page)
    expect(page.locator("#loaded")).to_have_text("3 units from texts.csv.")
    expect(page.locator("#rows")).to_contain_text("The train was late.")
    frame = page.frame_locator("#preview iframe")
    expect(frame.locator("body")).to_contain_text("The tea was good.")
    page.locator("#later").click()
    expect(frame.locator("body")).to_contain_text("The train was late.")

    page.locator("#title").fill("How was it?")
    page.locator("#instructions").fill("Say whether the writer is content.")
    page.get_by_role("textbox", name="Code").fill("wrong")
    page.get_by_label("What it means").fill("The label contradicts the text.")
    reload(page)
    expect(page.get_by_role("textbox", name="Code")).to_have_value("wrong")
    page.locator("#reward").fill("0.5")
    page.locator("#seconds").fill("30")
    reload(page)
    expect(page.locator("#total")).to_have_text("3.00 DEVUSD at most")
    expect(page.locator("#hourly")).to_contain_text("60.00")
    expect(page.locator("[data-state=faulty]")).to_have_count(0)
    assert not violations(page)
    wallet.refuses.add("eth_signTypedData_v4")
    page.locator("#fund").click()
    told = page.locator("dialog.wallet")
    expect(told).to_contain_text("the escrow contract")
    expect(told).to_contain_text("3.00 DEVUSD")
    page.locator("dialog.wallet button.primary").click()
    expect(page.locator("[data-status]")).to_have_text("You refused in the wallet. Nothing was signed.")
    wallet.refuses.clear()
    reload(page)
    sent = wallet.count("eth_sendTransaction")
    page.locator("#fund").click()
    page.locator("dialog.wallet button.primary").click()
    page.wait_for_url("**/hire/jobs/0x*")
    assert wallet.count("eth_sendTransaction") == sent, "one signature was enough"
    return page.url.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def workers() -> list[Key]:
    """Two that answer."""
    return [new_key(), new_key()]


async def answers(market: Works, job: str, workers: Sequence[Key]) -> list[str]:
    """Two workers answer all three units; the second one is of another mind twice."""
    async with Market(market.url) as api:
        view, found = await api.get(f"/v1/jobs/{job}"), []
        for key, said in zip(workers, (("good", "bad", "neither"), ("good", "neither", "good")), strict=True):
            worker = await Worker.sign_in(api, key)
            for unit, label in enumerate(said):
                found.append((await answer(worker, view, unit, {"label": label}))["id"])
        return found


@pytest.fixture(scope="module")
def answered(job: str, desk: Page, market: Works, workers: list[Key]) -> str:
    """The job with its answers, while its page is open."""
    desk.goto(f"{market.url}/hire/jobs/{job}")
    expect(desk.locator("#live")).to_contain_text("No answer yet")
    with ThreadPoolExecutor(1) as pool:  # this thread's loop is Playwright's
        pool.submit(lambda: asyncio.run(answers(market, job, workers))).result()
    return job


def test_what_comes_in_shows_by_itself(desk: Page, answered: str) -> None:
    expect(desk.locator("#live")).to_contain_text("6 answers wait for you")
    expect(desk.locator("#live")).to_contain_text("6 of 6 answered")
    assert not violations(desk)


def test_answers_are_decided_one_by_one_and_taken_back(desk: Page, answered: str, market: Works) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}/review")
    cards = desk.locator("[data-answer]")
    expect(cards).to_have_count(6)
    desk.keyboard.press("j")
    desk.keyboard.press("o")
    expect(desk.frame_locator("[data-frame]:not([hidden]) iframe").locator("body")).to_contain_text("The tea was good.")
    desk.keyboard.press("a")
    expect(cards.first).to_have_attribute("data-state", "approved")
    desk.keyboard.press("u")
    expect(cards.first).to_have_attribute("data-state", "revealed")
    last = desk.locator("[data-unit='2'] [data-answer]").last
    last.focus()
    desk.keyboard.press("r")
    last.get_by_label("In words, for the worker").fill("It says nothing.")
    market.kill("backend")
    desk.keyboard.press("Enter")
    expect(desk.locator("#review-said")).to_contain_text("The marketplace doesn't answer")
    cards.first.get_by_role("button", name="Approve").click()
    expect(desk.locator("#review-said")).to_contain_text("The marketplace doesn't answer")
    assert {card.get_attribute("data-state") for card in cards.all()} == {"revealed"}
    market.start("backend")
    expect(last.get_by_label("In words, for the worker")).to_have_value("It says nothing.")
    last.get_by_label("In words, for the worker").press("Enter")
    expect(last).to_have_attribute("data-state", "rejected")
    desk.errors.clear()  # type: ignore[attr-defined]
    expect(last).to_contain_text("wrong: It says nothing.")
    assert not violations(desk)


def test_many_are_decided_after_a_look_and_a_difficult_wallet_pays_nobody(desk: Page, answered: str, market: Works, wallet: TestWallet) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}/review")
    desk.get_by_text("Decide about many at once").click()
    desk.locator("[data-bulk] [name=class]").select_option(label="good")
    desk.get_by_role("button", name="Look first").click()
    expect(desk.get_by_role("button", name="Approve 2 answers")).to_be_visible()
    desk.locator("[data-bulk] [name=class]").select_option(label="anything")
    desk.get_by_role("button", name="Look first").click()
    expect(desk.get_by_role("button", name="Approve 5 answers")).to_be_visible()
    desk.get_by_text("Decide with a file").click()
    form, id = desk.locator("[data-upload]"), desk.locator("[data-state=revealed][data-answer]").last.get_attribute("data-answer")
    for said, sentence in (("x,no", "Row 1: It both approves and rejects"), ("x,", "1 approved and 0 rejected")):
        text = f"AssignmentId,Approve,Reject\n{id},{said}\n".encode()
        form.locator("[type=file]").set_input_files({"name": "results.csv", "mimeType": "text/csv", "buffer": text})
        form.get_by_role("button", name="Decide as the file says").click()
        expect(form.locator("[data-status]")).to_contain_text(sentence)
    desk.errors[:] = [one for one in desk.errors if "422" not in one]  # type: ignore[attr-defined]  # the file that decides nothing
    assert not violations(desk)
    desk.get_by_role("button", name="Look first").click()
    desk.get_by_role("button", name="Approve 4 answers").click()
    expect(desk.locator(".attention")).to_contain_text("5 approved answers aren't paid yet")
    goes_wrong(desk, wallet, desk.locator("[data-pay]").click, desk.locator(".attention [data-status]"), "eth_signTypedData_v4", "5 answers", market)
    desk.reload()  # with the dialog open
    assert not market.rows("SELECT 1 FROM batch WHERE approval IS NOT NULL")
    desk.errors.clear()  # type: ignore[attr-defined]


def test_one_signature_pays_them(desk: Page, answered: str, market: Works, wallet: TestWallet) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}")
    before = wallet.count("eth_sendTransaction")
    desk.locator("[data-act=pay]").click()
    expect(desk.locator("dialog.wallet")).to_contain_text("5 answers")
    agree(desk)
    expect(desk.locator(".money")).to_contain_text("2.5")
    assert wallet.count("eth_sendTransaction") == before


def test_the_files_hold_what_was_said(desk: Page, answered: str, market: Works) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}/results")
    assert not violations(desk)
    found = {}
    for name in ("CSV", "JSON Lines", "Ground Truth manifest", "Parquet"):
        with desk.expect_download() as download:
            desk.get_by_role("link", name=name, exact=True).click()
        found[name] = Path(download.value.path()).read_bytes()
    rows = list(csv.DictReader(io.StringIO(found["CSV"].decode())))
    assert sorted(row["AssignmentStatus"] for row in rows) == ["Approved"] * 5 + ["Rejected"]
    assert {row["Input.source"] for row in rows} == {"The tea was good.", "The train was late.", "Nothing to say."}
    lines = [json.loads(line) for line in found["JSON Lines"].splitlines()]
    assert [line["label"] for line in lines][0] == "good" and lines[2]["label"] == "neither" and 0.5 < lines[0]["confidence"] <= 1
    assert len(found["Ground Truth manifest"].splitlines()) == 3 and found["Parquet"].startswith(b"PAR1")


def test_every_page_is_clean_and_light(desk: Page, answered: str, market: Works) -> None:
    job = f"/hire/jobs/{answered}"
    for path in ("/hire", "/hire/new", "/hire/money", "/hire/people", "/hire/access", job, job + "/review?state=all", job + "/results"):
        for scheme in ("light", "dark"):
            desk.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            weights: list[int] = []
            listen = lambda response, into=weights: into.append(len(response.body())) if response.url.endswith((".js", ".css")) and "/crowd/" not in response.url else None  # noqa: E731
            desk.on("response", listen)
            desk.goto(market.url + path)
            desk.wait_for_timeout(300)
            desk.remove_listener("response", listen)
            found = violations(desk)
            assert not found, path + "\n" + "\n".join(found)
            assert sum(weights) < MOST_BYTES, path
    desk.emulate_media(color_scheme="light")
    desk.set_viewport_size({"width": 360, "height": 800})
    for path in ("/hire", "/hire/new", "/hire/money", "/hire/people", "/hire/access", job, job + "/review?state=all", job + "/results"):
        desk.goto(market.url + path)
        assert desk.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    desk.set_viewport_size({"width": 1200, "height": 900})


def test_the_balance_is_topped_up(desk: Page, answered: str, market: Works) -> None:
    desk.goto(f"{market.url}/hire/money")
    desk.get_by_label("to move from your wallet").fill("x")
    desk.get_by_role("button", name="Top up the balance").click()
    expect(desk.locator("[data-status]").first).to_contain_text("is not an amount")
    desk.get_by_label("to move from your wallet").fill("12.5")
    desk.get_by_role("button", name="Top up the balance").click()
    agree_twice(desk)
    expect(desk.locator("p.money")).to_contain_text("12.50")


def test_a_worker_gets_a_bonus_a_message_and_a_block_that_is_lifted(desk: Page, answered: str, market: Works) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}/review?state=all")
    desk.get_by_role("link", name="Bonus, message, block", exact=True).first.click()
    bonus = desk.locator("[data-give]")
    bonus.get_by_label("DEVUSD").fill("1.25")
    bonus.get_by_label("Because").fill("So careful.")
    desk.get_by_role("button", name="Give the bonus").click()
    expect(desk.locator("dialog.wallet")).to_contain_text("1.25 DEVUSD")
    agree(desk)
    expect(desk.locator("body")).to_contain_text("given 0x")
    alias = desk.locator("table td").first.inner_text()
    assert alias.startswith("w-")
    desk.locator("summary", has_text="Write to workers").click()
    desk.locator("#write-job").fill(answered)
    desk.locator("#write-workers").fill(alias)
    desk.locator("#write-text").fill("Thank you. 🧳")
    desk.get_by_role("button", name="Send the message").click()
    desk.get_by_role("link", name=alias, exact=True).click()
    expect(desk.locator(".words")).to_have_text("Thank you. 🧳")
    assert not violations(desk)
    desk.goto(f"{market.url}/hire/people?worker={alias}")
    desk.locator("#block-reason").fill("Answers before reading.")
    desk.get_by_role("button", name="Block the worker").click()
    expect(desk.locator("body")).to_contain_text("Answers before reading.")
    assert not violations(desk)
    desk.get_by_role("button", name="Lift the block").click()
    expect(desk.locator("body")).to_contain_text("You block nobody")


def test_an_operator_gets_an_allowance_on_the_chain_and_loses_it(desk: Page, answered: str, market: Works, wallet: TestWallet) -> None:
    desk.goto(f"{market.url}/hire/access")
    desk.get_by_label("Name").first.fill("nightly")
    desk.get_by_role("button", name="Make an operator").click()
    desk.locator("summary", has_text="Allow").click()
    desk.locator("[data-allow] [name=amount]").fill("7.5")
    before = wallet.count("eth_sendTransaction")
    desk.get_by_role("button", name="Sign the allowance").click()
    expect(desk.locator("dialog.wallet")).to_contain_text("7.50 DEVUSD")
    agree(desk)
    expect(desk.locator("td[data-label='may spend']")).to_have_text("7.50 DEVUSD")
    assert wallet.count("eth_sendTransaction") == before
    assert not violations(desk)
    desk.locator("[data-end]").click()
    agree(desk)
    expect(desk.locator("body")).to_contain_text("ended")


def test_a_key_is_shown_once_and_works_until_it_is_revoked(desk: Page, answered: str, market: Works) -> None:
    desk.goto(f"{market.url}/hire/access")
    desk.locator("summary", has_text="Make an API key").click()
    desk.locator("#key-name").fill("reader")
    desk.get_by_role("button", name="Make the key").click()
    secret = desk.locator("[data-secret]:not([hidden]) code").inner_text()
    assert call(market, "GET", f"/v1/jobs/{answered}/submissions", token=secret).status == 200
    desk.locator("summary", has_text="Make an access key").click()
    desk.locator("#turk-name").fill("boto3")
    desk.locator("#turk-amount").fill("12.5")
    desk.get_by_role("button", name="Make the access key").click()
    expect(desk.locator("dialog.wallet")).to_contain_text("12.50 DEVUSD")
    id, hidden, region, endpoint = desk.locator("[data-secret]:not([hidden]) dd code").all_inner_texts()[-4:]
    boto = boto3.client("mturk", endpoint_url=endpoint, region_name=region, aws_access_key_id=id, aws_secret_access_key=hidden)
    assert boto.get_account_balance()["AvailableBalance"] == "0.00", "nothing is allowed yet"
    agree(desk)
    expect(desk.locator("body")).to_contain_text("The key may spend 12.5 until it ends.")
    expect(desk.locator("[data-turk]")).to_contain_text("PKIA")
    assert float(boto.get_account_balance()["AvailableBalance"]) <= 12.5
    assert not violations(desk)
    desk.reload()
    expect(desk.locator("td[data-label='may spend']").filter(has_text="12.50 DEVUSD")).to_have_count(1)
    expect(desk.locator("[data-secret]").first).to_be_hidden()
    desk.locator("[data-revoke^='/v1/keys/']").click()
    expect(desk.locator("body")).to_contain_text("No API key yet")
    assert call(market, "GET", f"/v1/jobs/{answered}/submissions", token=secret).status == 401


def test_units_are_streamed_a_fault_names_its_row_and_outages_and_wallets_are_got_over(
    desk: Page, answered: str, market: Works, wallet: TestWallet, tmp_path: Path
) -> None:
    desk.goto(f"{market.url}/hire/new")
    desk.locator("form[data-ready]").wait_for()
    desk.locator("[name=template][value=pairwise]").check()
    file, pairs = tmp_path / "pairs.jsonl", [{"left": f"a{at}", "right": f"b{at}", "prompt": "Which?"} for at in range(250)]
    file.write_text("\n".join(map(json.dumps, [*pairs[:-1], pairs[-1] | {"prompt": 5}])))
    desk.locator("#file").set_input_files(file)
    expect(desk.locator("#loaded")).to_have_text("250 units from pairs.jsonl.")
    desk.locator("#title").fill("Which is it?")
    desk.locator("#instructions").fill("Choose the better one.")
    desk.locator("#slots").fill("1")
    desk.locator("#fund").click()
    expect(desk.locator("[data-faults='2']")).to_contain_text("Row 250: It isn't what the template shows")
    expect(desk.locator("#rows td.fault").first).to_be_visible()

    file.write_text("\n".join(map(json.dumps, pairs)))
    desk.locator("#file").set_input_files(file)
    expect(desk.locator("[data-faults='2']")).to_be_empty()
    desk.route("**/v1/drafts/*/units*", lambda route: route.abort())
    desk.locator("#fund").click()
    expect(desk.locator("[data-status]")).to_contain_text("doesn't answer")
    desk.unroute("**/v1/drafts/*/units*")
    sent: list[str] = []
    desk.on("request", lambda request: sent.append(request.url) if request.method == "PUT" and "/units" in request.url else None)
    reload(desk)
    expect(desk.locator("[data-status]")).to_have_text("Your units are in. Fund the job when you are ready.")
    goes_wrong(desk, wallet, desk.locator("#fund").click, desk.locator("[data-status]"), "eth_signTypedData_v4", "12.50 DEVUSD", market)
    reload(desk)  # with the dialog open
    desk.locator("#fund").click()
    expect(desk.locator("dialog.wallet")).to_contain_text("12.50 DEVUSD")
    desk.locator("dialog.wallet button", has_text="Cancel").click()
    assert len(sent) == 1, "what is there isn't sent again"
    assert market.rows("SELECT count(*) AS many FROM outbox WHERE kind = 'funding'")[0].many == 1, "the first job's alone"
    desk.errors.clear()  # type: ignore[attr-defined]  # Chromium says of each refusal that there was one


def test_more_answers_are_a_new_job_like_the_old_one_for_workers_who_had_none_of_its_units(
    desk: Page, answered: str, market: Works, workers: list[Key]
) -> None:
    desk.goto(f"{market.url}/hire/jobs/{answered}")
    desk.once("dialog", lambda dialog: dialog.accept())  # what was entered before is replaced
    desk.get_by_role("link", name="More answers to the same units").click()
    desk.locator("form[data-ready]").wait_for()
    expect(desk.locator("#from")).to_contain_text("More of How was it?, as a new job with money of its own")
    expect(desk.locator("#from")).to_contain_text("Not for the 2 workers who had one of these units before")
    expect(desk.locator("#loaded")).to_have_text("3 units from the job before.")
    expect(desk.locator("#reward")).to_have_value("0.50")
    expect(desk.get_by_label("Labels to choose from")).to_have_value("good\nbad\nneither")
    expect(desk.get_by_role("textbox", name="Code")).to_have_value("wrong")
    assert desk.url.endswith("/hire/new") and not violations(desk)
    desk.locator("#slots").fill("1")
    reload(desk)
    expect(desk.locator("#from input")).to_be_checked()
    expect(desk.locator("#total")).to_have_text("1.50 DEVUSD at most")
    desk.locator("#fund").click()

    agree(desk)
    desk.wait_for_url("**/hire/jobs/0x*")
    more = desk.url.rsplit("/", 1)[1]
    old, new = (call(market, "GET", f"/v1/jobs/{job}").body for job in (answered, more))
    same = ("title", "instructions", "template", "labels", "criteria", "ai_policy", "assignment_seconds", "units", "auto_approval_seconds")
    assert more != answered and [new[name] for name in same] == [old[name] for name in same] and new["slots"] == 3
    assert {name: old["terms"][name] for name in ("reward", "arbitrator", "contest_deposit", "review_window")} == {
        name: new["terms"][name] for name in ("reward", "arbitrator", "contest_deposit", "review_window")
    }
    contents = [desk.request.get(f"{market.url}/hire/jobs/{job}/units.jsonl").text() for job in (answered, more)]
    assert contents[0] == contents[1] and contents[0].count("\n") == 3
    before, fresh = (sign_in_by_api(market, key) for key in (workers[0], new_key()))
    assert call(market, "POST", f"/v1/jobs/{more}/assignments", {}, before).status == 403
    assert call(market, "POST", f"/v1/jobs/{more}/assignments", {}, fresh).status == 201

    desk.goto(f"{market.url}/hire/new?from={answered}&units=new")
    desk.locator("form[data-ready]").wait_for()
    expect(desk.locator("#title")).to_have_value("How was it?")
    expect(desk.locator("#loaded")).to_be_empty()
    expect(desk.locator("#from [data-apart]")).to_be_hidden()


def test_what_goes_wrong_on_the_way_to_money_is_said_and_moves_none(desk: Page, answered: str, market: Works, wallet: TestWallet) -> None:
    desk.goto(f"{market.url}/hire/money")
    before, said = desk.locator("p.money").inner_text(), desk.locator("[data-deposit] ~ [data-status]")
    desk.get_by_label("to move from your wallet").fill("1")
    press = desk.get_by_role("button", name="Top up the balance").click
    goes_wrong(desk, wallet, press, said, "eth_sendTransaction", "1.00 DEVUSD", market, ("Sign", "Send"))
    desk.locator("dialog.wallet button", has_text="Cancel").click()
    desk.reload()
    expect(desk.locator("p.money")).to_have_text(before)
    desk.errors.clear()  # type: ignore[attr-defined]


def test_a_hash_is_copied_whole(desk: Page, answered: str, market: Works) -> None:
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=market.url)
    desk.goto(f"{market.url}/hire/jobs/{answered}")
    desk.locator(".copy").first.click()
    expect(desk.locator("#said")).to_contain_text("Copied")
    assert desk.evaluate("navigator.clipboard.readText()") == answered


def agree_twice(page: Page) -> None:
    """First the signature, then the transaction."""
    page.locator("dialog.wallet button.primary:text('Sign')").click()
    page.locator("dialog.wallet button.primary:text-is('Send')").click()
    page.locator("dialog.wallet").wait_for(state="detached")
