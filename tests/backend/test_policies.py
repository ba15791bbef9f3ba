"""What a requester says of a job beside its money is checked whole, published whole, and holds for every answer."""

import asyncio
import time
from typing import Any

import pytest

from piecework.client import Market, Worker
from piecework.client.market import MarketError
from piecework.domain.content import content_hash
from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES
from tests.backend.test_cell import doubled
from tests.backend.workshop import DAY, Works, answer, call, new_key, open_job, posting, sign_in

POLICIES: dict[str, Any] = {
    "description": "Twenty pictures of streets.",
    "keywords": ["streets", "pictures"],
    "criteria": [{"code": "blank", "text": "Nothing was answered."}],
    "qualifications": [{"qualification": "0x1", "comparator": "exists", "values": [], "guards": ["accept"]}],
    "per_worker_limit": 5,
    "auto_approval_seconds": 3 * DAY,
    "ai_policy": "assisted",
}
TERMS: dict[str, Any] = {
    "arbitrator": "0x" + "ab" * 20,
    "arbitrator_extra_data": "0x0102",
    "contest_deposit": "70000",
    "appeal_stake": "90000",
}


class Careless(Worker):
    """A client that looks at nothing before it commits."""

    def check_answer(self, job: dict[str, Any], answer: Any) -> None: ...


OWN_PAGE: dict[str, Any] = {"template": "html", "labels": None, "html": "<crowd-form></crowd-form>"}
SCHEMA: dict[str, Any] = {"type": "object", "required": ["ducks"], "properties": {"ducks": {"type": "integer"}}}

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("ai_policy", {"ai_policy": "sometimes"}, "forbidden, assisted, allowed"),
    ("keywords", {"keywords": [" "]}, "keywords"),
    ("description", {"description": "x" * 10_001}, "10000 characters"),
    ("per_worker_limit", {"per_worker_limit": 0}, "at least one"),
    ("auto_approval_seconds", {"auto_approval_seconds": 91 * DAY}, "90 days"),
    ("criteria", {"criteria": [{"code": "a", "text": "x"}, {"code": "a", "text": "y"}]}, "same code"),
    ("criteria", {"criteria": [{"code": "A B", "text": "x"}]}, "code"),
    ("criteria", {"criteria": [{"code": "a", "text": " "}]}, "what the criterion a means"),
    ("options", {"options": {"colour": "red"}}, "label doesn't take these options"),
    ("labels", {"template": "bounding-box", "units": [{"content": {"source-ref": "x"}, "slots": 1}]}, "1 to 10 labels"),
    ("template", {"template": "boxes"}, "use one of label"),
    ("html", {"html": "<p>"}, "no other template"),
    ("html", {"template": "html", "labels": None}, "needs the page"),
    ("answer_schema", {"answer_schema": {}}, "only html"),
    ("answer_schema", OWN_PAGE | {"answer_schema": {"type": "duck"}}, "can't be used"),
    ("answer_schema", OWN_PAGE | {"answer_schema": {"$ref": "http://127.0.0.1:1/x"}}, "refers to another"),
    ("answer_schema", OWN_PAGE | {"answer_schema": {"$ref": "file:///etc/passwd"}}, "refers to another"),
    ("answer_schema", OWN_PAGE | {"answer_schema": {"pattern": r"(a)\1"}}, "can't be used"),
    ("answer_schema", OWN_PAGE | {"answer_schema": {"description": "x" * 70_000}}, "65536 bytes"),
    ("units", {"template": "classifier", "labels": ["a"], "units": [{"content": {"source": 5}, "slots": 1}]}, "Unit 1"),
]


@pytest.fixture(scope="module")
def token(market: Works) -> str:
    return sign_in(market, market.chain.requester)


@pytest.mark.parametrize(("field", "changed", "word"), WRONG, ids=[f"{field}: {word}" for field, _, word in WRONG])
def test_what_is_wrong_is_named_with_its_field_and_not_kept(
    market: Works, token: str, field: str, changed: dict[str, Any], word: str
) -> None:
    units = [({"source": "x"}, 1)]
    body = posting(units) | changed
    found = call(market, "POST", "/v1/jobs/check", body, token)
    assert found.status == 200 and found.body["count"] == len(found.body["faults"])
    assert [field] * found.body["count"] == [fault["field"] for fault in found.body["faults"]]
    assert word in found.body["faults"][0]["sentence"]
    refused = call(market, "POST", "/v1/jobs", body, token)
    assert refused.status == 422 and refused.body["detail"] == found.body["faults"][0]["sentence"]


def test_all_faults_are_told_at_once(market: Works, token: str) -> None:
    body = posting([("x", 0), ("y", 0)], title="", ai_policy="no", labels=["a", "a"])
    found = call(market, "POST", "/v1/jobs/check", body, token).body
    assert [fault["field"] for fault in found["faults"]] == ["title", "labels", "ai_policy", "units", "units"]
    assert "Unit 2" in found["faults"][-1]["sentence"]
    assert call(market, "POST", "/v1/jobs/check", posting([("x", 1)]), token).body == {"faults": [], "count": 0}


