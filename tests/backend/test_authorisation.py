"""Who may do what: a table of every address, held cell by cell against a running marketplace.

Each row is asked by nobody, by somebody with a wrong token, by a stranger, by the worker and by the requester of the object, and by API
keys with and without the scope. `OPEN` is for all, `SIGNED` for whoever is signed in about itself, `REQUESTER` and `WORKER` for the one
to whom the object belongs, `PARTIES` for both, `OTHERS` for whoever isn't the requester. Who is allowed may be refused for another reason (409, 422), never by 401, 403 or 404.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from backend.services.keys import SCOPES
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, answer, call, new_key, posting, quick_job, sign_in, works
from tests.conftest import Chain

OPEN, SIGNED, REQUESTER, WORKER, PARTIES, OTHERS = "open", "signed", "requester", "worker", "parties", "others"
REFUSED = (401, 403, 404)


class Row(NamedTuple):
    """An address, who may, and how others are refused: 403, or 404 where they mustn't learn that there is such a thing."""

    method: str
    path: str
    who: str
    scope: str | None = None
    refusal: int = 403
    body: Any = None


def bodies(world: "World") -> dict[str, Any]:
    """Bodies that need something of the world, by name."""
    return {
        "job": posting([("a", 1)]),
        "a": "a",
        "message": {"job": world.job, "text": "hello", "workers": [world.worker.address]},
        "bonus": {"request": secrets.token_hex(4), "assignment": world.answered, "amount": "1", "reason": "good"},
        "evidence": {"about": {"kind": "job", "id": world.job}, "text": "so it was"},
        "qualification": {"name": secrets.token_hex(8), "description": "d"},
        "withdrawal": {
            **{"owner": world.worker.address, "token": world.market.chain.deployment.token, "receiver": world.worker.address},
            **{"amount": "1", "max_fee": "0", "nonce": 0, "deadline": int(time.time()) + 600, "signature": "0x" + "11" * 65},
        },
    }


