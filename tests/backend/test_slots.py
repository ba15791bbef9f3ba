"""Slots: handed out once, given back when time is over, and only to whom they may go."""

import asyncio
import json
import time
from collections import Counter

import pytest

from piecework.client import Market, Worker
from piecework.client.market import MarketError
from tests.backend.workshop import Works, answer, call, new_key, open_job, posting, quick_job, sign_in


def test_sixty_four_workers_at_once_share_no_slot_and_overfill_no_unit(running: Works) -> None:
    async def run() -> None:
        async with Market(running.url, connections=64) as market:
            units = [({"n": n}, 3) for n in range(40)]
            _, job = await open_job(market, running.chain.requester, units)
            workers = [await Worker.sign_in(market, new_key()) for _ in range(64)]
            taken = [item for part in await asyncio.gather(*(_grab(worker, job) for worker in workers)) for item in part]
            assert sorted(item["slot"] for item in taken) == list(range(120))
            assert set(Counter(item["unit"] for item in taken).values()) == {3}
            assert all(item["unit"] * 3 <= item["slot"] < item["unit"] * 3 + 3 for item in taken)
            per_worker = Counter((item["worker"], item["unit"]) for item in taken)
            assert set(per_worker.values()) == {1}

    asyncio.run(run())


async def _grab(worker: Worker, job: dict) -> list[dict]:
    """Takes assignments until there is none left, committing every other one."""
    taken: list[dict] = []
    while True:
        try:
            item = await worker.take(job["id"])
        except MarketError as error:
            assert error.status == 409, error
            return taken
        assert item["content"] == {"n": item["unit"]}
        taken.append(item)


def test_named_units_are_raced_for_and_won_once(running: Works) -> None:
    async def run() -> None:
        async with Market(running.url, connections=64) as market:
            _, job = await open_job(market, running.chain.requester, [({"n": 0}, 5), ({"n": 1}, 1)])
            workers = [await Worker.sign_in(market, new_key()) for _ in range(32)]
            outcomes = await asyncio.gather(*(w.take(job["id"], 0) for w in workers), return_exceptions=True)
            won = [item for item in outcomes if isinstance(item, dict)]
            assert sorted(item["slot"] for item in won) == [0, 1, 2, 3, 4]
            assert all(isinstance(item, MarketError) and item.status == 409 for item in outcomes if item not in won)

    asyncio.run(run())


def test_an_expired_slot_comes_back_and_its_worker_gets_no_receipt(running: Works) -> None:
    _, job = quick_job(running, [("only", 1)], assignment_seconds=1)
    first, second = sign_in(running, new_key()), sign_in(running, new_key())
    taken = call(running, "POST", f"/v1/jobs/{job['id']}/assignments", {}, first).body
    assert call(running, "POST", f"/v1/jobs/{job['id']}/assignments", {}, second).status == 409
    time.sleep(1.1)
    again = call(running, "POST", f"/v1/jobs/{job['id']}/assignments", {}, second)
    assert again.status == 201 and again.body["slot"] == taken["slot"]
    late = call(running, "POST", f"/v1/assignments/{taken['id']}/commit", {"commitment": "0x" + "11" * 32}, first)
    assert late.status == 409 and "expired" in late.body["detail"]
    assert call(running, "GET", f"/v1/assignments/{taken['id']}", token=first).body["state"] == "expired"
    counts = call(running, "GET", f"/v1/jobs/{job['id']}").body["slot_counts"]
    assert (counts["free"], counts["reserved"]) == (0, 1)


def test_expiry_needs_nobody_to_ask(market: Works) -> None:
    _, job = quick_job(market, [("only", 1)], assignment_seconds=1)
    taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, sign_in(market, new_key())).body
    market.until("SELECT 1 FROM assignment WHERE id = :id AND state = 'expired'", seconds=5, id=taken["id"])
    assert call(market, "GET", f"/v1/jobs/{job['id']}").body["slot_counts"]["free"] == 1


def test_a_committed_slot_never_expires(market: Works) -> None:
    _, job = quick_job(market, [("only", 1)], assignment_seconds=1)
    worker, other = sign_in(market, new_key()), sign_in(market, new_key())
    taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, worker).body
    commit = call(market, "POST", f"/v1/assignments/{taken['id']}/commit", {"commitment": "0x" + "11" * 32}, worker)
    assert commit.status == 200
    time.sleep(2.2)
    assert call(market, "GET", f"/v1/assignments/{taken['id']}", token=worker).body["state"] == "committed"
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, other).status == 409


