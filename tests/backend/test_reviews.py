"""Reviews: one by one and by filter, taken back, overridden, kept; and what the worker sees of them."""

import asyncio
import json
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from piecework.sql import open_engine
from tests.backend.workshop import Answer, Works, answer, call, new_key, open_job, sign_in, works
from tests.conftest import Chain
from tests.support import postgres

CRITERIA = [{"code": "blank", "text": "Nothing was said."}, {"code": "wrong", "text": "It is plainly wrong."}]
SAID = ["a", "a", "b", "a", "b", "b"]


class Table:
    """An open job with the answers `SAID`, by two workers in turn."""

    def __init__(self, market: Works) -> None:
        self.market = market
        self.token, self.job, self.workers = asyncio.run(self._fill())

    async def _fill(self) -> tuple[str, dict[str, Any], list[Key]]:
        async with Market(self.market.url) as client:
            asker, job = await open_job(client, self.market.chain.requester, [(n, 1) for n in range(len(SAID))], self.market.chain.rpc.url)
            workers = [await Worker.sign_in(client, new_key()) for _ in range(2)]
            for at, said in enumerate(SAID):
                await answer(workers[at % 2], job, at, said)
            return asker.session.token, job, [worker.session.key for worker in workers]

    def post(self, path: str, body: Any, token: str | None = None) -> Answer:
        return call(self.market, "POST", f"/v1/jobs/{self.job['id']}/{path}", body, token or self.token)

    def review(self, **body: Any) -> Answer:
        return self.post("reviews", body)

    def bulk(self, verdict: str, token: str | None = None, reason: str | None = None, code: str | None = None, **by: Any) -> Answer:
        return self.post("reviews/bulk", {"verdict": verdict, "filter": by, "token": token, "reason": reason, "code": code})

    @property
    def answers(self) -> list[dict[str, Any]]:
        found = call(self.market, "GET", f"/v1/jobs/{self.job['id']}/submissions", token=self.token).body["items"]
        return sorted(found, key=lambda item: item["unit"])

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in self.answers]

    @property
    def states(self) -> str:
        """The first letters of the answers' states: r for revealed, a, x for rejected, b for batched."""
        return "".join({"rejected": "x"}.get(item["state"], item["state"][0]) for item in self.answers)

    def decisions(self) -> list[dict[str, Any]]:
        return list(call(self.market, "GET", f"/v1/jobs/{self.job['id']}/reviews", token=self.token).body["items"])

    def publish(self, criteria: Any) -> None:
        engine = open_engine(self.market.database_url)
        with engine.begin() as connection:
            values = {"criteria": json.dumps(criteria), "job": self.job["id"]}
            connection.execute(text("UPDATE posting SET criteria = :criteria WHERE job = :job"), values)
        engine.dispose()


@pytest.fixture
def table(running: Works) -> Table:
    return Table(running)


@pytest.fixture
def quick(market: Works) -> Table:
    return Table(market)


def test_what_is_decided_can_be_taken_back_until_it_is_signed_and_everything_is_kept(table: Table) -> None:
    ids = table.ids
    assert table.review(approve=ids[:2], reject=[{"assignment": ids[2], "reason": "no"}]).body == {"approved": 2, "rejected": 1, "undone": 0}
    assert table.review(undo=ids[1:3]).body == {"approved": 0, "rejected": 0, "undone": 2}
    assert table.review(undo=ids[1:3]).body["undone"] == 0, "again changes nothing"
    assert table.states == "arrrrr" and [item["reason"] for item in table.answers] == [None] * 6
    table.post("batches", {})
    refused = table.review(undo=[ids[0]], approve=[ids[3]])
    assert refused.status == 409 and "signed batch" in refused.body["detail"]
    assert table.states == "brrrrr", "all or nothing"
    kept = [(ids.index(row["assignment"]), row["before"], row["verdict"], row["reason"]) for row in table.decisions()]
    assert sorted(kept[:3]) == [(0, "revealed", "approved", None), (1, "revealed", "approved", None), (2, "revealed", "rejected", "no")]
    assert sorted(kept[3:]) == [(1, "approved", "undone", None), (2, "rejected", "undone", None)]
    assert {row["reviewer"] for row in table.decisions()} == {table.market.chain.requester.address}


