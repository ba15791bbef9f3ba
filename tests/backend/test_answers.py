"""From a reservation to an answer: receipts, reveals, and who may see them."""

import asyncio
import secrets
from typing import Any

import pytest

from piecework.client import Market, Worker
from piecework.client.requester import batch_of
from piecework.domain.content import content_hash, unit_leaf, units_root
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Key, recover
from tests.backend.workshop import Works, answer, approve_all, call, new_key, open_job, promised, quick_job, sign_in

SALT = bytes(range(32))


def taken(market: Works, job: dict[str, Any], key: Key) -> tuple[str, dict[str, Any]]:
    """A worker's token and a fresh assignment."""
    token = sign_in(market, key)
    answer = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token)
    assert answer.status == 201, answer
    return token, answer.body


def test_a_receipt_is_the_coordinators_signature_of_a_batch_of_one(market: Works) -> None:
    _, job = quick_job(market, [("x", 1)])
    key = new_key()
    token, item = taken(market, job, key)
    hashed = promised(job["id"], item["slot"], key.address, SALT, "a")
    receipt = call(market, "POST", f"/v1/assignments/{item['id']}/commit", {"commitment": hashed}, token).body
    batch = receipt_batch(bytes.fromhex(job["id"][2:]), item["slot"], key.address, bytes.fromhex(hashed[2:]))
    digest = market.chain.deployment.domain.batch_digest(batch)
    assert receipt["digest"] == "0x" + digest.hex()
    assert recover(digest, bytes.fromhex(receipt["signature"][2:])) == market.chain.coordinator.address
    assert receipt["coordinator"] == market.chain.coordinator.address


def test_committing_again_gives_the_same_receipt_and_to_another_answer_a_refusal(market: Works) -> None:
    _, job = quick_job(market, [("x", 1)])
    token, item = taken(market, job, new_key())
    path, body = f"/v1/assignments/{item['id']}/commit", {"commitment": "0x" + "11" * 32}
    first, again = (call(market, "POST", path, body, token) for _ in range(2))
    assert first.status == 200 and again == first
    other = call(market, "POST", path, {"commitment": "0x" + "22" * 32}, token)
    assert other.status == 409 and "another answer" in other.body["detail"]
    assert call(market, "GET", f"/v1/assignments/{item['id']}", token=token).body["receipt"] == first.body


def test_only_what_was_committed_can_be_revealed(market: Works) -> None:
    _, job = quick_job(market, [("x", 1)])
    key = new_key()
    token, item = taken(market, job, key)
    path, salt = f"/v1/assignments/{item['id']}", "0x" + SALT.hex()
    early = call(market, "POST", f"{path}/reveal", {"answer": "a", "salt": salt}, token)
    assert early.status == 409
    hashed = promised(job["id"], item["slot"], key.address, SALT, {"label": "a", "n": 1.5})
    call(market, "POST", f"{path}/commit", {"commitment": hashed}, token)
    for body in ({"answer": "b", "salt": salt}, {"answer": {"label": "a", "n": 1.5}, "salt": "0x" + "00" * 32}):
        refused = call(market, "POST", f"{path}/reveal", body, token)
        assert refused.status == 422 and "committed" in refused.body["detail"]
    for _ in range(2):
        shown = call(market, "POST", f"{path}/reveal", {"answer": {"n": 1.5, "label": "a"}, "salt": salt}, token)
        assert shown.status == 200 and shown.body["state"] == "revealed"
        assert shown.body["answer"] == {"label": "a", "n": 1.5} and shown.body["salt"] == salt
    assert shown.body == call(market, "GET", path, token=token).body


def test_an_assignment_is_seen_by_its_worker_and_requester_alone(market: Works) -> None:
    asker, job = quick_job(market, [("x", 2)])
    token, item = taken(market, job, new_key())
    stranger = sign_in(market, new_key())
    path = f"/v1/assignments/{item['id']}"
    assert [call(market, "GET", path, token=who).status for who in (token, asker, stranger)] == [200, 200, 404]
    for step, body in (("commit", {"commitment": "0x" + "11" * 32}), ("reveal", {"answer": 1, "salt": "0x" + "00" * 32})):
        assert call(market, "POST", f"{path}/{step}", body, stranger).status == 404
        assert call(market, "POST", f"{path}/{step}", body, asker).status == 404
    assert call(market, "POST", f"{path}/return", token=stranger).status == 404
    assert call(market, "GET", "/v1/assignments", token=stranger).body["items"] == []
    assert [entry["id"] for entry in call(market, "GET", "/v1/assignments", token=token).body["items"]] == [item["id"]]
    assert call(market, "GET", f"/v1/jobs/{job['id']}/submissions", token=token).status == 403
    assert call(market, "GET", f"/v1/jobs/{job['id']}/submissions", token=asker).body["items"] == []


