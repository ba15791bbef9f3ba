"""A HIT as a worker meets it in a browser: found, looked at, accepted, answered and sent, by every kind of question; and a qualification's test."""

import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from backend.mturk.ids import assignment_id, id_of_assignment, worker_id
from tests.backend.workshop import Works, call, new_key, sign_in, works
from tests.conftest import Chain
from tests.mturk.conftest import HIT, Turk, turk
from tests.mturk.test_people import TEST, qualification
from tests.mturk.test_questions import FORM
from tests.mturk.test_scoring import KEY
from tests.web.requesters import post
from tests.web.test_gallery import violations
from tests.web.test_worker import TOO_WIDE, accept, frame_of, sent, signed_in
from tests.web.wallets import TestWallet

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
STUDY = b"""<!doctype html><meta name=viewport content="width=device-width"><title>Study</title><h1>A study elsewhere</h1><p id=said></p>
<script>
const told = new URLSearchParams(location.search), preview = told.get("assignmentId") === "ASSIGNMENT_ID_NOT_AVAILABLE";
localStorage.setItem("visits", Number(localStorage.getItem("visits") || 0) + 1);
document.getElementById("said").textContent = preview ? "Accept the HIT first" : "Welcome, " + told.get("workerId");
function done() {
  const form = document.createElement("form");
  form.method = "POST"; form.action = told.get("turkSubmitTo") + "/mturk/externalSubmit";
  for (const [name, value] of [["assignmentId", told.get("assignmentId")], ["score", "42"]]) {
    const field = document.createElement("input"); field.name = name; field.value = value; form.append(field);
  }
  document.body.append(form); form.submit();
}
</script><button onclick="done()">Done</button>
<script src="%s/static/crowd/external-hit.js"></script>
<form method="post" action="https://www.mturk.com/mturk/externalSubmit"><input name="score" value="7"><button>Done as ever</button></form>"""
OLD_PAGE = """<script src="https://s3.amazonaws.com/mturk-public/externalHIT_v1.js"></script>
<h1>How many birds?</h1><form id="mturk_form" method="post" action="https://www.mturk.com/mturk/externalSubmit">
<input type="hidden" name="assignmentId" id="assignmentId"><label>Birds <input name="birds"></label>
<input type="submit" id="submitButton" value="Send"></form><script>turkSetAssignmentID();
try { document.title = parent.document.title } catch (error) { document.title = error.name }</script>"""
CROWD = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script><crowd-form>
<crowd-classifier name="bird" categories="['yes', 'no']" header="Is ${what} a bird?"><classification-target>${what}</classification-target></crowd-classifier>
<crowd-input name="why" label="Why"></crowd-input></crowd-form>"""
LAID_OUT = '<p>What colour is ${what}?</p><label>Colour <input name="colour"></label>'


def html(page: str) -> str:
    return f'<HTMLQuestion xmlns="{NS}2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA[{page}]]></HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>'


def external(url: str) -> str:
    return f'<ExternalQuestion xmlns="{NS}2006-07-14/ExternalQuestion.xsd"><ExternalURL>{url}</ExternalURL><FrameHeight>480</FrameHeight></ExternalQuestion>'


@pytest.fixture(scope="module")
def running(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    folder = tmp_path_factory.mktemp("hits")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, PIECEWORK_OPERATOR_GAS=str(10**16)) as both:
        yield both


@pytest.fixture(scope="module")
def asker(running: Works) -> Turk:
    return turk(running)


@pytest.fixture(scope="module")
def study(running: Works) -> Iterator[str]:
    """A requester's own server."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(STUDY % running.url.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/study?condition=a"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def wallet(running: Works) -> TestWallet:
    chain = running.chain.deployment.chain_id
    return TestWallet(running.chain.rpc, new_key(), chain, knows={chain})


@pytest.fixture(scope="module")
def worker(browser: Browser, running: Works, wallet: TestWallet) -> Iterator[Page]:
    """Somebody who is signed in."""
    visitor = browser.new_context(viewport={"width": 1000, "height": 900})
    visitor.set_default_timeout(30_000)
    yield signed_in(visitor, running, wallet)
    visitor.close()


