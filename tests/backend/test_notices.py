"""What accounts are told: once each, in one order, in pages, streams and signed webhooks."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.services.outward import check_url, is_public, resolve
from piecework.client import Market, Worker
from piecework.domain.errors import Invalid
from tests.backend.test_operators import allow, deposit
from tests.backend.workshop import DAY, Works, answer, approve_all, call, new_key, open_job, posting, quick_job, sign_in, works
from tests.conftest import Chain
from tests.support import postgres
from tests.support.clock import Clock


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def market(
    request: pytest.FixtureRequest, shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Works]:
    """A marketplace on each database that may post to this machine, and gives up soon."""
    folder: Path = tmp_path_factory.mktemp("notices")
    url = f"sqlite:///{folder}/piecework.db" if request.param == "sqlite" else postgres.server().database()
    more = {"PIECEWORK_WEBHOOKS_ANYWHERE": "true", "PIECEWORK_WEBHOOK_HOURS": "0.0005", "PIECEWORK_HERALD_SECONDS": "0.2"}
    with works(shared_chain, url, folder, **more) as shared:
        yield shared


class Inbox:
    """A receiver that keeps what is posted to it, and answers with `status`."""

    def __init__(self) -> None:
        self.status, self.posted, self.pause_seconds = 204, list[tuple[dict[str, str], bytes]](), 0.0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                inbox.posted.append((headers | {"path": self.path}, body))
                time.sleep(inbox.pause_seconds)
                self.send_response(inbox.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in?x=1"

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        deadline = time.monotonic() + 60
        while len(self.posted) < count:
            assert time.monotonic() < deadline, self.posted
            time.sleep(0.02)
        return self.posted


@contextmanager
def inbox() -> Iterator[Inbox]:
    opened = Inbox()
    thread = threading.Thread(target=opened.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        opened.server.shutdown()
        thread.join()
        opened.server.server_close()


def block(market: Works, key: Any, by: str) -> None:
    assert call(market, "PUT", f"/v1/blocks/{key.address}", {"reason": f"At {time.monotonic()}."}, by).status == 204


def told(market: Works, token: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while len(items := call(market, "GET", "/v1/notices", token=token).body["items"]) < count:
        assert time.monotonic() < deadline, f"{items}\n{market.log[-3000:]}"
        time.sleep(0.05)
    return list(items)


def test_what_the_chain_says_is_told_once(market: Works) -> None:
    """However often the postman looks at the same blocks."""
    key = new_key()

    async def run() -> str:
        async with Market(market.url) as connected:
            asker, job = await open_job(connected, market.chain.requester, [("one", 1), ("two", 1)])
            worker = await Worker.sign_in(connected, key)
            for _ in range(2):
                await answer(worker, job)
            await approve_all(asker, job)
            return str(job["id"])

    job, token = asyncio.run(run()), sign_in(market, key)
    approved, paid = told(market, token, 2)
    for _ in range(3):
        market.chain.rpc.call("evm_mine")
        time.sleep(0.4)
    assert told(market, token, 2) == [approved, paid]
    assert (approved["kind"], approved["subject"]["job"], approved["subject"]["count"]) == ("answers.approved", job, 2)
    assert (paid["kind"], paid["subject"]["job"], paid["subject"]["amount"]) == ("payment.made", job, "100000")
    of_requester = eventually_told(market, sign_in(market, market.chain.requester), job, {"batch.settled", "answers.submitted"})
    kinds = [entry["kind"] for entry in of_requester]
    assert (kinds.count("job.opened"), kinds.count("batch.settled")) == (1, 1)
    assert sum(entry["subject"]["count"] for entry in of_requester if entry["kind"] == "answers.submitted") == 2, "each answer once"


def eventually_told(market: Works, token: str, job: str, kinds: set[str]) -> list[dict[str, Any]]:
    """What an account was told about a job, as soon as there is one of each kind and the herald has looked again."""
    deadline = time.monotonic() + 60
    while True:
        found = [entry for entry in told(market, token, 0) if entry["subject"].get("job") == job]
        if kinds <= {entry["kind"] for entry in found}:
            time.sleep(2.5)  # a reveal is told when it is two seconds old
            return [entry for entry in told(market, token, 0) if entry["subject"].get("job") == job]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_each_worker_is_told_what_was_decided_about_its_own_answers_and_why(market: Works) -> None:
    keys = [new_key(), new_key()]
    token, job = quick_job(market, [("x", 1), ("y", 1), ("z", 1)])

    async def run() -> list[str]:
        async with Market(market.url) as connected:
            one, other = [await Worker.sign_in(connected, key) for key in keys]
            taken = [await answer(worker, job) for worker in (one, one, other)]
            return [entry["id"] for entry in taken]

    first, second, third = asyncio.run(run())
    why = {"reason": "Not what it shows."}
    decided = {"approve": [second], "reject": [{"assignment": first, **why}, {"assignment": third, **why}]}
    assert call(market, "POST", f"/v1/jobs/{job['id']}/reviews", decided, token).status == 200
    assert call(market, "POST", f"/v1/jobs/{job['id']}/reviews", {"undo": [third]}, token).status == 200
    seen = [
        [(entry["kind"], entry["subject"]["assignments"], entry["subject"].get("reason")) for entry in told(market, sign_in(market, key), 2)]
        for key in keys
    ]
    assert sorted(seen[0]) == [("answers.approved", [second], None), ("answers.rejected", [first], why["reason"])]
    assert sorted(seen[1]) == [("answers.rejected", [third], why["reason"]), ("answers.undone", [third], None)]


def test_who_owns_an_operator_without_gas_money_is_told_once(market: Works) -> None:
    requester, chain = new_key(), market.chain
    deposit(chain.rpc, chain.deployment, requester, 10**6)
    token = sign_in(market, requester)
    operator = call(market, "POST", "/v1/operators", {"name": "poor"}, token).body["address"]
    allow(market, requester, token, operator, 10**6)
    market.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=operator)
    job = call(market, "POST", "/v1/jobs", posting([("one", 1)], operator=operator), token).body["id"]
    assert call(market, "POST", f"/v1/jobs/{job}/funding", {}, token).status == 202
    (low,) = told(market, token, 1)
    assert (low["kind"], low["subject"]["operator"]) == ("funds.low", operator) and operator in low["subject"]["detail"]
    time.sleep(2)
    assert told(market, token, 1) == [low]
    chain.rpc.call("anvil_setBalance", operator, hex(10**18))
    market.until("SELECT 1 FROM mirror_job WHERE job = :job", job=job)


def test_who_owns_an_operator_that_can_spend_little_more_is_told_once_each_time_that_it_comes_to_that(market: Works) -> None:
    requester, chain = new_key(), market.chain
    deposit(chain.rpc, chain.deployment, requester, 10**6)
    token = sign_in(market, requester)
    operator = call(market, "POST", "/v1/operators", {"name": "spends"}, token).body["address"]

    def allowed(amount: int) -> None:
        """Sets what it may spend, and waits until the postman has looked at that."""
        grant = allow(market, requester, token, operator, amount)
        market.until(
            "SELECT 1 FROM operator_grant AS g JOIN outbox AS o ON o.id = g.outbox JOIN notice_cursor AS c ON c.name = 'chain' "
            "WHERE g.id = :id AND o.state = 'confirmed' AND c.block_number >= o.block_number",
            id=grant,
        )

    for amount in (10**7, 200_000, 90_000, 80_000):  # of the allowance counts what the ledger holds
        allowed(amount)
    (low,) = told(market, token, 1)
    money = {name: low["subject"][name] for name in ("amount", "balance", "allowance", "most")}
    assert (low["kind"], low["subject"]["operator"]) == ("allowance.low", operator)
    assert money == {"amount": "90000", "balance": "1000000", "allowance": "90000", "most": "1000000"}
    for amount in (500_000, 60_000, 40_000):
        allowed(amount)
    again = told(market, token, 2)
    assert [(one["kind"], one["subject"]["amount"], one["subject"]["most"]) for one in again[1:]] == [("allowance.low", "40000", "500000")]
    allowed(0)
    assert len(told(market, token, 2)) == 2, "who takes it back needn't be told"


def test_who_owns_an_operator_is_told_once_before_its_allowance_ends_by_time(
    shared_chain: Chain, database_url: str, tmp_path: Path
) -> None:
    """At half of its time, where that is less than two days; not of one that nothing is left of, and again for each later end."""
    clock = Clock(tmp_path)
    with works(shared_chain, database_url, tmp_path, PIECEWORK_HERALD_SECONDS="0.2", **clock.environment) as market:
        _ends_by_time(market, clock)


def _ends_by_time(market: Works, clock: Clock) -> None:
    requester, chain = new_key(), market.chain
    deposit(chain.rpc, chain.deployment, requester, 10**6)
    token = sign_in(market, requester)
    operators = [call(market, "POST", "/v1/operators", {"name": name}, token).body["address"] for name in "abc"]
    for operator, amount, seconds in zip(reversed(operators), (10**6, 0, 10**6), (7 * DAY, 1_000, 1_000), strict=True):
        until = int(time.time()) + seconds
        allow(market, requester, token, operator, amount, seconds)
        market.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=operator)
    clock.elapse(300)
    assert _told_after_looks(market, token) == [], "not before half of its time"
    clock.elapse(300)
    (ending,) = told(market, token, 1)
    assert (ending["kind"], ending["subject"]["operator"], ending["subject"]["allowance"]) == ("allowance.ending", operators[0], "1000000")
    assert abs(ending["subject"]["until"] - until) <= 1
    clock.elapse(500)
    assert _told_after_looks(market, token) == [ending]
    allow(market, requester, token, operators[0], 10**6, 5_000)
    market.until("SELECT count(*) FROM mirror_operator_allowance WHERE operator = :of HAVING count(*) = 2", of=operators[0])
    assert _told_after_looks(market, token) == [ending]
    clock.elapse(2_000)
    assert [one["kind"] for one in told(market, token, 2)] == ["allowance.ending"] * 2


def _told_after_looks(market: Works, token: str) -> list[dict[str, Any]]:
    """What an account was told, once the herald has looked a few times more."""
    time.sleep(1)
    return told(market, token, 0)


def test_a_webhook_is_posted_signed_messages_of_its_kinds(market: Works) -> None:
    key, asker = new_key(), sign_in(market, new_key())
    worker = sign_in(market, key)
    with inbox() as received:
        hook = call(market, "POST", "/v1/webhooks", {"url": received.url, "kinds": ["block.set"]}, worker).body
        block(market, key, asker)
        call(market, "DELETE", f"/v1/blocks/{key.address}", token=asker)
        call(market, "POST", f"/v1/webhooks/{hook['id']}/ping", token=worker)
        posted = received.wait(2)
        told(market, worker, 2)
    kinds = sorted(json.loads(body)["type"] for _, body in posted)
    assert kinds == ["block.set", "ping"]
    for headers, body in posted:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
        assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    market.until("SELECT 1 FROM delivery WHERE webhook = :id AND state = 'delivered' AND said = 'HTTP 204'", id=hook["id"])
    listed = call(market, "GET", "/v1/webhooks", token=worker).body["items"]
    assert [entry["id"] for entry in listed] == [hook["id"]] and "secret" not in listed[0]
    assert call(market, "DELETE", f"/v1/webhooks/{hook['id']}", token=asker).status == 404
    assert call(market, "DELETE", f"/v1/webhooks/{hook['id']}", token=worker).status == 204


@pytest.mark.parametrize("status", [500, 302])
def test_a_webhook_that_takes_nothing_is_disabled_with_a_word_and_enabled_again(market: Works, status: int) -> None:
    """A redirection is no answer either."""
    key, asker = new_key(), sign_in(market, new_key())
    worker = sign_in(market, key)
    with inbox() as received:
        received.status = status
        hook = call(market, "POST", "/v1/webhooks", {"url": received.url, "kinds": ["block.set"]}, worker).body
        block(market, key, asker)
        received.wait(1)
        market.until("SELECT 1 FROM delivery WHERE webhook = :id AND said LIKE '%HTTP%'", id=hook["id"])
        log = call(market, "GET", f"/v1/webhooks/{hook['id']}/deliveries", token=worker).body["items"]
        assert log[0]["attempts"] >= 1 and str(status) in log[0]["said"]
        time.sleep(2)
        block(market, key, asker)
        market.until("SELECT 1 FROM webhook WHERE id = :id AND disabled IS NOT NULL", id=hook["id"])
        listed = call(market, "GET", "/v1/webhooks", token=worker).body["items"]
        assert f"HTTP {status}" in listed[0]["disabled"]
        assert {headers["path"] for headers, _ in received.posted} == {"/in?x=1"}
        received.status = 204
        assert call(market, "POST", f"/v1/webhooks/{hook['id']}/enable", token=worker).status == 204
        call(market, "POST", f"/v1/webhooks/{hook['id']}/ping", token=worker)
        market.until("SELECT 1 FROM delivery WHERE webhook = :id AND state = 'delivered'", id=hook["id"])


def read_stream(market: Works, token: str, events: int, last: str | None = None) -> list[tuple[str, str]]:
    headers = {"authorization": f"Bearer {token}"} | ({} if last is None else {"last-event-id": last})
    found, id = list[tuple[str, str]](), ""
    with urllib.request.urlopen(urllib.request.Request(f"{market.url}/v1/events", headers=headers), timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream:
            name, _, value = line.decode().strip().partition(": ")
            id = value if name == "id" else id
            if name == "event":
                found.append((id, value))
            if len(found) == events:
                return found
    return found


def test_a_stream_that_breaks_off_goes_on_where_it_was(market: Works) -> None:
    key, asker = new_key(), sign_in(market, new_key())
    worker = sign_in(market, key)
    for _ in range(4):
        block(market, key, asker)
    everything = [(entry["number"], entry["kind"]) for entry in told(market, worker, 4)]
    assert read_stream(market, worker, 4, last="0") == everything
    assert read_stream(market, worker, 2, last=everything[1][0]) == everything[2:]
    later = threading.Timer(1.0, block, (market, key, asker))
    later.start()
    assert [kind for _, kind in read_stream(market, worker, 1)] == ["block.set"]
    later.join()


def test_nobody_reads_anothers_notices(market: Works) -> None:
    assert call(market, "GET", "/v1/notices").status == 401
    assert call(market, "GET", "/v1/events").status == 401
    assert call(market, "GET", "/v1/notices", token=sign_in(market, new_key())).body["items"] == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1", "fd00::1", "0.0.0.0", "100.64.0.1"]
    + ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "ff02::1"],
)
def test_private_addresses_are_not_posted_to(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(Invalid, match="private network"):
        resolve(address, 443, False)


def test_public_addresses_are() -> None:
    assert is_public("1.1.1.1") and is_public("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://example.org/", "https://user@example.org/", "https://", "https://a b/", "https://x:99999/"]
)
def test_only_plain_https_addresses_are_taken(url: str) -> None:
    with pytest.raises(Invalid):
        check_url(url, False)


def test_who_answers_slowly_holds_up_nobody_else(market: Works) -> None:
    """Three addresses of one account, each with a dozen messages, and each takes its time for every one."""
    slow_account, quick_account = sign_in(market, new_key()), sign_in(market, new_key())
    with inbox() as slow, inbox() as quick:
        slow.pause_seconds = 3
        hooks = [call(market, "POST", "/v1/webhooks", {"url": slow.url, "kinds": ["block.set"]}, slow_account).body for _ in range(3)]
        for hook in hooks * 12:
            call(market, "POST", f"/v1/webhooks/{hook['id']}/ping", token=slow_account)
        slow.wait(1)
        hook = call(market, "POST", "/v1/webhooks", {"url": quick.url, "kinds": ["block.set"]}, quick_account).body
        call(market, "POST", f"/v1/webhooks/{hook['id']}/ping", token=quick_account)
        began = time.monotonic()
        quick.wait(1)
        seconds = time.monotonic() - began
        slow.pause_seconds = 0
        for hook in hooks:
            call(market, "DELETE", f"/v1/webhooks/{hook['id']}", token=slow_account)
    assert seconds < 2.5, "it waited for another's address"