def test_policies_and_terms_are_published_under_the_chains_hash(market: Works, token: str) -> None:
    made = call(market, "POST", "/v1/jobs", posting([("x", 1)], **POLICIES, **TERMS), token)
    assert made.status == 201, made
    job = call(market, "GET", f"/v1/jobs/{made.body['id']}").body
    shown = ("criteria", "qualifications", "per_worker_limit", "auto_approval_seconds", "ai_policy")
    assert {name: job[name] for name in shown} == {name: POLICIES[name] for name in shown}
    assert {name: job["manifest"][name] for name in POLICIES} == POLICIES
    assert {name: job["terms"][name] for name in TERMS} == TERMS
    assert "0x" + content_hash(job["manifest"]).hex() == job["terms"]["content_hash"]


def test_a_pattern_that_would_never_end_is_over_at_once(market: Works) -> None:
    """A backtracking engine takes years for it."""
    slow = {"properties": {"text": {"type": "string", "pattern": "^(a+)+$"}}, "required": ["text"]}

    async def run() -> None:
        async with Market(market.url) as open_:
            _, job = await open_job(open_, market.chain.requester, [({}, 1)], **OWN_PAGE, answer_schema=slow)
            worker = await Careless.sign_in(open_, new_key())
            begun = time.monotonic()
            with pytest.raises(MarketError, match="at text"):
                await answer(worker, job, said={"text": "a" * 40_000 + "!"})
            assert time.monotonic() - begun < 5

    asyncio.run(run())


def test_while_an_answer_is_looked_at_for_ever_everybody_elses_are_taken(market: Works) -> None:
    """The writer has one thread."""

    async def run() -> None:
        async with Market(market.url) as open_:
            _, endless = await open_job(open_, market.chain.requester, [({}, 1)], **OWN_PAGE, answer_schema=doubled("allOf", 40))
            _, job = await open_job(open_, market.chain.requester, [("x", 3)], labels=["a", "b"])
            workers = [await Careless.sign_in(open_, new_key()) for _ in range(4)]
            waiting = asyncio.ensure_future(answer(workers[0], endless, said=1))
            for worker in workers[1:]:
                await answer(worker, job, said="a")
            assert not waiting.done()
            with pytest.raises(MarketError, match="takes too long"):
                await waiting

    asyncio.run(run())


@pytest.mark.parametrize(
    ("changed", "right", "wrong"),
    [
        ({"labels": ["a", "b"]}, "a", "c"),
        ({"labels": ["a", "b"]}, {"label": "b"}, {"label": "c"}),
        ({"labels": None}, {"any": "thing"}, None),
        (OWN_PAGE | {"answer_schema": SCHEMA}, {"ducks": 4}, {"ducks": "four"}),
        ({"template": "classifier", "labels": ["a", "b"]}, {"label": "b"}, {"label": "z"}),
    ],
    ids=["label", "label by name", "anything", "own", "classifier"],
)
def test_an_answer_is_what_the_job_asks_for(market: Works, changed: dict[str, Any], right: Any, wrong: Any) -> None:
    async def run() -> None:
        async with Market(market.url) as open_:
            asker, job = await open_job(open_, market.chain.requester, [({"source": "x"}, 2)], **changed)
            await answer(await Worker.sign_in(open_, new_key()), job, said=right)
            if wrong is not None:
                with pytest.raises(MarketError, match="The answer isn't what the job asks for"):
                    await answer(await Careless.sign_in(open_, new_key()), job, said=wrong)
            assert [item["answer"] for item in await asker.submissions(job["id"])] == [right]

    asyncio.run(run())


def test_nobody_gets_a_receipt_for_an_answer_that_cannot_be_revealed(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as open_:
            _, job = await open_job(open_, market.chain.requester, [("x", 1)], labels=["a", "b"])
            assert job["answer_schema"]["$defs"]["label"] == {"enum": ["a", "b"]}
            worker = await Worker.sign_in(open_, new_key())
            with pytest.raises(Invalid, match="The answer isn't what the job asks for"):
                await answer(worker, job, said="c")
            assert [item["state"] for item in await worker.assignments(job["id"])] == ["reserved"]
            with pytest.raises(Invalid, match="isn't what its terms commit to"):
                other = job | {"manifest": job["manifest"] | {"labels": ["c"]}}
                await Worker(open_, worker.session).answer(other, (await worker.assignments(job["id"]))[0], "c", bytes(32))

    asyncio.run(run())


def test_the_templates_are_listed_for_programs(market: Works) -> None:
    items = call(market, "GET", "/v1/templates").body["items"]
    assert [item["name"] for item in items] == list(TEMPLATES)
    assert items[0]["answer"]["$defs"]["label"] == {"enum": ["yes", "no"]}