TABLE = [
    Row("POST", "/v1/session/nonce", OPEN),
    Row("POST", "/v1/session", OPEN, body={"message": "x", "signature": "0x"}),
    Row("GET", "/v1/session", SIGNED),
    Row("PUT", "/v1/session/payout", SIGNED, body={"payout": "wallet"}),
    Row("GET", "/v1/session/all", SIGNED),
    Row("DELETE", "/v1/session/all/{session}", REQUESTER, None, 404),
    Row("POST", "/v1/keys", SIGNED, body={"name": "n", "scopes": ["review"]}),
    Row("GET", "/v1/keys", SIGNED),
    Row("DELETE", "/v1/keys/{key}", REQUESTER, None, 404),
    Row("GET", "/v1/info", OPEN),
    Row("GET", "/v1/templates", OPEN),
    Row("GET", "/v1/settlement", OPEN),
    Row("GET", "/v1/watchtower", OPEN),
    Row("POST", "/v1/jobs", SIGNED, "jobs:write", body="job"),
    Row("POST", "/v1/jobs/check", SIGNED, body="job"),
    Row("GET", "/v1/jobs", OPEN, "jobs:read"),
    Row("GET", "/v1/jobs/{job}", OPEN),
    Row("GET", "/v1/jobs/{job}/units", OPEN, "jobs:read"),
    Row("GET", "/v1/jobs/{job}/units/0/proof", PARTIES, "jobs:read"),
    Row("PUT", "/v1/jobs/{job}/content-key", REQUESTER, "jobs:write", body={"key": "AAAA"}),
    Row("DELETE", "/v1/jobs/{job}/content-key", REQUESTER, "jobs:write"),
    Row("GET", "/v1/jobs/{job}/submissions", REQUESTER, "jobs:read"),
    Row("GET", "/v1/jobs/{job}/funding", REQUESTER, "jobs:read"),
    Row("POST", "/v1/jobs/{job}/funding", REQUESTER, "jobs:write", body={}),
    Row("POST", "/v1/jobs/{job}/funding/permit", REQUESTER, "jobs:write", body={"signature": "0x" + "11" * 65}),
    Row("POST", "/v1/jobs/{job}/batches", REQUESTER, "review", body={}),
    Row("GET", "/v1/jobs/{job}/batches", OPEN),
    Row("GET", "/v1/jobs/{job}/reviews", REQUESTER, "review"),
    Row("POST", "/v1/jobs/{job}/reviews", REQUESTER, "review", body={}),
    Row("POST", "/v1/jobs/{job}/reviews/file", REQUESTER, "review", body={}),
    Row("POST", "/v1/jobs/{job}/reviews/bulk", REQUESTER, "review", body={"verdict": "approved", "filter": {}}),
    Row("GET", "/v1/jobs/{job}/consensus", REQUESTER, "review"),
    Row("GET", "/v1/jobs/{job}/consensus/workers", REQUESTER, "review"),
    Row("GET", "/v1/jobs/{job}/consensus/file", REQUESTER, "review"),
    Row("GET", "/v1/jobs/{job}/consensus/answers", REQUESTER, "review"),
    Row("PUT", "/v1/jobs/{job}/gold", REQUESTER, "jobs:write", body={"units": []}),
    Row("GET", "/v1/jobs/{job}/gold", REQUESTER, "review"),
    Row("PUT", "/v1/jobs/{job}/rules", REQUESTER, "jobs:write", body={"rules": []}),
    Row("GET", "/v1/jobs/{job}/rules", REQUESTER, "review"),
    Row("GET", "/v1/me/jobs/{job}/standing", SIGNED, "assignments"),
    Row("GET", "/v1/jobs/{job}/reports", REQUESTER, "review"),
    Row("GET", "/v1/me/jobs/{job}/reports", SIGNED, "assignments"),
    Row("POST", "/v1/assignments/{answered}/signals", WORKER, "assignments", 404, {"seconds": 3.0}),
    Row("GET", "/v1/me/sharing", SIGNED, "assignments"),
    Row("PUT", "/v1/me/sharing", SIGNED, "assignments", body={"share": True}),
    Row("GET", "/v1/me/signals", SIGNED, "assignments"),
    Row("POST", "/v1/jobs/{job}/signals/run", REQUESTER, "review", body={}),
    Row("GET", "/v1/jobs/{job}/signals", REQUESTER, "review"),
    Row("PUT", "/v1/jobs/{job}/signals/{worker}/review", REQUESTER, "review", body={"verdict": "upheld", "reason": "r"}),
    Row("POST", "/v1/jobs/{job}/peer-review", REQUESTER, "jobs:write", body={}),
    Row("GET", "/v1/jobs/{job}/rejections", REQUESTER, "review"),
    Row("POST", "/v1/jobs/{job}/rejections", REQUESTER, "review", body={"reason": "r"}),
    Row("GET", "/v1/requesters/{requester}", OPEN),
    Row("PUT", "/v1/jobs/{job}/predictions", REQUESTER, "jobs:write", body={"predictions": []}),
    Row("POST", "/v1/jobs/{job}/predictions/train", REQUESTER, "jobs:write", body={}),
    Row("GET", "/v1/jobs/{job}/predictions/next", REQUESTER, "review"),
    Row("POST", "/v1/jobs/{job}/routing", REQUESTER, "jobs:write", body={}),
    Row("GET", "/v1/jobs/{job}/routing", REQUESTER, "review"),
    Row("GET", "/v1/jobs/{job}/manifest", REQUESTER, "review"),
    Row("POST", "/v1/drafts", SIGNED, "jobs:write", body={}),
    Row("GET", "/v1/drafts", SIGNED, "jobs:read"),
    Row("GET", "/v1/drafts/{draft}", REQUESTER, "jobs:read", 404),
    Row("PUT", "/v1/drafts/{draft}", REQUESTER, "jobs:write", 404, {}),
    Row("PUT", "/v1/drafts/{draft}/units", REQUESTER, "jobs:write", 404, ["a"]),
    Row("GET", "/v1/drafts/{loaded}/units", REQUESTER, "jobs:read", 404),
    Row("GET", "/v1/drafts/{draft}/units/sample", REQUESTER, "jobs:read", 404),
    Row("GET", "/v1/drafts/{draft}/price", REQUESTER, "jobs:read", 404),
    Row("POST", "/v1/drafts/{draft}/prepare", REQUESTER, "jobs:write", 404, {}),
    Row("DELETE", "/v1/drafts/{draft}", REQUESTER, "jobs:write", 404),
    Row("POST", "/v1/jobs/{job}/assignments", OTHERS, "assignments", body={}),
    Row("GET", "/v1/jobs/{job}/preview", SIGNED, "assignments"),
    Row("GET", "/v1/assignments", SIGNED, "assignments"),
    Row("GET", "/v1/assignments/{answered}", PARTIES, "assignments", 404),
    Row("PUT", "/v1/assignments/{held}/draft", WORKER, "assignments", 404, {"draft": 1}),
    Row("GET", "/v1/assignments/{drafted}/draft", WORKER, "assignments", 404),
    Row("PUT", "/v1/assignments/{held}/attachments/{file}", WORKER, "assignments", 404, "a"),
    Row("GET", "/v1/assignments/{answered}/attachments", PARTIES, "assignments", 404),
    Row("POST", "/v1/assignments/{held}/commit", WORKER, "assignments", 404, {"commitment": "0x" + "11" * 32}),
    Row("POST", "/v1/assignments/{held}/reveal", WORKER, "assignments", 404, {"answer": 1, "salt": "0x" + "11" * 32}),
    Row("POST", "/v1/assignments/{held}/return", WORKER, "assignments", 404, {}),
    Row("GET", "/v1/record", SIGNED, "assignments"),
    Row("GET", "/v1/holdings", SIGNED, "assignments"),
    Row("GET", "/v1/accounts/{worker}", OPEN),
    Row("GET", "/v1/payments", OPEN),
    Row("POST", "/v1/withdrawals", OPEN, body="withdrawal"),
    Row("POST", "/v1/evidence", SIGNED, body="evidence"),
    Row("GET", "/v1/evidence/{evidence}", SIGNED),
    Row("POST", "/v1/operators", SIGNED, body={"name": "n"}),
    Row("GET", "/v1/operators", SIGNED),
    Row("POST", "/v1/operators/{operator}/message", SIGNED, body={"allowance": "1", "expires_at": 2**33, "deadline": 2**33}),
    Row("DELETE", "/v1/operators/{operator}", REQUESTER, None, 404),
    Row("GET", "/v1/blocks", SIGNED, "people"),
    Row("PUT", "/v1/blocks/{nobody}", SIGNED, "people", body={"reason": "r"}),
    Row("DELETE", "/v1/blocks/{nobody}", SIGNED, "people"),
    Row("POST", "/v1/messages", SIGNED, "people", body="message"),
    Row("GET", "/v1/threads", SIGNED, "people"),
    Row("GET", "/v1/threads/{thread}", PARTIES, "people", 404),
    Row("GET", "/v1/threads/{thread}/messages", PARTIES, "people", 404),
    Row("PUT", "/v1/threads/{thread}/read", PARTIES, "people", 404, {"number": "1"}),
    Row("GET", "/v1/mutes", SIGNED, "people"),
    Row("PUT", "/v1/mutes/{nobody}", SIGNED, "people", body={}),
    Row("DELETE", "/v1/mutes/{nobody}", SIGNED, "people"),
    Row("POST", "/v1/bonuses", REQUESTER, "payments", 404, "bonus"),
    Row("GET", "/v1/bonuses", SIGNED, "payments"),
    Row("GET", "/v1/bonuses/{bonus}", REQUESTER, "payments", 404),
    Row("POST", "/v1/qualifications", SIGNED, body="qualification"),
    Row("GET", "/v1/qualifications", OPEN),
    Row("GET", "/v1/qualifications/held", SIGNED),
    Row("GET", "/v1/qualifications/{qualification}", OPEN),
    Row("GET", "/v1/qualifications/{qualification}/attesters", OPEN),
    Row("PUT", "/v1/qualifications/{qualification}/attesters", REQUESTER, None, 403, {"attesters": []}),
    Row("GET", "/v1/qualifications/{qualification}/grants", REQUESTER),
    Row("PUT", "/v1/qualifications/{qualification}/grants/{worker}", REQUESTER, None, 403, {"value": 1}),
    Row("DELETE", "/v1/qualifications/{granted}/grants/{worker}", REQUESTER),
    Row("GET", "/v1/qualifications/{qualification}/requests", REQUESTER),
    Row("POST", "/v1/qualifications/{qualification}/requests", SIGNED, body={}),
    Row("DELETE", "/v1/qualifications/{qualification}", REQUESTER),
    Row("GET", "/v1/notices", SIGNED, "notices"),
    Row("GET", "/v1/waiting", SIGNED, "notices"),
    Row("POST", "/v1/webhooks", SIGNED, "webhooks", body={"url": "http://127.0.0.1:9/x", "kinds": ["job.opened"]}),
    Row("GET", "/v1/webhooks", SIGNED, "webhooks"),
    Row("POST", "/v1/webhooks/{webhook}/enable", REQUESTER, "webhooks", 404, {}),
    Row("POST", "/v1/webhooks/{webhook}/confirm", REQUESTER, "webhooks", 404, {"code": "1"}),
    Row("POST", "/v1/webhooks/{webhook}/ping", REQUESTER, "webhooks", 404, {}),
    Row("GET", "/v1/webhooks/{webhook}/deliveries", REQUESTER, "webhooks", 404),
    Row("DELETE", "/v1/webhooks/{webhook}", REQUESTER, "webhooks", 404),
    Row("GET", "/v1/mturk-keys", SIGNED),
    Row("GET", "/v1/mturk-keys/webhook-secret", SIGNED),
    Row("POST", "/v1/mturk-keys", SIGNED, body={"name": "n", "expires_at": 2**33}),
]
ELSEWHERE = {
    "POST /v1/mturk-layouts": "tests/mturk",
    "GET /v1/mturk-layouts": "tests/mturk",
    "GET /v1/mturk-layouts/{id}": "tests/mturk",
    "PUT /v1/mturk-workers": "tests/mturk",
    "GET /v1/mturk-workers": "tests/mturk",
    "POST /v1/mturk-workers/claims": "tests/mturk",
    "GET /v1/qualifications/{id}/test": "tests/mturk",
    "POST /v1/qualifications/{id}/test": "tests/mturk",
    "GET /v1/jobs/{job}/openings": "public; test_recourse",
    "GET /v1/openings/{opening}": "public; test_recourse",
    "POST /v1/openings/{opening}/{step}": "by the step, whose it is; test_recourse",
    "GET /v1/appeals/{appeal}": "public; test_recourse",
    "GET /v1/appeals/{appeal}/answers": "both sides, and who rules; test_recourse",
    "POST /v1/appeals/{appeal}/{step}": "by the step, whose it is; test_recourse",
    "GET /v1/rejections": "for the trustee of freezes only; the quality tests",
    "PUT /v1/rejections/{job}": "for the trustee of a freeze only; the quality tests",
    "DELETE /v1/session": "ends the session that every other row needs; test_sessions",
    "DELETE /v1/session/others": "the same; test_sessions",
    "GET /v1/assignments/{id}/attachments/{sha256}": "a file; test_attachments",
    "GET /v1/events": "a stream; test_notices",
    "POST /v1/batches/{digest}/approval": "bound by its signature, whoever carries it; test_road",
    "GET /v1/batches/{digest}": "public; test_road",
    "GET /v1/withdrawals/{id}": "public, by its own digest; test_road",
    "GET /v1/operators/{operator}/grants/{id}": "public, by its own digest; test_operators",
    "POST /v1/operators/{operator}/grants": "bound by its signature; test_operators",
    "GET /v1/qualifications/held/{id}/attestation": "the holder's own; the quality tests",
    "POST /v1/qualifications/{id}/attestations": "bound by an attester's signature; the quality tests",
    "POST /v1/qualifications/{id}/requests/{asker}/refuse": "test_qualifications",
    "DELETE /v1/mturk-keys/{key}": "tests/mturk",
    "GET /v1/assignments/{id}/hit": "HITs only; tests/mturk",
    "GET /v1/jobs/{job}/hit": "HITs only; tests/web/test_hits",
    "GET /v1/jobs/{job}/units/{unit}/hit": "HITs only; tests/web/test_hits",
}
"""Addresses that the table leaves out, and where they are held."""


