"""What happens when a requester says nothing, and when two cut or the one who cuts is killed."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from piecework.chain.escrow_recourse import encode_set_operator
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from piecework.sql import open_engine
from tests.backend.workshop import DAY, Works, answer, call, new_key, open_job, sign_in, works
from tests.conftest import Chain

QUICK = {"PIECEWORK_BATCH_SECONDS": "0.1"}


@pytest.fixture
def running(shared_chain: Chain, database_url: str, tmp_path: Path) -> Iterator[Works]:
    with works(shared_chain, database_url, tmp_path, **QUICK) as market:
        yield market


def operator(market: Works, expires_at: int, token: str) -> str:
    """An operator of the requester's that is registered on the chain until then."""
    address = call(market, "POST", "/v1/operators", {"name": "silent"}, token).body["address"]
    register(market, address, expires_at)
    market.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=address)
    return str(address)


def register(market: Works, operator: str, expires_at: int) -> None:
    chain = market.chain
    data = encode_set_operator(operator, chain.deployment.token, 1, expires_at)
    Wallet(chain.rpc, chain.requester).send(chain.deployment.escrow, data)


def answered(market: Works, slots: int, **terms: Any) -> tuple[str, dict[str, Any], list[Key]]:
    """A job of which every slot is answered, each by another worker; the requester's token, the job, the workers."""

    async def run() -> tuple[str, dict[str, Any], list[Key]]:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [("x", slots)], market.chain.rpc.url, **terms)
            workers = [await Worker.sign_in(client, new_key()) for _ in range(slots)]
            for worker in workers:
                await answer(worker, job)
            return asker.session.token, job, [worker.session.key for worker in workers]

    return asyncio.run(run())


def delay(market: Works, job: dict[str, Any], seconds: int) -> None:
    """How long the job's reviews may take, from now on."""
    write(market, "UPDATE posting SET auto_approval_seconds = :seconds WHERE job = :job", seconds=seconds, job=job["id"])
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    kept = f"{until:%Y-%m-%d %H:%M:%S.%f}" if "sqlite" in market.database_url else until
    write(
        market,
        "UPDATE assignment SET review_until = :until WHERE posting = (SELECT number FROM posting WHERE job = :job)",
        until=kept,
        job=job["id"],
    )


