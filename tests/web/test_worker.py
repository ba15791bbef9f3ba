"""The worker's pages, used as workers use them: by mouse, by keyboard alone, with reloads, and with a marketplace that goes away."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from backend.services import wording
from backend.services.operators import service_key
from backend.services.webhooks import code_of
from backend.store import notices
from backend.web import inbox
from tests.backend.workshop import Works, call, new_key
from tests.backend.workshop import sign_in as sign_in_by_program
from tests.support.browser import until
from tests.web.requesters import approve, post, reject, reply
from tests.web.test_gallery import MOST_BYTES, violations
from tests.web.wallets import TestWallet, goes_wrong, sign_in

TOO_WIDE = "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, svg')).map(one => one.outerHTML.slice(0, 120))"
LABELS = {"labels": ["sharp", "blurred"], "title": "Is it sharp?", "instructions": "Look at the edges of things."}


@pytest.fixture
def wallet(market: Works) -> TestWallet:
    chain = market.chain.deployment.chain_id
    return TestWallet(market.chain.rpc, new_key(), chain, knows={chain})


@pytest.fixture
def worker(context: BrowserContext, market: Works, wallet: TestWallet) -> Page:
    """Somebody new, signed in."""
    return signed_in(context, market, wallet)


def signed_in(context: BrowserContext, market: Works, wallet: TestWallet) -> Page:
    wallet.install(context)
    page = context.new_page()
    page.goto(f"{market.url}/work")
    sign_in(page)
    return page


def frame_of(page: Page, shown: str = "*") -> Frame:
    """The task, once one can work on it; `shown` is the beginning of the assignment's id, or preview."""
    page.locator("#work[data-shown]" if shown == "*" else f"#work[data-shown^='{shown}']").wait_for()
    handle = page.query_selector("iframe")
    frame = handle and handle.content_frame()
    assert frame
    return frame


def accept(page: Page) -> Frame:
    page.locator("#accept").click()
    return frame_of(page, "0x")


def choose(frame: Frame, label: str) -> None:
    frame.locator(".cw-choice, label, button", has_text=label).first.click()


def sent(page: Page, count: int = 1) -> None:
    """Until so many answers are sent from this view."""
    page.locator(f"#work[data-answered='{count}']").wait_for()


def holdings(page: Page) -> list[dict[str, Any]]:
    """What the browser keeps."""
    return list(page.evaluate("async () => (await import('/static/receipts.js')).all()"))


# ------------------------------------------------------------------------------------------------ the whole way


def test_two_workers_find_accept_answer_are_paid_and_withdraw(browser: Browser, market: Works) -> None:
    job = post(market, [("the first", 1), ("the second", 1)], **LABELS)
    pages: list[tuple[Page, TestWallet]] = []
    chain = market.chain.deployment.chain_id
    for label in LABELS["labels"]:
        visitor = browser.new_context()
        visitor.set_default_timeout(30_000)
        wallet = TestWallet(market.chain.rpc, new_key(), chain, knows={chain})
        page = signed_in(visitor, market, wallet)
        pages.append((page, wallet))
        page.goto(f"{market.url}/earnings")
        page.locator("[name=payout][value=ledger]").check()
        page.locator("#status", has_text="gathers in your balance").wait_for()
        page.goto(f"{market.url}/work?text=sharp")
        page.locator(".jobs a", has_text="Is it sharp?").first.click()
        choose(accept(page), label)
        page.frames[-1].locator("text=Submit answer").click()
        sent(page)
        (mine,) = holdings(page)
        assert mine["signature"] and mine["answer"] == label and mine["worker"] == wallet.key.address
    assert {row.answer for row in market.rows("SELECT answer FROM assignment WHERE state = 'revealed'")} >= {'"sharp"', '"blurred"'}
    pages[0][0].goto(f"{market.url}/work?text=sharp")
    assert pages[0][0].locator(f".jobs a[href$='{job['id']}']").count() == 0, "nothing is free in it"
    approve(market, job)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job GROUP BY job HAVING count(*) = 2", job=job["id"])
    for page, wallet in pages:
        page.goto(f"{market.url}/earnings")
        assert "0.05" in page.locator("#balance").inner_text() and page.locator("tbody a", has_text="Is it sharp?").count() == 1
        press = page.locator("#withdraw button").click
        if page is pages[0][0]:
            goes_wrong(page, wallet, press, page.locator("#status"), "eth_signTypedData_v4", "0.05 DEVUSD", market)
            page.reload()  # with the dialog open
            assert page.locator("#balance").get_attribute("data-amount") == "50000"
            assert not market.rows("SELECT 1 FROM withdrawal WHERE owner = :own", own=wallet.key.address)
        press()
        shown = page.locator("dialog.wallet")
        shown.wait_for()
        assert "0.05 DEVUSD" in shown.inner_text() and f"you ({wallet.key.address})" in shown.inner_text()
        shown.locator("button.primary").click()
        page.locator("h2:has-text('Withdrawn') + .scroll").wait_for(timeout=30_000)
        assert page.locator("#balance").get_attribute("data-amount") == "0"
        balance = market.chain.rpc.call("eth_call", {"to": market.chain.deployment.token, "data": "0x70a08231" + wallet.key.address[2:].rjust(64, "0")}, "latest")
        assert int(balance, 16) == 50_000
        assert wallet.count("eth_sendTransaction") == 0
        page.context.close()