def test_a_rejected_slot_is_not_handed_out_again(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [("only", 1)])
            worker, other = [await Worker.sign_in(client, new_key()) for _ in range(2)]
            taken = await answer(worker, job)
            review = {"approve": [], "reject": [{"assignment": taken["id"], "reason": "not it"}]}
            counted = await client.post(f"/v1/jobs/{job['id']}/reviews", review, asker.session)
            assert counted == {"approved": 0, "rejected": 1, "undone": 0}
            with pytest.raises(MarketError) as refused:
                await other.take(job["id"])
            assert refused.value.status == 409

    asyncio.run(run())


def test_a_returned_slot_goes_to_the_next_worker(market: Works) -> None:
    _, job = quick_job(market, [("one", 1), ("two", 1)])
    first, second = sign_in(market, new_key()), sign_in(market, new_key())
    taken = [call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, first).body for _ in range(2)]
    back = call(market, "POST", f"/v1/assignments/{taken[0]['id']}/return", token=first)
    assert back.status == 200 and back.body["state"] == "returned"
    assert call(market, "POST", f"/v1/assignments/{taken[0]['id']}/return", token=first).status == 200
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, second).body["slot"] == taken[0]["slot"]
    commit = {"commitment": "0x" + "11" * 32}
    assert call(market, "POST", f"/v1/assignments/{taken[0]['id']}/commit", commit, first).status == 409
    assert call(market, "POST", f"/v1/assignments/{taken[1]['id']}/commit", commit, first).status == 200
    assert call(market, "POST", f"/v1/assignments/{taken[1]['id']}/return", token=first).status == 409


def test_answers_per_worker_limits_a_worker_and_not_the_unit(market: Works) -> None:
    _, job = quick_job(market, [("one", 4)], answers_per_worker=2)
    first, second = sign_in(market, new_key()), sign_in(market, new_key())
    path = f"/v1/jobs/{job['id']}/assignments"
    outcomes = [call(market, "POST", path, body, first).status for body in ({}, {"unit": 0}, {}, {"unit": 0})]
    assert outcomes == [201, 201, 409, 409]
    assert [call(market, "POST", path, {}, second).status for _ in range(3)] == [201, 201, 409]


def test_only_an_open_job_hands_out_work_and_not_to_its_requester(market: Works) -> None:
    token = sign_in(market, market.chain.requester)
    draft = call(market, "POST", "/v1/jobs", posting([("x", 1)]), token).body
    worker = sign_in(market, new_key())
    refused = call(market, "POST", f"/v1/jobs/{draft['id']}/assignments", {}, worker)
    assert refused.status == 409 and "not funded" in refused.body["detail"]
    asker, job = quick_job(market, [("x", 1)])
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, asker).status == 403
    assert call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {"unit": 7}, worker).status == 404


def test_work_goes_on_where_a_worker_left_off_and_round_once(market: Works) -> None:
    _, job = quick_job(market, [(n, 1) for n in range(4)])
    worker, path = sign_in(market, new_key()), f"/v1/jobs/{job['id']}/assignments"
    assert call(market, "POST", path, {"unit": 2}, worker).body["unit"] == 2
    assert [call(market, "POST", path, {}, worker).body.get("unit") for _ in range(4)] == [3, 0, 1, None]


def test_a_job_of_8300_units_and_25000_slots_goes_in_with_one_request(market: Works) -> None:
    units = [({"text": f"unit {n}", "n": n}, 4 if n < 100 else 3) for n in range(8300)]
    token = sign_in(market, market.chain.requester)
    body = posting(units)
    made = call(market, "POST", "/v1/jobs", body, token)
    assert made.status == 201 and (made.body["units"], made.body["slots"]) == (8300, 25_000)
    again = call(market, "POST", "/v1/jobs", body, token)
    assert again.status == 200 and again.body["id"] == made.body["id"]
    page = call(market, "GET", f"/v1/jobs/{made.body['id']}/units?limit=1000&cursor=8000", token=token).body
    assert len(page["items"]) == 299 and page["next"] is None
    assert page["items"][-1]["content"] == {"text": "unit 8299", "n": 8299}
    assert page["items"][-1]["first_slot"] + page["items"][-1]["slots"] == 25_000
    public = call(market, "GET", f"/v1/jobs/{made.body['id']}/units?limit=1").body["items"][0]
    assert "content" not in public and json.dumps(public)