def test_a_filter_is_looked_at_first_and_then_exactly_that_is_done(table: Table) -> None:
    seen = table.bulk("approved", answer="a").body
    assert (seen["count"], seen["done"], {item["unit"] for item in seen["sample"]}) == (3, False, {0, 1, 3})
    assert table.states == "rrrrrr", "a look changes nothing"
    done = table.bulk("approved", seen["token"], answer="a")
    assert done.status == 200 and (done.body["count"], done.body["done"]) == (3, True)
    assert table.states == "aararr"
    again = table.bulk("approved", seen["token"], answer="a")
    assert again.status == 409 and "preview again" in again.body["detail"]
    by_worker = table.bulk("rejected", reason="no", worker=table.workers[0].address).body
    assert by_worker["count"] == 2
    assert table.bulk("rejected", by_worker["token"], reason="another", worker=table.workers[0].address).status == 409
    assert table.bulk("rejected", by_worker["token"], reason="no", worker=table.workers[0].address).body["done"]
    assert table.states == "aaxaxr"
    back = table.bulk("undone", state="rejected").body
    assert table.bulk("undone", back["token"], state="rejected").body["count"] == 2
    assert table.states == "aararr" and len(table.decisions()) == 7


def test_what_came_in_after_the_look_is_left_alone_and_what_has_changed_stops_it(quick: Table) -> None:
    async def one_more() -> None:
        async with Market(quick.market.url) as client:
            await answer(await Worker.sign_in(client, new_key()), late.job, None, "a")

    late = quick
    ids = late.ids
    late.review(approve=ids[:1])
    seen = late.bulk("approved").body
    late.review(undo=ids[:1])
    assert late.bulk("approved", seen["token"]).status == 409, "one is revealed again that wasn't when it was looked"
    seen = late.bulk("approved").body
    late.review(reject=[{"assignment": ids[5], "reason": "no"}])
    assert late.bulk("approved", seen["token"]).status == 409
    assert late.states == "rrrrrx"


def test_an_answer_that_comes_after_the_look_is_not_decided(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [("x", 2)], market.chain.rpc.url)
            path = f"/v1/jobs/{job['id']}/reviews/bulk"
            await answer(await Worker.sign_in(client, new_key()), job)
            await asyncio.sleep(0.01)
            body: dict[str, Any] = {"verdict": "approved", "filter": {}}
            seen = await client.post(path, body, asker.session)
            await answer(await Worker.sign_in(client, new_key()), job)
            done = await client.post(path, body | {"token": seen["token"]}, asker.session)
            assert (seen["count"], done["count"]) == (1, 1)
            assert sorted(item["state"] for item in await asker.submissions(job["id"])) == ["approved", "revealed"]

    asyncio.run(run())


def test_a_job_with_criteria_rejects_by_them_and_the_worker_reads_both(quick: Table) -> None:
    quick.publish(CRITERIA)
    ids = quick.ids
    for code in (None, "nonsense"):
        refused = quick.review(reject=[{"assignment": ids[0], "reason": "no", "code": code}])
        assert refused.status == 422 and "blank, wrong" in refused.body["detail"]
    assert quick.bulk("rejected", reason="no").status == 200, "a look needs no reason that holds"
    assert quick.review(reject=[{"assignment": ids[0], "reason": "It is a cat.", "code": "wrong"}]).status == 200
    mine = call(quick.market, "GET", f"/v1/assignments/{ids[0]}", token=sign_in(quick.market, quick.workers[0])).body
    assert (mine["state"], mine["reason_code"], mine["criterion"], mine["reason"]) == (
        "rejected", "wrong", "It is plainly wrong.", "It is a cat."
    )
    quick.review(approve=[ids[0]])
    mine = call(quick.market, "GET", f"/v1/assignments/{ids[0]}", token=sign_in(quick.market, quick.workers[0])).body
    assert (mine["state"], mine["reason_code"], mine["reason"]) == ("approved", None, None), "a rejection may be overridden"