def test_one_unit_is_answered_by_keyboard_alone(worker: Page, market: Works) -> None:
    job = post(market, [("by keys", 1)], **LABELS)
    worker.goto(f"{market.url}/work/{job['id']}")
    frame_of(worker)
    for _ in range(60):
        worker.keyboard.press("Tab")
        if worker.evaluate("document.activeElement?.id") == "accept":
            break
    worker.keyboard.press("Enter")
    frame = frame_of(worker, "0x")
    until(worker, "document.activeElement?.localName === 'iframe'")
    worker.keyboard.press("2")
    until(frame, "document.querySelector('crowd-form').answer === 'blurred'")
    worker.keyboard.press("Control+Enter")
    sent(worker)
    assert holdings(worker)[0]["answer"] == "blurred"


def test_a_reload_at_every_step_loses_nothing(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1), ("two", 1)], title="Say what it is", labels=None)
    address = f"{market.url}/work/{job['id']}"
    worker.goto(address)
    accept(worker)
    held = worker.locator("#work").get_attribute("data-held")
    worker.reload()
    frame = frame_of(worker)
    assert worker.locator("#work").get_attribute("data-held") == held
    frame.locator("input").fill("a cat")
    worker.locator("#keys", has_text="Saved").wait_for()
    worker.reload()
    frame = frame_of(worker)
    until(frame, "document.querySelector('input').value === 'a cat'")
    worker.route("**/reveal", lambda route: route.abort())  # sealed, and then the page dies before it can show
    frame.locator("text=Submit answer").click()
    worker.locator("#again").wait_for()
    assert holdings(worker)[0]["signature"] is not None
    worker.unroute("**/reveal")
    worker.reload()
    sent(worker)
    (row,) = market.rows("SELECT state, answer FROM assignment WHERE id = :id", id=held)
    assert tuple(row) == ("revealed", '"a cat"')


def test_while_the_marketplace_is_down_the_answer_waits_here(browser: Browser, tmp_path_factory: pytest.TempPathFactory, market: Works, wallet: TestWallet) -> None:
    job = post(market, [("one", 1)], title="Through an outage", labels=None)
    visitor = browser.new_context()
    visitor.set_default_timeout(30_000)
    page = signed_in(visitor, market, wallet)
    page.goto(f"{market.url}/work/{job['id']}")
    accept(page).locator("input").fill("still here")
    market.kill("backend")
    try:
        page.frames[-1].locator("text=Submit answer").click()
        page.locator("#status", has_text="doesn't answer").wait_for()
        assert holdings(page)[0]["answer"] == "still here"
    finally:
        market.start("backend")
    page.locator("#again").click()
    sent(page)
    assert market.rows("SELECT answer FROM assignment WHERE state = 'revealed' AND answer = '\"still here\"'")
    visitor.close()


def test_what_the_job_does_not_ask_for_is_never_sealed(worker: Page, market: Works) -> None:
    schema = {"type": "object", "required": ["windows"], "properties": {"windows": {"type": "object"}}}
    html = '<crowd-form><crowd-input name="windows" label="Windows" required></crowd-input></crowd-form>'
    job = post(market, [({}, 1)], title="Count them", template="html", labels=None, html=html, answer_schema=schema)
    worker.goto(f"{market.url}/work/{job['id']}")
    frame = accept(worker)
    frame.locator("input").fill("three")
    frame.locator("text=Submit answer").click()
    worker.locator("#status", has_text="isn't what the job asks for").wait_for()
    assert holdings(worker) == []
    assert market.rows("SELECT state FROM assignment WHERE id = :id", id=worker.locator("#work").get_attribute("data-held"))[0].state == "reserved"