def test_a_review_is_the_requesters_and_all_or_nothing(market: Works) -> None:
    async def run() -> tuple[str, dict[str, Any], list[str], list[str]]:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [("x", 3), ("y", 3)])
            workers = [await Worker.sign_in(client, new_key()) for _ in range(3)]
            done = [(await answer(worker, job, said=n))["id"] for n, worker in enumerate(workers)]
            reserved = [(await worker.take(job["id"]))["id"] for worker in workers[:1]]
            return asker.session.token, job, done, reserved

    asker, job, done, reserved = asyncio.run(run())
    path, stranger = f"/v1/jobs/{job['id']}/reviews", sign_in(market, new_key())
    assert call(market, "POST", path, {"approve": done}, stranger).status == 403

    def states() -> list[str]:
        return [call(market, "GET", f"/v1/assignments/{id}", token=asker).body["state"] for id in done]

    unknown = "0x" + "00" * 16
    for body, status in (
        ({"approve": [*done, unknown]}, 404),
        ({"approve": [*done, *reserved]}, 409),
        ({"approve": [done[0], done[0]]}, 422),
        ({"approve": [done[0]], "reject": [{"assignment": done[0], "reason": "no"}]}, 422),
        ({"approve": [], "reject": [{"assignment": done[0], "reason": " "}]}, 422),
        ({"approve": "some"}, 422),
    ):
        refused = call(market, "POST", path, body, asker)
        assert (refused.status, refused.media) == (status, "application/problem+json"), refused
        assert states() == ["revealed"] * 3
    first = {"approve": [done[0]], "reject": [{"assignment": done[1], "reason": "wrong"}]}
    assert call(market, "POST", path, first, asker).body == {"approved": 1, "rejected": 1, "undone": 0}
    assert call(market, "POST", path, first, asker).body == {"approved": 0, "rejected": 0, "undone": 0}
    assert call(market, "POST", path, {"reject": [{"assignment": done[0], "reason": "wrong"}]}, asker).status == 409
    assert call(market, "POST", path, {"approve": "all"}, asker).body == {"approved": 1, "rejected": 0, "undone": 0}
    assert states() == ["approved", "rejected", "approved"]
    assert call(market, "GET", f"/v1/assignments/{done[1]}", token=asker).body["reason"] == "wrong"


def test_batches_are_the_requesters_and_cutting_again_adds_only_what_is_new(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [(n, 2) for n in range(3)])
            workers = [await Worker.sign_in(client, new_key()) for _ in range(2)]
            path = f"/v1/jobs/{job['id']}"
            assert await asker.batches(job["id"]) == []
            await answer(workers[0], job)
            await client.post(f"{path}/reviews", {"approve": "all"}, asker.session)
            first = await asker.batches(job["id"])
            assert await asker.batches(job["id"]) == first and len(first) == 1
            await answer(workers[0], job)
            await answer(workers[1], job)
            await client.post(f"{path}/reviews", {"approve": "all"}, asker.session)
            both = await asker.batches(job["id"])
            assert both[0] == first[0] and len(both) == 2
            assert both[1]["workers"][:1] == first[0]["workers"] and both[1]["slots"] == 2
            assert both[1]["amount"] == str(2 * 50_000)
            domain = client.domain
            for entry in both:
                assert domain.batch_digest(batch_of(entry)).hex() == entry["digest"][2:]
                assert [item["state"] for item in (await client.get(f"{path}/batches"))["items"]] == ["signed"] * 2
            stranger = await client.sign_in(new_key())
            with pytest.raises(Exception, match="requester"):
                await client.post(f"{path}/batches", {}, stranger)
            await _approvals(market, both[0], asker.session.key)
            assert [entry["digest"] for entry in await asker.batches(job["id"])] == [both[1]["digest"]]

    asyncio.run(run())


async def _approvals(market: Works, entry: dict[str, Any], requester: Key) -> None:
    """Wrong keys, other messages and high s are refused; the requester's is taken, and again."""
    path, digest = f"/v1/batches/{entry['digest']}/approval", bytes.fromhex(entry["approval_digest"][2:])
    good = requester.sign(digest)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = good[:32] + (order - int.from_bytes(good[32:64])).to_bytes(32) + bytes([55 - good[64]])
    wrong = [new_key().sign(digest), market.chain.coordinator.sign(digest), requester.sign(secrets.token_bytes(32)), high]
    wrong += [requester.sign(bytes.fromhex(entry["digest"][2:])), b"", good[:64]]
    for signature in wrong:
        refused = await asyncio.to_thread(call, market, "POST", path, {"signature": "0x" + signature.hex()})
        assert refused.status == 422, refused
    assert not market.rows("SELECT 1 FROM outbox WHERE kind = 'settlement' AND state = 'queued'")
    for _ in range(2):
        taken_ = await asyncio.to_thread(call, market, "POST", path, {"signature": "0x" + good.hex()})
        assert taken_.status == 202 and taken_.body["state"] in ("approved", "settled")


def test_the_manifest_hashes_to_what_the_terms_hold_and_the_units_to_its_root(market: Works) -> None:
    units = [({"text": "é", "n": n}, n + 1) for n in range(5)]
    token, job = quick_job(market, units)
    assert "0x" + content_hash(job["manifest"]).hex() == job["content_hash"] == job["terms"]["content_hash"]
    items = call(market, "GET", f"/v1/jobs/{job['id']}/units", token=token).body["items"]
    leaves = [unit_leaf(item["content"], item["slots"]) for item in items]
    assert ["0x" + leaf.hex() for leaf in leaves] == [item["leaf"] for item in items]
    assert "0x" + units_root(leaves).hex() == job["manifest"]["units_root"]


def test_pages_of_a_list_hold_every_item_once(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as client:
            _, job = await open_job(client, market.chain.requester, [(n, 1) for n in range(7)])
            token = sign_in(market, new_key())
            path = f"/v1/jobs/{job['id']}/assignments"
            ids = [call(market, "POST", path, {}, token).body["id"] for _ in range(7)]
            seen, cursor = [], ""
            while cursor is not None:
                page = call(market, "GET", f"/v1/assignments?limit=3{cursor and '&cursor=' + cursor}", token=token).body
                seen += [item["id"] for item in page["items"]]
                cursor = page["next"]
            assert seen == ids

    asyncio.run(run())


def test_what_is_approved_ends_up_in_one_worker_table(market: Works) -> None:
    async def run() -> None:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [(n, 3) for n in range(2)])
            for _ in range(3):
                worker = await Worker.sign_in(client, new_key())
                await answer(worker, job)
            batches = await approve_all(asker, job)
            assert [len(entry["workers"]) for entry in batches] == [3]

    asyncio.run(run())