@dataclass
class World:
    """Real objects of a requester and a worker, and the tokens of everybody."""

    market: Works
    requester: Key
    worker: Key
    tokens: dict[str, str]
    job: str
    answered: str
    held: str
    made: dict[str, str] = field(default_factory=dict)

    def new(self, path: str, body: Any, owner: str = REQUESTER) -> Any:
        """Makes something and returns it."""
        found = call(self.market, "POST", path, body, self.tokens[owner])
        assert found.status == 201, (path, found)
        return found.body

    def key(self, owner: str, scopes: tuple[str, ...]) -> str:
        """An API key's secret."""
        name = f"{owner} {' '.join(scopes)}"
        if name not in self.made:
            self.made[name] = self.new("/v1/keys", {"name": "k", "scopes": list(scopes)}, owner)["secret"]
        return self.made[name]

    def fill(self, path: str) -> str:
        """The path with fresh objects where they may be used up."""
        for name, make in MAKERS.items():
            if "{" + name + "}" in path:
                path = path.replace("{" + name + "}", make(self))
        return path


def _session(world: World) -> str:
    sign_in(world.market, world.requester)
    rows = call(world.market, "GET", "/v1/session/all", token=world.tokens[REQUESTER]).body["items"]
    return str(next(row["id"] for row in rows if not row["current"]))