def test_a_job_without_criteria_takes_a_text_and_no_code(quick: Table) -> None:
    refused = quick.review(reject=[{"assignment": quick.ids[0], "reason": "no", "code": "wrong"}])
    assert refused.status == 422 and "no criteria" in refused.body["detail"]


def test_reviews_are_the_requesters_alone(quick: Table) -> None:
    stranger = sign_in(quick.market, quick.workers[0])
    for path, body in (("reviews", {"approve": "all"}), ("reviews/bulk", {"verdict": "approved", "filter": {}})):
        assert quick.post(path, body, stranger).status == 403
    assert call(quick.market, "GET", f"/v1/jobs/{quick.job['id']}/reviews", token=stranger).status == 403


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"verdict": "perhaps", "filter": {}}, "approved, rejected, undone"),
        ({"verdict": "undone", "filter": {}}, "approved or rejected"),
        ({"verdict": "rejected", "filter": {}}, "Say why"),
        ({"verdict": "approved", "filter": {}, "reason": "no"}, "Say why"),
        ({"verdict": "approved", "filter": {"state": "batched"}}, "revealed, approved, rejected"),
        ({"verdict": "approved", "filter": {"submitted_after": "2026-01-01T00:00:00"}}, "time zone"),
        ({"verdict": "approved", "filter": {"unit": -1}}, "unit's number"),
        ({"verdict": "approved", "filter": {}, "token": "nonsense"}, "preview"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_in_a_sentence(market: Works, body: Any, word: str) -> None:
    shared = _shared.setdefault(market.url, Table(market)) if market.url not in _shared else _shared[market.url]
    refused = shared.post("reviews/bulk", body)
    assert refused.status == 422 and word in refused.body["detail"], refused


_shared: dict[str, Table] = {}


def test_two_who_decide_at_once_never_both_do(table: Table) -> None:
    """Approving and rejecting the same answers from many sides: each ends as one of the two, decided once."""
    ids = table.ids

    async def run() -> None:
        async with Market(table.market.url) as client:
            session = await client.sign_in(table.market.chain.requester)
            bodies = [
                {"approve": [id]} if secrets.randbits(1) else {"reject": [{"assignment": id, "reason": "no"}]} for id in ids for _ in range(4)
            ]
            path = f"/v1/jobs/{table.job['id']}/reviews"
            await asyncio.gather(*(client.post(path, body, session) for body in bodies), return_exceptions=True)

    asyncio.run(run())
    last = {row["assignment"]: row["verdict"] for row in table.decisions()}
    assert {item["id"]: item["state"] for item in table.answers} == last and set(last) == set(ids)


def test_what_another_process_signs_at_this_moment_is_not_said_to_be_taken_back(shared_chain: Chain, tmp_path: Path) -> None:
    with works(shared_chain, postgres.server().database(), tmp_path) as running:
        _undone_while_it_is_signed(running)


def _undone_while_it_is_signed(running: Works) -> None:
    table = Table(running)
    one, path, undone = table.ids[0], f"/v1/jobs/{table.job['id']}/reviews", []
    assert call(running, "POST", path, {"approve": [one]}, table.token).status == 200
    engine = open_engine(running.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE assignment SET state = 'batched' WHERE id = :id"), {"id": one})
        asking = threading.Thread(target=lambda: undone.append(call(running, "POST", path, {"undo": [one]}, table.token)))
        asking.start()
        running.until("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    asking.join()
    engine.dispose()
    (answered,) = undone
    assert answered.status == 409 and "signed batch" in answered.body["detail"], answered
