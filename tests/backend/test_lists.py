"""No list leads on to a page with nothing on it: of every address with pages, one that holds just all entries says that none follows, and
one that lacks the last leads to that one."""

import asyncio
import json
import re
import secrets
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import pytest
import uvicorn
from sqlalchemy import insert

from backend import web
from backend.app import create_app
from backend.services.coordinator import Coordinator
from backend.settings import Settings
from backend.store.tables import Finding, WatchNote
from backend.web import earnings, explorer, inbox, pages, work
from backend.web.hire import jobs, people, results, review
from piecework.chain.escrow import escrow_abi
from piecework.chain.escrow_recourse import encode_contest
from piecework.chain.wallet import Wallet
from piecework.client import Market, Requester, Worker
from piecework.client.market import terms_of
from piecework.domain.reports import Report
from tests.backend.test_openings import disputable_job, open_batch, receipt_of
from tests.backend.workshop import Works, answer, call, new_key, open_job, posting, sign_in, works
from tests.conftest import Chain

ASKER, HAND = "asker", "hand"
MANY = 1_000

API: dict[str, tuple[str, str]] = {
    "/v1/notices": (ASKER, ""),
    "/v1/webhooks/{id}/deliveries": (ASKER, "webhook"),
    "/v1/watchtower": (ASKER, ""),
    "/v1/jobs/{job}/openings": (ASKER, "job"),
    "/v1/jobs": (ASKER, ""),
    "/v1/jobs/{job}/units": (ASKER, "job"),
    "/v1/jobs/{job}/submissions": (ASKER, "job"),
    "/v1/jobs/{job}/batches": (ASKER, "job"),
    "/v1/jobs/{job}/reviews": (ASKER, "job"),
    "/v1/jobs/{job}/consensus": (ASKER, "job"),
    "/v1/jobs/{job}/consensus/workers": (ASKER, "job"),
    "/v1/jobs/{job}/signals": (ASKER, "job"),
    "/v1/jobs/{job}/reports": (ASKER, "reported"),
    "/v1/drafts": (ASKER, ""),
    "/v1/payments": (ASKER, ""),
    "/v1/assignments": (HAND, ""),
    "/v1/holdings": (HAND, ""),
    "/v1/qualifications": (ASKER, ""),
    "/v1/qualifications/{id}/grants": (ASKER, "kind"),
    "/v1/qualifications/{id}/requests": (ASKER, "kind"),
    "/v1/blocks": (ASKER, ""),
    "/v1/threads": (ASKER, ""),
    "/v1/threads/{id}/messages": (ASKER, "thread"),
    "/v1/bonuses": (ASKER, ""),
    "/v1/mturk-workers": (ASKER, ""),
}
"""Who reads a list, and what stands for the braces."""
PAGES: list[tuple[str, str, str, Any, str, str]] = [
    ("/index.json", ASKER, "jobs", pages, "JOBS_A_PAGE", ""),
    ("/jobs/{}.json", ASKER, "payments", pages, "PAYMENTS_A_PAGE", "job"),
    ("/work.json", HAND, "jobs", work, "JOBS_A_PAGE", ""),
    ("/earnings.json", HAND, "payments", earnings, "PAYMENTS_A_PAGE", ""),
    ("/history.json", HAND, "items", earnings, "ANSWERS_A_PAGE", ""),
    ("/notices.json", ASKER, "notices", inbox, "SHOWN", ""),
    ("/messages.json", HAND, "threads", inbox, "SHOWN", ""),
    ("/messages/{}.json", HAND, "messages", inbox, "MESSAGES", "thread"),
    ("/hire.json", ASKER, "jobs", jobs, "JOBS_A_PAGE", ""),
    ("/hire/jobs/{}/review.json?state=all", ASKER, "units", review, "ANSWERS_A_PAGE", "apart"),
    ("/hire/jobs/{}/results.json", ASKER, "units", results, "UNITS_A_PAGE", "job"),
    ("/hire/people.json", ASKER, "threads", people, "SHOWN", ""),
    ("/hire/people.json", ASKER, "bonuses", people, "SHOWN", ""),
    ("/hire/people.json", ASKER, "blocks", people, "SHOWN", ""),
    ("/hire/people/{}.json", ASKER, "messages", people, "MESSAGES", "thread"),
    ("/explore.json", ASKER, "items", explorer, "A_PAGE", ""),
    ("/explore/payments.json", ASKER, "items", explorer, "A_PAGE", ""),
    ("/explore/disputes.json", ASKER, "items", explorer, "A_PAGE", ""),
    ("/explore/requesters.json", ASKER, "items", explorer, "A_PAGE", ""),
]
"""A page's twin, who reads it, its list, where the length of that is set, and what stands for the braces."""


@dataclass
class World:
    """A marketplace with two or more of everything, its application in this process too, tokens, and ids by name."""

    url: str
    tokens: dict[str, str]
    ids: dict[str, str]

    def get(self, path: str, who: str, **query: Any) -> Any:
        """A list as JSON."""
        more = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        address = f"{self.url}{path}{'&' if '?' in path else '?'}{more}"
        asked = urllib.request.Request(address, headers={"authorization": f"Bearer {self.tokens[who]}"})
        with urllib.request.urlopen(asked, timeout=60) as found:
            return json.load(found)


