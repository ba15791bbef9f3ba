"""Texts are reviewed by other people in a job of its own, and nobody looks at its own."""

import asyncio
import time
from typing import Any

import pytest

from piecework.client import Market, Worker
from piecework.client.market import MarketError
from tests.backend.workshop import DAY, Works, answer, call, eventually, new_key, open_job, quick_job, sign_in


HOLDS = "SELECT 1 FROM qualification JOIN qualification_grant g ON g.qualification = qualification.id WHERE name = :name"


def test_what_people_wrote_is_reviewed_by_others_who_are_paid_for_it(running: Works) -> None:
    authors, reviewers = [new_key() for _ in range(2)], [new_key() for _ in range(2)]
    terms = {"reward": "7", "closes_at": int(time.time()) + 30 * DAY, "review_window_seconds": DAY, "appeal_window_seconds": DAY, "salt": "0x" + "17" * 32}

    async def life() -> None:
        async with Market(running.url) as market:
            asker, job = await open_job(market, running.chain.requester, [({"source": "Hello"}, 3)], template="translation")
            path = f"/v1/jobs/{job['id']}/peer-review"
            for wrong in ({}, {"reviews": 0}, {"labels": []}):
                try:
                    await market.post(path, terms | {"reviews": 2} | wrong, asker.session)
                    raise AssertionError(wrong)
                except MarketError as error:
                    assert error.status == (409 if not wrong or wrong == {"labels": []} else 422), error
            for key, said in zip(authors, ("Hallo", "Salut"), strict=True):
                await answer(await Worker.sign_in(market, key), job, said=said)
            with pytest.raises(MarketError, match="abel"):
                await market.post(path, terms | {"reviews": 2, "labels": []}, asker.session)
            assert not running.rows(HOLDS, name=f"Wrote in job {job['id']}"), "what is refused gives nobody anything"
            review = await market.post(path, terms | {"reviews": 2}, asker.session)
            assert running.rows(HOLDS, name=f"Wrote in job {job['id']}")
            again = await market.post(path, terms | {"reviews": 2}, asker.session)
            assert (review["id"], review["slots"], review["units"]) == (again["id"], 4, 2) and review["requester"] == running.chain.requester.address
            await asker.mint(market.info["token"]["address"], int(review["amount"]))
            await asker.fund(review)
            opened = await asker.wait_open(review["id"])
            for key in authors:
                try:
                    await (await Worker.sign_in(market, key)).take(review["id"])
                    raise AssertionError("an author reviews")
                except MarketError as error:
                    assert error.status == 403 and "DoesNotExist" in str(error)
            written = {one["id"]: one["answer"] for one in await asker.submissions(job["id"])}
            for key in reviewers:
                person = await Worker.sign_in(market, key)
                for _ in range(2):
                    taken = await person.take(review["id"])
                    text = taken["content"]["source"]
                    assert written[taken["content"]["answer"]] == text
                    await person.answer(opened, taken, {"label": "good" if text == "Hallo" else "bad"}, bytes(32))
            assert await asker.approve(review["id"], [one["id"] for one in await asker.submissions(review["id"])]) == 4

            async def decided() -> bool:
                try:
                    found: dict[str, Any] = await market.get(f"/v1/jobs/{review['id']}/consensus", asker.session)
                except MarketError as error:
                    assert error.status == 409, error  # the answers aren't taken in yet
                    return False
                return sorted(one["label"] for one in found["items"]) == ["bad", "good"]

            await eventually(decided)

    asyncio.run(life())


def test_only_a_jobs_requester_has_its_texts_reviewed_and_only_texts(market: Works) -> None:
    token, job = quick_job(market, [("x", 1)])
    body = {"reward": "7", "closes_at": int(time.time()) + 30 * DAY, "review_window_seconds": DAY, "appeal_window_seconds": DAY, "salt": "0x" + "18" * 32}
    path = f"/v1/jobs/{job['id']}/peer-review"
    assert call(market, "POST", path, body, sign_in(market, new_key())).status == 403
    refused = call(market, "POST", path, body, token)
    assert refused.status == 409 and "Peers review texts" in refused.body["detail"]