def made(asker: Turk, title: str, **given: Any) -> str:
    """A HIT that workers can find."""
    described = {name: value for name, value in HIT.items() if name != "Question"}
    hit = str(asker.client().create_hit(**described | {"Title": title} | given)["HIT"]["HITId"])
    asker.job_of(hit)
    return hit


def opened(worker: Page, asker: Turk, title: str) -> Frame:
    """The preview of a HIT, found in the list by its title."""
    worker.goto(f"{asker.running.url}/work?text={urllib.parse.quote(title)}")
    worker.locator(".jobs a", has_text=title).first.click()
    return frame_of(worker, "preview")


def answer(asker: Turk, hit: str) -> str:
    (one,) = asker.client().list_assignments_for_hit(HITId=hit)["Assignments"]
    return str(one["Answer"])


def test_an_external_page_is_looked_at_accepted_answered_and_sent(worker: Page, asker: Turk, wallet: TestWallet, study: str) -> None:
    hit = made(asker, "A study elsewhere", Question=external(study))
    frame = opened(worker, asker, "A study elsewhere")
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(frame.url).query))
    assert asked == {"condition": "a", "assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "hitId": hit}
    expect(frame.locator("#said")).to_have_text("Accept the HIT first")
    frame = accept(worker)
    held = str(worker.locator("#work").get_attribute("data-held"))
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(frame.url).query))
    assert (asked["assignmentId"], asked["workerId"], asked["hitId"]) == (assignment_id(held), worker_id(wallet.key.address), hit)
    assert worker.locator("#place iframe").bounding_box()["height"] == 480  # type: ignore[index]
    assert frame.evaluate("localStorage.visits") == "2", "it keeps what its own server's pages keep"
    worker.reload()
    frame = frame_of(worker, "0x")
    assert worker.locator("#work").get_attribute("data-held") == held, "a reload loses nothing"
    frame.get_by_role("button", name="Done", exact=True).click()
    sent(worker)
    assert "<QuestionIdentifier>score</QuestionIdentifier><FreeText>42</FreeText>" in answer(asker, hit)
    expect(worker.locator("#status")).to_have_text("Sent. The receipt is yours.")
    holdings = call(asker.running, "GET", "/v1/holdings", token=sign_in(asker.running, wallet.key)).body
    assert held in {one["assignment"] for one in holdings["receipts"]}


def test_a_page_elsewhere_with_amazons_address_in_it_loads_a_script_and_sends_here(worker: Page, asker: Turk, study: str) -> None:
    hit = made(asker, "As ever elsewhere", Question=external(study))
    opened(worker, asker, "As ever elsewhere")
    accept(worker).get_by_role("button", name="Done as ever").click()
    sent(worker)
    assert "<QuestionIdentifier>score</QuestionIdentifier><FreeText>7</FreeText>" in answer(asker, hit)


def test_a_page_of_the_old_kind_reaches_nothing_of_ours_and_sends(worker: Page, asker: Turk) -> None:
    hit = made(asker, "How many birds", Question=html(OLD_PAGE))
    frame = opened(worker, asker, "How many birds")
    expect(frame.locator("#submitButton")).to_be_disabled()
    assert frame.title() == "SecurityError" and frame.evaluate("self.origin") == "null"
    alone = worker.context.new_page()
    alone.goto(frame.url)
    assert alone.evaluate("self.origin") == "null", "opened alone it is as locked in"
    alone.close()
    frame = accept(worker)
    frame.get_by_label("Birds").fill("5 & more")
    frame.locator("#submitButton").click()
    sent(worker)
    assert "<QuestionIdentifier>birds</QuestionIdentifier><FreeText>5 &amp; more</FreeText>" in answer(asker, hit)