def _loaded(world: World) -> str:
    draft = str(world.new("/v1/drafts", {})["id"])
    assert call(world.market, "PUT", f"/v1/drafts/{draft}/units", ["a"], world.tokens[REQUESTER]).status == 201
    return draft


def _webhook(world: World) -> str:
    for row in call(world.market, "GET", "/v1/webhooks", token=world.tokens[REQUESTER]).body["items"]:
        call(world.market, "DELETE", f"/v1/webhooks/{row['id']}", token=world.tokens[REQUESTER])  # an account has ten at most
    return str(world.new("/v1/webhooks", {"url": "http://127.0.0.1:9/x", "kinds": ["job.opened"]})["id"])


def _thread(world: World) -> str:
    if "thread" not in world.made:
        sent = call(world.market, "POST", "/v1/messages", bodies(world)["message"], world.tokens[REQUESTER])
        assert sent.status < 300, sent
        world.made["thread"] = call(world.market, "GET", "/v1/threads", token=world.tokens[REQUESTER]).body["items"][0]["id"]
    return world.made["thread"]


def _evidence(world: World) -> str:
    if "evidence" not in world.made:
        world.made["evidence"] = world.new("/v1/evidence", bodies(world)["evidence"])["hash"]
    return world.made["evidence"]


def _granted(world: World) -> str:
    kind = str(world.new("/v1/qualifications", bodies(world)["qualification"])["id"])
    path = f"/v1/qualifications/{kind}/grants/{world.worker.address}"
    assert call(world.market, "PUT", path, {"value": 1}, world.tokens[REQUESTER]).status == 204
    return kind