def test_a_receipt_of_somebody_else_shows_no_answer(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], title="Forged", labels=None)

    def forge(route: Any) -> None:
        answer = route.fetch()
        receipt = answer.json()
        receipt["signature"] = "0x" + new_key().sign(bytes.fromhex(receipt["digest"][2:])).hex()
        route.fulfill(response=answer, json=receipt)

    worker.route("**/commit", forge)
    worker.goto(f"{market.url}/work/{job['id']}")
    frame = accept(worker)
    frame.locator("input").fill("secret")
    frame.locator("text=Submit answer").click()
    worker.locator("#status", has_text="isn't signed by the job's coordinator").wait_for()
    assert not market.rows("SELECT 1 FROM assignment WHERE answer = '\"secret\"'")


def test_a_job_that_is_not_what_its_id_says_is_refused(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], title="Swapped", labels=None)

    def swap(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"terms": answer.json()["terms"] | {"reward": "1"}})

    worker.route(f"**/v1/jobs/{job['id']}", swap)
    worker.goto(f"{market.url}/work/{job['id']}")
    worker.locator("#accept").click()
    worker.locator("#status", has_text="isn't the hash of its terms").wait_for()
    assert not market.rows("SELECT 1 FROM assignment a JOIN posting p ON p.number = a.posting WHERE p.job = :job", job=job["id"])


def test_an_instruction_to_machines_is_neither_seen_nor_read_out_nor_copied(worker: Page, market: Works) -> None:
    job = post(market, [({"source": "Hello"}, 1)], template="translation", labels=None, signals=True, ai_policy="forbidden")
    worker.goto(f"{market.url}/work/{job['id']}")
    body = accept(worker).locator("body")
    hidden = body.locator("[data-canary]")
    match = re.search(r"the word (\w+)", hidden.text_content() or "")
    assert match is not None and hidden.bounding_box() is None and not hidden.is_visible()
    assert "Hello" in body.inner_text() and match[1] not in body.inner_text() and "Hello" in body.aria_snapshot() and match[1] not in body.aria_snapshot()
    assert not violations(worker)


def test_a_task_is_returned_and_the_next_taken(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1), ("two", 1)], **LABELS)
    worker.goto(f"{market.url}/work/{job['id']}")
    accept(worker)
    worker.keyboard.press("Alt+r")
    worker.locator("#status", has_text="Returned").wait_for()
    worker.locator("#onward").check()
    for count in (1, 2):
        if count == 1:
            frame = accept(worker)
        else:
            frame = frame_of(worker, "0x")
        choose(frame, "sharp")
        frame.locator("text=Submit answer").click()
        sent(worker, count)
    worker.locator("#place", has_text="no unit left").wait_for()
    assert [one["answer"] for one in holdings(worker)] == ["sharp", "sharp"]


def test_a_rejected_answer_says_why(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], **LABELS, criteria=[{"code": "care", "text": "The answer shows no care."}])
    worker.goto(f"{market.url}/work/{job['id']}")
    assert "The answer shows no care." in worker.locator(".brief").inner_text()
    frame = accept(worker)
    choose(frame, "sharp")
    frame.locator("text=Submit answer").click()
    sent(worker)
    reject(market, job, "You clicked at once.", "care")
    worker.goto(f"{market.url}/history?state=rejected")
    shown = worker.locator(".answers").inner_text()
    assert "You clicked at once." in shown and "The answer shows no care." in shown and "Open it on the chain" in shown


def test_what_one_holds_is_downloaded(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], **LABELS)
    worker.goto(f"{market.url}/work/{job['id']}")
    frame = accept(worker)
    choose(frame, "sharp")
    frame.locator("text=Submit answer").click()
    sent(worker)
    worker.goto(f"{market.url}/earnings")
    for button in ("text=Download your file", "#local"):
        with worker.expect_download() as started:
            worker.locator(button).click()
        (line,) = started.value.path().read_text().splitlines()
        (receipt,) = json.loads(line)["receipts"]
        assert receipt["answer"] == "sharp" and json.loads(line)["jobs"][0]["id"] == job["id"]


# ------------------------------------------------------------------------------------------------ finding work