def test_what_is_sent_from_a_preview_is_refused_with_a_sentence(worker: Page, asker: Turk) -> None:
    hit = made(asker, "Only a look", Question=html('<form action="/mturk/externalSubmit"><input name="q"><button>Go</button></form>'))
    frame = opened(worker, asker, "Only a look")
    frame.get_by_role("button", name="Go").click()
    expect(worker.frame_locator("#place iframe").get_by_role("status")).to_have_text("This was only a preview: accept the HIT first.")
    assert asker.client().list_assignments_for_hit(HITId=hit)["Assignments"] == []


def test_a_page_that_sends_without_going_anywhere_is_noticed(worker: Page, asker: Turk) -> None:
    script = """const told = new URLSearchParams(location.search); const body = new URLSearchParams({ assignmentId: told.get("assignmentId"), q: "quiet" });
    const go = () => fetch(told.get("turkSubmitTo") + "/mturk/externalSubmit", { method: "POST", mode: "no-cors", body });"""
    hit = made(asker, "Sent quietly", Question=html(f"<button onclick='go()'>Go</button><script>{script}</script>"))
    opened(worker, asker, "Sent quietly")
    accept(worker).get_by_role("button", name="Go").click()
    sent(worker)
    assert "<FreeText>quiet</FreeText>" in answer(asker, hit)


def test_a_unit_that_only_looks_like_a_hit_is_none(worker: Page, asker: Turk, wallet: TestWallet) -> None:
    hit = made(asker, "Somebody else's", Question=html(OLD_PAGE))
    job = post(asker.running, [({"hit": hit, "question": "no XML"}, 1)], labels=None, title="Looks like one")
    token = sign_in(asker.running, wallet.key)
    assert call(asker.running, "GET", f"/v1/jobs/{job['id']}/hit", token=token).status == 404
    assert call(asker.running, "GET", f"/mturk/p/{hit}{'0' * 32}/task").status == 403


def test_crowd_elements_in_a_layout_send_one_answer(worker: Page, asker: Turk) -> None:
    layout = call(asker.running, "POST", "/v1/mturk-layouts", {"name": "crowd", "html": CROWD}, asker.token).body["id"]
    hit = made(asker, "Crowd and layout", HITLayoutId=layout, HITLayoutParameters=[{"Name": "what", "Value": "a heron"}])
    opened(worker, asker, "Crowd and layout")
    frame = accept(worker)
    expect(frame.locator("crowd-form")).to_contain_text("Is a heron a bird?")
    frame.locator(".cw-choice", has_text="yes").click()
    frame.locator("crowd-input input").fill("It flies.")
    frame.get_by_role("button", name="Submit answer").click()
    sent(worker)
    found = answer(asker, hit)
    assert "<QuestionIdentifier>taskAnswers</QuestionIdentifier>" in found
    text = found.partition("<FreeText>")[2].partition("</FreeText>")[0]
    assert json.loads(text) == [{"bird": {"label": "yes"}, "why": "It flies."}]


def test_a_layout_without_a_form_gets_one(worker: Page, asker: Turk) -> None:
    layout = call(asker.running, "POST", "/v1/mturk-layouts", {"name": "bare", "html": LAID_OUT}, asker.token).body["id"]
    hit = made(asker, "Laid out bare", HITLayoutId=layout, HITLayoutParameters=[{"Name": "what", "Value": "the sky"}])
    opened(worker, asker, "Laid out bare")
    frame = accept(worker)
    frame.get_by_label("Colour").fill("blue")
    frame.get_by_role("button", name="Submit").click()
    sent(worker)
    assert "<FreeText>blue</FreeText>" in answer(asker, hit)


def test_a_form_says_what_is_wrong_keeps_what_was_typed_and_sends(worker: Page, asker: Turk) -> None:
    hit = made(asker, "Three questions", Question=FORM)
    opened(worker, asker, "Three questions")
    frame = accept(worker)
    frame.get_by_label("green").check()
    frame.get_by_label("Why?").fill("4 reasons")
    frame.get_by_label("Age?").fill("17")
    frame.get_by_role("button", name="Submit answer").click()
    expect(frame.locator(".cw-problem")).to_have_text(["Small letters.", "Give a number of at least 18 of at most 120."])
    expect(frame.get_by_label("green")).to_be_checked()
    frame.get_by_label("Why?").fill("it is")
    frame.get_by_label("Age?").fill("18")
    assert not violations(worker)
    assert frame.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0, "it is as high as it needs to be"
    frame.get_by_role("button", name="Submit answer").click()
    sent(worker)
    assert "<QuestionIdentifier>colour</QuestionIdentifier><SelectionIdentifier>g</SelectionIdentifier>" in answer(asker, hit)