def _drafted(world: World) -> str:
    path = f"/v1/assignments/{world.held}/draft"
    assert call(world.market, "PUT", path, {"draft": 1}, world.tokens[WORKER]).status == 200
    return world.held


MAKERS: dict[str, Callable[[World], str]] = {
    "job": lambda world: world.job,
    "answered": lambda world: world.answered,
    "held": lambda world: world.held,
    "drafted": _drafted,
    "file": lambda world: hashlib.sha256(b'"a"').hexdigest(),
    "worker": lambda world: world.worker.address,
    "requester": lambda world: world.requester.address,
    "nobody": lambda world: new_key().address,
    "session": _session,
    "key": lambda world: str(world.new("/v1/keys", {"name": "n", "scopes": ["review"]})["key"]["id"]),
    "draft": lambda world: str(world.new("/v1/drafts", {})["id"]),
    "loaded": _loaded,
    "operator": lambda world: str(world.new("/v1/operators", {"name": "n"})["address"]),
    "thread": _thread,
    "evidence": _evidence,
    "bonus": lambda world: str(world.new("/v1/bonuses", bodies(world)["bonus"])["note"]),
    "qualification": lambda world: str(world.new("/v1/qualifications", bodies(world)["qualification"])["id"]),
    "granted": _granted,
    "webhook": _webhook,
}