@pytest.fixture(scope="module")
def world(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("lists")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, PIECEWORK_WEBHOOKS_ANYWHERE="true") as market:
        tokens, ids = filled(market)
        services = Coordinator(
            Settings(
                database_url=market.database_url,
                rpc_url=market.rpc_url,
                deployment=folder / "deployment.json",
                data=folder,
                coordinator_key="0x" + shared_chain.coordinator.secret.hex(),  # type: ignore[arg-type]
                relayer_key="0x" + shared_chain.relayer.secret.hex(),  # type: ignore[arg-type]
            ),
            market.url,
        )
        noted(services, ids["job"])
        server = uvicorn.Server(uvicorn.Config(create_app(services), port=0, log_level="warning", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield World(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", tokens, ids)
        server.should_exit = True
        thread.join()
        services.unit_loads.stop()
        services.store.close()


def filled(market: Works) -> tuple[dict[str, str], dict[str, str]]:
    """Tokens and ids."""
    chain, keys, (own, other) = market.chain, [new_key(), new_key()], (new_key(), new_key())
    for key in (own, other):
        chain.rpc.call("anvil_setBalance", key.address, hex(10**18))

    async def work() -> tuple[dict[str, str], dict[str, str]]:
        async with Market(market.url) as client:
            asker, job = await disputable_job(market, client, [(f"u{n}", 2) for n in range(4)], own)
            takes: dict[str, Any] = {"template": "classifier", "labels": ["a", "b"], "reports": {"each": 2}}
            takes["criteria"] = [{"code": "false-report", "text": "It isn't so."}]
            _, reported = await open_job(client, own, [({"source": "a"}, 1), ({"source": "b"}, 1)], **takes)
            _, apart = await open_job(client, own, [("a", 1), ("b", 1)])
            await open_job(client, other, [("x", 1)])
            hand, second = [await Worker.sign_in(client, key) for key in keys]
            mine = [await answer(hand, job, unit) for unit in range(2)]
            for unit in range(2):
                await answer(hand, apart, unit)
                taken = await hand.take(reported["id"], unit)
                await hand.report(reported, taken, Report("broken", "It doesn't load."), secrets.token_bytes(32))
            theirs = [await answer(second, job, unit) for unit in range(2)]
            for unit in range(2, 4):
                await answer(second, job, unit)
            for one in mine:
                await approved(asker, job, one["id"])
            escrow = Wallet(chain.rpc, own, escrow_abi())
            for entry in [item for item in await asker.submissions(job["id"]) if item["id"] in {one["id"] for one in theirs}]:
                opening = open_batch(chain, job, receipt_of(entry))
                escrow.send(chain.deployment.escrow, encode_contest(terms_of(job), opening, b"\1", bytes(32)))
            return {ASKER: asker.session.token, HAND: hand.session.token}, {
                "job": job["id"], "reported": reported["id"], "apart": apart["id"], "answered": mine[0]["id"],
            }

    tokens, ids = asyncio.run(work())
    hands = [key.address for key in keys]
    made = make(market, tokens, ids, hands)
    market.until("SELECT count(*) FROM mirror_slot_payment WHERE job = :of HAVING count(*) >= 2", of=ids["job"])
    market.until("SELECT count(*) FROM mirror_contest WHERE job = :of HAVING count(*) >= 2", of=ids["job"])
    market.until("SELECT count(*) FROM worker_skill s JOIN posting p ON p.number = s.posting WHERE p.job = :of HAVING count(*) >= 2", of=ids["job"])
    market.until("SELECT count(*) FROM delivery HAVING count(*) >= 2")
    market.until("SELECT count(*) FROM notice WHERE account = :of AND number IS NOT NULL HAVING count(*) >= 2", of=own.address)
    return tokens, ids | made


async def approved(asker: Requester, job: dict[str, Any], id: str) -> None:
    """Approves one answer, in a batch of its own."""
    await asker.approve(job["id"], [id])
    waiting = await asker.submissions(job["id"])
    known = {item["slot"]: (item["worker"], bytes.fromhex(item["commitment"][2:])) for item in waiting}
    for entry in await asker.batches(job["id"]):
        await asker.approve_batch(job, entry, known)


def make(market: Works, tokens: dict[str, str], ids: dict[str, str], hands: list[str]) -> dict[str, str]:
    """Two of what has nothing to do with answers."""
    asker, hand, made = tokens[ASKER], tokens[HAND], dict[str, str]()

    def do(method: str, path: str, body: Any, token: str = asker) -> Any:
        found = call(market, method, path, body, token)
        assert found.status < 300, (path, found)
        return found.body

    made["webhook"] = do("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/x", "kinds": ["block.set"]})["id"]
    kind = {"description": "d", "requestable": True}
    made["kind"], _ = (do("POST", "/v1/qualifications", kind | {"name": secrets.token_hex(8)})["id"] for _ in range(2))
    askers = [hand, sign_in(market, new_key())]
    for at in range(2):
        do("POST", f"/v1/webhooks/{made['webhook']}/ping", {})
        do("POST", "/v1/drafts", {})
        do("PUT", f"/v1/qualifications/{made['kind']}/grants/{new_key().address}", {"value": 1})
        do("POST", f"/v1/qualifications/{made['kind']}/requests", {}, askers[at])
        do("PUT", f"/v1/blocks/{new_key().address}", {"reason": "r"})
        do("POST", "/v1/messages", {"job": ids["job"], "text": "hello", "workers": hands})
        do("POST", "/v1/messages", {"job": ids["apart"], "text": "hello", "workers": hands[:1]})
        bonus = {"request": secrets.token_hex(4), "assignment": ids["answered"], "amount": "1", "reason": "good"}
        do("POST", "/v1/bonuses", bonus)
    do("POST", "/v1/jobs", posting([("x", 1)]))
    do("PUT", "/v1/mturk-workers", {"workers": [{"worker_id": name, "assignments": ["3" + name]} for name in ("A" * 14, "B" * 14)]})
    made["thread"] = next(one["id"] for one in call(market, "GET", "/v1/threads", token=hand).body["items"])
    return made


def noted(services: Coordinator, job: str) -> None:
    """Two of what the watchtower and a detector say."""
    number = services.postings.find(job).number
    note = {"kind": "open", "job": job, "slots": 1, "amount": 1, "gas": 1, "said": "Left.", "created_at": services.clock()}
    said = {"posting": number, "detector": "canary", "evidence": "quick", "false_positive_rate": 0.01}
    notes = [note | {"subject": str(at)} for at in range(2)]
    findings = [said | {"worker": new_key().address} for _ in range(2)]
    services.store.write_now(lambda c: (c.execute(insert(WatchNote), notes), c.execute(insert(Finding), findings)))


@pytest.mark.parametrize("path", API)
def test_a_page_of_the_api_that_holds_the_rest_says_that_nothing_follows(world: World, path: str) -> None:
    who, name = API[path]
    for braces in ("{job}", "{id}"):
        path = path.replace(braces, world.ids.get(name, ""))

    def read(limit: int, cursor: str | None = None) -> tuple[list[Any], str | None]:
        page = world.get(path, who, limit=limit, cursor=cursor)
        if "more" in page:  # a document to be kept always says where it ends
            return page["receipts"] + page["batches"], page["cursor"] if page["more"] else None
        return page["items"], page["next"]

    walked(read, len(read(MANY)[0]))


@pytest.mark.parametrize(("path", "who", "what", "room", "size", "name"), PAGES, ids=[f"{path} {what}" for path, _, what, *_ in PAGES])
def test_a_page_that_holds_the_rest_says_that_nothing_follows(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str, who: str, what: str, room: Any, size: str, name: str
) -> None:
    cursor_name = what if what in ("bonuses", "blocks") else "cursor"
    next_name = f"next_{what}" if what in ("bonuses", "blocks") else "next"

    def read(limit: int, cursor: str | None = None) -> tuple[list[Any], str | None]:
        monkeypatch.setattr(room, size, limit)
        page = world.get(path.format(world.ids.get(name)), who, **{cursor_name: cursor})
        return page[what], page[next_name]

    walked(read, len(read(MANY)[0]))


def walked(read: Callable[..., tuple[list[Any], str | None]], count: int) -> None:
    """Looks at a list of `count` entries in pages that just end with it, and in pages of one less."""
    assert count >= 2, "there is too little to see anything by"
    whole, following = read(count)
    assert (len(whole), following) == (count, None)
    most, following = read(count - 1)
    assert len(most) == count - 1 and following is not None
    rest, following = read(count - 1, following)
    assert (len(rest), following) == (1, None)


def test_what_a_filter_leaves_out_behind_the_last_one_is_no_page(world: World) -> None:
    count = len(world.get("/v1/jobs", ASKER, state="open", limit=MANY)["items"])
    assert count < len(world.get("/v1/jobs", ASKER, limit=MANY)["items"]), "a draft is the newest"
    assert world.get("/v1/jobs", ASKER, state="open", limit=count)["next"] is None


def test_every_address_with_pages_is_looked_at(world: World) -> None:
    """Of those with JSON twins, by what they say."""
    document = world.get("/openapi.json", ASKER)
    listed = {path for path, methods in document["paths"].items() if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))}
    assert listed - {"/v1/events"} == API.keys()
    twins = [path for path in _paths(web.router) if path.endswith(".json")]
    assert len(twins) > 25
    told = set()
    for path in twins:
        filled = re.sub("{(.*?)}", lambda found: world.ids.get(found[1], "0x"), path)
        for who in (ASKER, HAND):
            with suppress(HTTPError):  # somebody else's, or no such thing
                if any(name.startswith("next") for name in world.get(filled, who)):
                    told.add(re.sub("{.*?}", "{}", path))
    assert told == {path.partition("?")[0] for path, *_ in PAGES}


def _paths(router: Any) -> Iterator[str]:
    for route in router.routes:
        yield from [route.path] if hasattr(route, "path") else _paths(route.original_router)