def test_work_is_found_without_script(browser: Browser, market: Works) -> None:
    post(market, [("one", 3)], **LABELS | {"title": "Cheap sharpness"}, reward="10000")
    post(market, [("one", 3)], **LABELS | {"title": "Dear sharpness"}, reward="900000", ai_policy="forbidden")
    visitor = browser.new_context(java_script_enabled=False)
    visitor.set_default_timeout(30_000)
    page = visitor.new_page()
    page.goto(f"{market.url}/work")
    page.fill("#text", "sharpness")
    page.fill("#reward", "0.5")
    page.locator(".filters button").click()
    assert page.locator(".jobs h2").all_inner_texts() == ["Dear sharpness"]
    assert "not allowed" in page.locator(".jobs").inner_text() and "locked in the escrow" in page.locator(".jobs").inner_text()
    page.goto(f"{market.url}/work?text=sharpness&sort=reward")
    assert page.locator(".jobs h2").all_inner_texts() == ["Dear sharpness", "Cheap sharpness"]
    page.locator(".jobs a").first.click()
    assert "Sign in to see the task" in page.locator("main").inner_text()
    page.goto(f"{market.url}/work?text=nothinglikethis")
    assert "No open job is like that" in page.locator("main").inner_text()
    visitor.close()


@pytest.mark.parametrize("query", ["?reward=much", "?sort=luck", "?text=%21", "?cursor=x", "?hourly=-1"])
def test_a_search_that_makes_no_sense_is_refused_on_a_page(market: Works, query: str) -> None:
    answer = call(market, "GET", f"/work{query}")
    assert answer.status == 422 and b"<h1>" in answer.body


def test_every_page_of_a_worker_has_a_twin(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], **LABELS)
    for path in ("/work", f"/work/{job['id']}", "/earnings", "/history"):
        worker.goto(market.url + path)
        twin = worker.locator("link[rel=alternate]").get_attribute("href")
        found = worker.evaluate("async path => { const answer = await fetch(path); return [answer.status, Object.keys(await answer.json())]; }", twin)
        assert found[0] == 200 and found[1], twin


@pytest.mark.parametrize("path", ["/earnings", "/history"])
def test_what_is_ones_own_needs_a_session(market: Works, path: str) -> None:
    assert call(market, "GET", path).status == call(market, "GET", path + ".json").status == 401


def test_nobody_sees_anothers_task(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1)], **LABELS)
    worker.goto(f"{market.url}/work/{job['id']}")
    accept(worker)
    held = worker.locator("#work").get_attribute("data-held")
    assert call(market, "GET", f"/work/assignments/{held}/task.html").status == 401
    mine = worker.evaluate("id => fetch(`/work/assignments/${id}/task.html`).then(answer => answer.status)", held)
    assert mine == 200
    worker.locator("header [data-sign=out]").click()
    worker.locator("header [data-sign=in]").wait_for()
    assert worker.evaluate("id => fetch(`/work/assignments/${id}/task.html`).then(answer => answer.status)", held) == 401


# ------------------------------------------------------------------------------------------------ looks


@pytest.fixture(scope="module")
def settled(browser: Browser, market: Works) -> Iterator[tuple[Page, dict[str, Any]]]:
    """A worker with an answer of each kind."""
    chain = market.chain.deployment.chain_id
    visitor = browser.new_context()
    visitor.set_default_timeout(30_000)
    page = signed_in(visitor, market, TestWallet(market.chain.rpc, new_key(), chain, knows={chain}))
    jobs = [post(market, [("one", 1), ("two", 1)], **LABELS, reward=str(reward)) for reward in (120_000, 50_000)]
    for job in jobs:
        page.goto(f"{market.url}/work/{job['id']}")
        frame = accept(page)
        choose(frame, "sharp")
        frame.locator("text=Submit answer").click()
        sent(page)
    approve(market, jobs[0])
    reject(market, jobs[1], "It is blurred.")
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job", job=jobs[0]["id"])
    yield page, jobs[1]
    visitor.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/work", "/work/{job}", "/jobs/{job}", "/earnings", "/history", "/work?text=nothinglikethis", "/jobs/0x12"])