@pytest.fixture(scope="module")
def world(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A marketplace with a job of its requester, an answer and a held slot of its worker, and a stranger."""
    folder = tmp_path_factory.mktemp("authorisation")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, PIECEWORK_WEBHOOKS_ANYWHERE="true") as market:
        requester, worker = shared_chain.requester, new_key()
        token, job = quick_job(market, [(f"u{n}", 50) for n in range(20)], answers_per_worker=20)

        async def run() -> tuple[str, dict[str, Any], dict[str, Any]]:
            async with Market(market.url) as connected:
                hand = await Worker.sign_in(connected, worker)
                return hand.session.token, await answer(hand, job, unit=0), await hand.take(job["id"])

        worker_token, answered, held = asyncio.run(run())
        tokens = {REQUESTER: token, WORKER: worker_token, "stranger": sign_in(market, new_key())}
        yield World(market, requester, worker, tokens, job["id"], answered["id"], held["id"])


def ask(world: World, row: Row, token: str | None) -> int:
    """A cell's status."""
    body = bodies(world)[row.body] if isinstance(row.body, str) else row.body
    return call(world.market, row.method, world.fill(row.path), body, token, **{"if-match": '"1"'}).status


def may(row: Row, role: str) -> bool:
    """Whether a signed-in role is let through."""
    if row.who == OTHERS:
        return role != REQUESTER
    return row.who in (OPEN, SIGNED, role) or (row.who == PARTIES and role in (REQUESTER, WORKER))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_every_cell(world: World, row: Row) -> None:
    found: dict[str, int] = {}
    wanted: dict[str, Any] = {}

    def cell(role: str, token: str | None, expected: int | None) -> None:
        status = ask(world, row, token)
        assert status < 500 or (row.path.startswith("/v1/webhooks") and status == 503), (role, status)
        found[role] = status if expected is not None or status in REFUSED else 0
        wanted[role] = expected or 0

    closed = row.who != OPEN
    cell("nobody", None, 401 if closed else None)
    cell("a wrong token", "nonsense", 401 if closed or row.scope else None)
    for role in ("stranger", WORKER, REQUESTER):
        cell(role, world.tokens[role], None if may(row, role) else row.refusal)
    owner = WORKER if row.who in (WORKER, OTHERS) else REQUESTER
    if closed or row.scope:
        others = tuple(scope for scope in SCOPES if scope != row.scope)
        cell("a key without the scope", world.key(owner, others), 403)
    if row.scope:
        cell("a key with the scope", world.key(owner, (row.scope,)), None)
    assert found == wanted


def test_the_table_has_every_address_and_says_what_openapi_says(world: World) -> None:
    document = call(world.market, "GET", "/openapi.json").body
    told: dict[str, set[str]] = {}
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            if path.startswith("/v1/"):
                scopes = {scope for entry in about.get("security", ()) for scope in entry.get("key", ())}
                open_to_all = not about.get("security") or {} in about["security"]
                told[f"{method.upper()} {path}"] = scopes | ({OPEN} if open_to_all else set())
    rows = {_as_told(row, told): ({row.scope} if row.scope else set()) | ({OPEN} if row.who == OPEN else set()) for row in TABLE}
    assert set(rows) | set(ELSEWHERE) == set(told)
    assert not set(rows) & set(ELSEWHERE)
    assert {name: told[name] for name in rows} == rows


def _as_told(row: Row, told: dict[str, set[str]]) -> str:
    """A row's address as OpenAPI writes it: the same up to the names of what stands in braces, and for a unit's number."""

    def shape(path: str) -> str:
        return "/".join("{}" if part.startswith("{") or part.isdigit() else part for part in path.split("/"))

    wanted = f"{row.method} {shape(row.path)}"
    fits = [name for name in told if f"{name.split()[0]} {shape(name.split()[1])}" == wanted]
    assert len(fits) == 1, (row, fits)
    return fits[0]