def test_a_hit_is_returned_and_the_next_comes_at_once(worker: Page, asker: Turk) -> None:
    hit = made(asker, "Two of a kind", MaxAssignments=1, Question=html(OLD_PAGE))
    job = asker.job_of(hit)
    opened(worker, asker, "Two of a kind")
    accept(worker)
    worker.locator("#return").click()
    expect(worker.locator("#status")).to_have_text("Returned. Somebody else can have it now.")
    for address in (f"/projects/{asker.client().get_hit(HITId=hit)['HIT']['HITTypeId']}/tasks", f"/mturk/preview?groupId={asker.client().get_hit(HITId=hit)['HIT']['HITGroupId']}"):
        worker.goto(asker.running.url + address)
        assert worker.url.endswith(f"/work/{job}")
    worker.locator("#onward").check()
    frame = accept(worker)
    frame.get_by_label("Birds").fill("1")
    frame.locator("#submitButton").click()
    expect(worker.locator("#place")).to_contain_text("Find other work")
    worker.evaluate("localStorage.removeItem('piecework.onward')")
    assert "<FreeText>1</FreeText>" in answer(asker, hit)


def test_a_test_is_found_taken_and_opens_the_job(worker: Page, asker: Turk, wallet: TestWallet) -> None:
    client = asker.client()
    id = qualification(client, "Knows birds", Test=TEST, AnswerKey=KEY % "", TestDurationInSeconds=600)
    made(asker, "For those who know", Question=html(OLD_PAGE), QualificationRequirements=[{"QualificationTypeId": id, "Comparator": "Exists", "ActionsGuarded": "DiscoverPreviewAndAccept"}])
    job = asker.running.rows("SELECT p.job FROM posting p JOIN mturk_part m ON m.posting = p.number ORDER BY m.id DESC")[0][0]
    worker.goto(f"{asker.running.url}/work/{job}")
    worker.get_by_role("link", name="See how to get it").click()
    expect(worker.locator("h1")).to_have_text("Knows birds")
    assert not violations(worker)
    twin = worker.locator("link[rel=alternate]").get_attribute("href")
    assert worker.evaluate("path => fetch(path).then(answer => answer.json())", twin)["standing"] == "none"
    bypass = call(asker.running, "POST", f"/v1/qualifications/{id_of_assignment(id)}/requests", {}, sign_in(asker.running, wallet.key))
    assert bypass.status == 409 and "has a test" in bypass.body["detail"]
    worker.get_by_role("button", name="Begin the test").click()
    frame = worker.frame_locator("#place iframe")
    expect(worker.locator("#timer")).to_contain_text("left")
    expect(worker.locator("#place iframe")).to_have_attribute("style", re.compile(r"height: \d+px"))
    frame.locator("[name=one][value=a]").check()
    frame.locator("[name=two][value=x]").check()
    assert not violations(worker)
    frame.get_by_role("button", name="Hand in the test").click()
    expect(worker.locator("main")).to_contain_text("You have this qualification")
    assert client.get_qualification_score(QualificationTypeId=id, WorkerId=worker_id(wallet.key.address))["Qualification"]["IntegerValue"]
    worker.goto(f"{asker.running.url}/work/{job}")
    accept(worker)


def test_a_request_is_made_on_a_page(worker: Page, asker: Turk) -> None:
    id = qualification(asker.client(), "Asked on a page")
    worker.goto(f"{asker.running.url}/qualifications/{id_of_assignment(id)}")
    worker.get_by_label("What you say for yourself").fill("I know them all.")
    worker.get_by_role("button", name="Ask for it").click()
    expect(worker.locator("main")).to_contain_text("waits for the owner")
    (waiting,) = asker.client().list_qualification_requests(QualificationTypeId=id)["QualificationRequests"]
    assert waiting["Answer"] == "I know them all."