def test_axe_finds_nothing_and_a_phone_shows_it(settled: tuple[Page, dict[str, Any]], market: Works, path: str, scheme: str) -> None:
    page, job = settled
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (1200, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(market.url + path.format(job=job["id"]))
        if path.startswith("/work/"):
            frame_of(page)
        found = violations(page)
        assert not found, "\n".join(found)
        assert page.evaluate(TOO_WIDE) == [] and page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_a_dialog_is_accessible_and_fits_a_phone(settled: tuple[Page, dict[str, Any]], market: Works) -> None:
    page, _ = settled
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{market.url}/work")
    page.evaluate("async () => { const m = await import('/static/wallet.js'); m.send({ to: (await m.info()).escrow, value: '5' }).catch(() => {}); }")
    page.locator("dialog.wallet button.primary").wait_for()
    assert not violations(page)
    assert page.evaluate("document.querySelector('dialog').scrollWidth - document.querySelector('dialog').clientWidth") == 0
    page.keyboard.press("Escape")


@pytest.mark.parametrize("path", ["/", "/work", "/work/{job}", "/earnings", "/history"])
def test_a_page_is_small_and_breaks_no_rule(settled: tuple[Page, dict[str, Any]], market: Works, path: str) -> None:
    first, job = settled
    page = first.context.new_page()
    weights: list[int] = []
    said: list[str] = []
    page.on("response", lambda answer: weights.append(len(answer.body())) if answer.url.endswith((".js", ".css")) else None)
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(market.url + path.format(job=job["id"]))
    if path.startswith("/work/"):
        frame_of(page)
    page.wait_for_load_state("networkidle")
    assert 3_000 < sum(weights) < MOST_BYTES
    assert said == []
    page.close()


def test_a_worker_reads_what_it_is_told_writes_and_ends_other_sessions(worker: Page, wallet: TestWallet, market: Works) -> None:
    job = post(market, [("one", 1)], **LABELS)
    other = sign_in_by_program(market, wallet.key)
    worker.goto(f"{market.url}/work/{job['id']}")
    accept(worker)
    worker.locator("a", has_text="Write to the requester").click()
    worker.locator("#write-text").fill("Which edges, please?")
    worker.get_by_role("button", name="Send the message").click()
    expect(worker.locator(".words")).to_have_text("Which edges, please?")
    thread = worker.url
    said = market.rows("SELECT requester FROM posting WHERE job = :job", job=job["id"])[0].requester
    reply(market, job, wallet.key.address, "All of them.")
    worker.reload()
    expect(worker.locator(".words").last).to_have_text("All of them.")
    assert not violations(worker)
    worker.get_by_role("button", name="Mute this requester").click()
    expect(worker.locator("[data-unmute]")).to_have_count(1)
    market.until("SELECT 1 FROM notice WHERE account = :a AND number IS NOT NULL", a=wallet.key.address)
    for path in ("/notices", "/messages", "/settings"):
        worker.goto(market.url + path)
        assert not violations(worker), path
        assert call(market, "GET", path).status == 401
    assert worker.locator("tbody tr").count() == 2
    worker.locator("[data-end]").first.click()
    expect(worker.locator("tbody tr")).to_have_count(1)
    assert call(market, "GET", "/v1/session", token=other).status == 401
    worker.goto(f"{market.url}/notices")
    assert worker.locator(f"a[href='{thread.removeprefix(market.url)}']").count() == 1
    worker.goto(f"{market.url}/messages")
    worker.locator(f"[data-unmute='{said}']").click()
    expect(worker.locator("[data-unmute]")).to_have_count(0)


def test_how_an_answer_came_about_is_told_where_the_job_asks_and_the_worker_shares(worker: Page, market: Works) -> None:
    job = post(market, [("one", 1), ("two", 1)], title="Describe it", labels=None, signals=True)
    address = f"{market.url}/work/{job['id']}"
    worker.goto(address)
    expect(worker.locator("#work")).to_contain_text("This job asks how your answers come about")
    frame = accept(worker)
    frame.locator("input").press_sequentially("a grey cat on it", delay=5)
    frame.locator("text=Submit answer").click()
    sent(worker)
    (kept,) = market.rows("SELECT seconds, letters, pasted_share, focus_losses, rhythm FROM answer_signal s JOIN posting p ON p.number = s.posting WHERE p.job = :job", job=job["id"])
    assert kept.letters == 16 and kept.pasted_share == 0 and 0 < kept.seconds < 600 and kept.rhythm is not None
    worker.goto(f"{market.url}/settings")
    worker.locator("[data-share]").uncheck()
    expect(worker.locator("[data-status]").first).to_contain_text("deleted")
    assert not market.rows("SELECT 1 FROM answer_signal s JOIN posting p ON p.number = s.posting WHERE p.job = :job", job=job["id"])
    told: list[str] = []
    worker.on("request", lambda request: told.append(request.url) if request.url.endswith("/signals") else None)
    worker.goto(address)
    expect(worker.locator("#work")).to_contain_text("You share nothing of that")
    frame = accept(worker)
    frame.locator("input").fill("a dog")
    frame.locator("text=Submit answer").click()
    sent(worker)
    assert told == []


SHIFTS = """() => new Promise((done) => {
  let sum = 0, of = [];
  new PerformanceObserver((list) => { for (const one of list.getEntries()) { sum += one.value; of.push(...one.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node?.textContent)); } }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done([sum, of]), 300);
})"""


def test_a_task_is_reported_in_an_answers_place_as_often_as_the_job_pays_for(worker: Page, wallet: TestWallet, market: Works) -> None:
    criteria = [{"code": "false-report", "text": "It isn't so."}]
    job = post(market, [("one", 1), ("two", 1)], criteria=criteria, reports={"screened_out": True, "each": 1}, **LABELS)
    worker.goto(f"{market.url}/work/{job['id']}")
    frame_of(worker)
    expect(worker.locator("#reports")).to_be_hidden()
    accept(worker)
    worker.locator("#reports summary").click()
    worker.locator("#report [name=why]").fill("It shows nothing.")
    worker.locator("#report button", has_text="broken").click()
    sent(worker)
    (mine,) = holdings(worker)
    assert mine["signature"] and mine["answer"] == {"$report": "broken", "why": "It shows nothing."}
    kinds = market.rows("SELECT kind FROM answer_report WHERE worker = :worker", worker=wallet.key.address)
    assert [row.kind for row in kinds] == ["broken"]
    frame_of(worker, "preview")
    accept(worker)
    expect(worker.locator("#reports")).to_be_hidden()


def test_every_kind_of_notice_has_its_words_and_can_be_mailed() -> None:
    assert set(inbox.PLACES) == set(wording.SENTENCES) == set(notices.KINDS)
    assert sorted(kind for _, kinds in inbox.MAILED for kind in kinds) == sorted(notices.KINDS)


def test_a_mail_address_is_set_confirmed_tried_and_ended_on_the_settings_page(worker: Page, market: Works) -> None:
    worker.goto(f"{market.url}/settings")
    mail, said = worker.locator("[data-mail]"), worker.locator("section:has(> h2:text('Notices by mail')) [data-status]")
    mail.get_by_label("Your mail address").fill("worker@example")
    mail.get_by_role("button", name="Mail me a code").click()
    expect(said).to_contain_text("That is no mail address")
    mail.get_by_label("Your mail address").fill("worker@example.org")
    mail.get_by_label("your jobs and their answers").uncheck()
    mail.get_by_role("button", name="Mail me a code").click()
    expect(worker.locator(".address")).to_contain_text("not confirmed")
    expect(worker.locator(".address")).not_to_contain_text("your jobs")
    assert not violations(worker)
    (kept,) = market.rows("SELECT id, kinds FROM webhook WHERE url = 'mailto:worker@example.org'")
    assert "answers.approved" in kept.kinds and "job.opened" not in kept.kinds
    worker.get_by_label("The code that was mailed").fill("1")
    worker.get_by_role("button", name="Confirm the address").click()
    expect(said).to_contain_text("That is not the code that was mailed")
    worker.get_by_label("The code that was mailed").fill(code_of(service_key(market.chain.coordinator.secret), kept.id))
    worker.get_by_role("button", name="Confirm the address").click()
    expect(worker.locator(".address .approved")).to_have_text("confirmed")
    assert not violations(worker)
    worker.get_by_role("button", name="Send a trial letter").click()
    expect(said).to_have_text("A trial letter is on its way.")
    assert market.rows("SELECT 1 FROM delivery WHERE webhook = :id AND body LIKE '%ping%'", id=kept.id)
    worker.get_by_role("button", name="Send no more mail there: worker@example.org").click()
    expect(mail).to_be_visible()
    assert not market.rows("SELECT 1 FROM webhook WHERE id = :id", id=kept.id)

def test_nothing_moves_while_the_work_view_comes(settled: tuple[Page, dict[str, Any]], market: Works) -> None:
    page, job = settled
    for width, height in ((1280, 900), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{market.url}/work/{job['id']}")
        frame_of(page)
        page.wait_for_timeout(300)
        assert page.evaluate(SHIFTS) == [0, []], width