def write(market: Works, statement: str, **values: Any) -> None:
    engine = open_engine(market.database_url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def decisions(market: Works, job: dict[str, Any], token: str) -> list[tuple[str, Any]]:
    found = call(market, "GET", f"/v1/jobs/{job['id']}/reviews", token=token).body["items"]
    return [(row["verdict"], row["reviewer"]) for row in found]


def paid(market: Works, job: dict[str, Any]) -> list[str]:
    rows = market.rows("SELECT worker FROM mirror_slot_payment WHERE job = :job ORDER BY slot", job=job["id"])
    return [row.worker for row in rows]


def test_silence_is_approved_by_the_registered_operator_and_paid(running: Works) -> None:
    token = sign_in(running, running.chain.requester)
    acting = operator(running, int(time.time()) + DAY, token)
    token, job, workers = answered(running, 2, operator=acting)
    time.sleep(2)
    assert decisions(running, job, token) == [], "without a delay nothing is decided"
    delay(running, job, 3_600)
    time.sleep(1.5)
    assert decisions(running, job, token) == [], "nor before it is over"
    delay(running, job, 1)
    running.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job AND slot = 1", job=job["id"])
    assert sorted(paid(running, job)) == sorted(key.address for key in workers)
    assert decisions(running, job, token) == [("approved", acting)] * 2
    batch = call(running, "GET", f"/v1/jobs/{job['id']}/batches").body["items"][0]
    assert batch["approval"] and batch["state"] == "settled"


@pytest.mark.parametrize("registered", [False, True], ids=["none", "expired"])
def test_without_a_registered_operator_silence_is_marked_and_reviews_go_on(market: Works, registered: bool) -> None:
    token = sign_in(market, market.chain.requester)
    terms = {"operator": operator(market, 1, token)} if registered else {}
    token, job, _ = answered(market, 2, **terms)
    delay(market, job, 1)
    market.until("SELECT 1 FROM assignment, posting WHERE posting = number AND job = :job AND overdue_at IS NOT NULL", job=job["id"])
    time.sleep(1.5)
    assert decisions(market, job, token) == [("overdue", None)] * 2, "once"
    if registered:
        register(market, terms["operator"], int(time.time()) + DAY)
        market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job AND slot = 1", job=job["id"])
        assert decisions(market, job, token) == [("overdue", None)] * 2 + [("approved", terms["operator"])] * 2, "after all"
        return
    assert call(market, "POST", f"/v1/jobs/{job['id']}/reviews", {"approve": "all"}, token).body["approved"] == 2
    assert paid(market, job) == []


def test_a_batch_that_was_cut_before_a_kill_is_approved_after_it(market: Works) -> None:
    token = sign_in(market, market.chain.requester)
    acting = operator(market, 1, token)
    token, job, workers = answered(market, 1, operator=acting)
    call(market, "POST", f"/v1/jobs/{job['id']}/reviews", {"approve": "all"}, token)
    call(market, "POST", f"/v1/jobs/{job['id']}/batches", {}, token)
    time.sleep(1.5)
    assert paid(market, job) == [], "its registration is over"
    register(market, acting, int(time.time()) + DAY)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job", job=job["id"])
    assert paid(market, job) == [workers[0].address]


def test_two_processes_that_cut_at_once_put_every_answer_into_one_batch(shared_chain: Chain, database_url: str, tmp_path: Path) -> None:
    with works(shared_chain, database_url, tmp_path) as market:
        second = Works(shared_chain, database_url, tmp_path, shared_chain.rpc.url)
        second.start("backend")
        try:
            token, job, _ = answered(market, 12)
            ids = [one["id"] for one in call(market, "GET", f"/v1/jobs/{job['id']}/submissions", token=token).body["items"]]
            asyncio.run(_cut_from_all_sides(market, second, job, ids))
            batches = call(market, "GET", f"/v1/jobs/{job['id']}/batches").body["items"]
            named = [one["first_slot"] + at for one in batches for at, place in enumerate(bytes.fromhex(one["places"][2:])) if place]
            states = {row.slot: (row.state, row.batch) for row in market.rows("SELECT slot, state, batch FROM assignment")}
            assert sorted(named) == sorted(set(named)) == [slot for slot, (state, _) in sorted(states.items()) if state == "batched"]
            for one in batches:
                mine = [one["first_slot"] + at for at, place in enumerate(bytes.fromhex(one["places"][2:])) if place]
                assert all(states[slot][1] == one["digest"] for slot in mine)
            assert len({one["digest"] for one in batches}) == len(batches)
        finally:
            second.kill("backend")


async def _cut_from_all_sides(market: Works, second: Works, job: dict[str, Any], ids: list[str]) -> None:
    """Approves, takes back and cuts through both processes at once, and approves what is left."""
    path = f"/v1/jobs/{job['id']}"
    async with Market(market.url) as one, Market(second.url) as other:
        sessions = [(client, await client.sign_in(market.chain.requester)) for client in (one, other)]

        async def work(at: int) -> None:
            client, session = sessions[at % 2]
            await client.post(f"{path}/reviews", {"approve": [ids[at]]}, session)
            if at % 3 == 0:
                await asyncio.gather(client.post(f"{path}/reviews", {"undo": [ids[at]]}, session), return_exceptions=True)
            await client.post(f"{path}/batches", {}, session)

        await asyncio.gather(*(work(at) for at in range(len(ids))))
        await asyncio.gather(*(client.post(f"{path}/reviews", {"approve": "all"}, session) for client, session in sessions))
        await asyncio.gather(*(client.post(f"{path}/batches", {}, session) for client, session in sessions))