@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_and_a_phone_shows_it(worker: Page, asker: Turk, width: int) -> None:
    hit = made(asker, f"Looked at in {width}", Question=FORM, MaxAssignments=2)
    worker.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        worker.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        worker.goto(f"{asker.running.url}/work/{asker.job_of(hit)}")
        frame = frame_of(worker, "preview")
        assert violations(worker) == []
        assert worker.evaluate(TOO_WIDE) == [] and frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    worker.emulate_media(color_scheme="light")


def test_a_requester_reviews_a_hit_beside_its_page(browser: Browser, running: Works, asker: Turk, study: str) -> None:
    """The page as its workers saw it, in a sandboxed frame, and the answers by their fields; no XML anywhere."""
    hits = {
        "page": made(asker, "Reviewed here", Question=html("<h1>What bird?</h1><form><label>Bird <input name='bird'></label></form><script>document.title = origin</script>")),
        "form": made(asker, "Reviewed form", Question=TEST.replace("<Text>?</Text>", "<Text>Which of them?</Text>")),
        "study": made(asker, "Reviewed elsewhere", Question=external(study)),
    }
    with ThreadPoolExecutor(1) as aside:  # the browser has this thread's loop
        list(aside.map(lambda hit: asker.do(hit, new_key(), {"bird": "<b>wren</b>", "why": "It sings."}), hits.values()))
    chain = running.chain.deployment.chain_id
    visitor = browser.new_context(viewport={"width": 1100, "height": 900})
    visitor.set_default_timeout(30_000)
    desk = signed_in(visitor, running, TestWallet(running.chain.rpc, asker.requester, chain, knows={chain}))
    for name, words in (("page", "What bird?"), ("form", "Which of them?"), ("study", "Accept the HIT first")):
        desk.goto(f"{running.url}/hire/jobs/{asker.job_of(hits[name])}/review")
        expect(desk.frame_locator(".of-hit .asked iframe").locator("body")).to_contain_text(words)
        assert "HTMLContent" not in desk.content() and "QuestionForm" not in desk.content()
        expect(desk.locator("[data-answer] .said dl")).to_contain_text("<b>wren</b>")
        assert desk.locator("[data-answer] .said dt").all_text_contents() == ["bird", "why"]
        assert name == "study" or not violations(desk)
    sandbox = [desk.locator(".asked iframe").get_attribute("sandbox") or ""]
    desk.goto(f"{running.url}/hire/jobs/{asker.job_of(hits['page'])}/review")
    expect(desk.frame_locator(".asked iframe").locator("h1")).to_be_visible()
    sandbox.append(desk.locator(".asked iframe").get_attribute("sandbox") or "")
    assert ["allow-same-origin" in one for one in sandbox] == [True, False]
    desk.set_viewport_size({"width": 390, "height": 800})
    assert not desk.evaluate(TOO_WIDE)
    desk.set_viewport_size({"width": 1100, "height": 900})
    expect(desk.locator(".of-hit h2")).to_have_text("Unit 0")
    job = asker.job_of(hits["page"])
    assert call(running, "GET", f"/v1/jobs/{job}/units/0/hit", None, asker.token).status == 200
    assert call(running, "GET", f"/v1/jobs/{job}/units/99/hit", None, asker.token).status == 404
    odd = call(running, "GET", f"/v1/jobs/{job}/units/0x0/hit", None, asker.token)
    assert (odd.status, odd.body["detail"]) == (422, "A unit's position is a number, the first is 0.")
    assert call(running, "GET", f"/v1/jobs/{job}/units/0/hit", None, sign_in(running, new_key())).status == 403
    desk.get_by_role("button", name="Approve").first.click()
    expect(desk.locator("[data-answer]").first).to_have_attribute("data-state", "approved")
    visitor.close()
