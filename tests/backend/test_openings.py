"""Slots that somebody opens while the coordinator has plans with them: pages, counts and settlements follow the chain."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from piecework.chain.escrow import encode_close, escrow_abi
from piecework.chain.escrow_recourse import (
    OpenedBatch,
    encode_appeal,
    encode_contest,
    encode_finalize,
    encode_open,
    encode_reclaim,
)
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Receipt, Wallet
from piecework.client import Market, Requester, Worker
from piecework.client.market import terms_of
from piecework.client.requester import batch_of
from piecework.domain.recourse import Opening
from piecework.domain.terms import Batch, cut_batch, receipt_batch
from piecework.domain.typed_data import Key
from piecework.sql import open_engine
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_settler import PAID, answered_job, nonce_of, paid
from tests.backend.workshop import Works, answer, approve_all, call, new_key, open_job, posting, works
from tests.conftest import Chain

OPENED = "SELECT 1 FROM mirror_opening WHERE job = :job"


def by_coordinator(chain: Chain, data: str) -> Receipt:
    """A transaction to the escrow; the requester's node needn't know of it."""
    return Wallet(chain.rpc, chain.coordinator, escrow_abi()).send(chain.deployment.escrow, data)


def open_batch(chain: Chain, job: dict[str, Any], batch: Batch) -> Opening:
    """The coordinator opens a batch of which everything is free."""
    digest = chain.deployment.domain.batch_digest(batch)
    by_coordinator(chain, encode_open(terms_of(job), [OpenedBatch(batch, chain.coordinator.sign(digest))]))
    return Opening(digest, batch.first_slot, batch.workers, batch.places)


def receipt_of(entry: dict[str, Any]) -> Batch:
    """The batch of one that a worker holds."""
    return receipt_batch(
        bytes.fromhex(entry["job"][2:]), entry["slot"], entry["worker"], bytes.fromhex(entry["commitment"][2:])
    )


def finalize(chain: Chain, job: dict[str, Any], opening: Opening) -> None:
    """With an approval of the requester's, so that nobody has to wait."""
    terms, slots = terms_of(job), len(opening.places) - opening.places.count(0)
    digest = chain.deployment.domain.approval_digest(opening.batch, slots, slots * terms.price)
    approval = chain.requester.sign(digest)
    by_coordinator(chain, encode_finalize(terms, opening, frozenset(), 60_000, slots, approval))


def shown(market: Works, job: dict[str, Any]) -> tuple[list[str], dict[str, int]]:
    """A job's slots on its page's twin, and how many are counted in each state; the two must agree."""
    page = call(market, "GET", f"/jobs/{job['id']}.json").body
    counts = {state: count for state, count in page["job"]["slot_counts"].items() if count}
    assert counts == {state: page["slots"].count(state) for state in set(page["slots"])}
    return page["slots"], counts


async def states(asker: Requester, job: dict[str, Any], state: str) -> list[int]:
    """The slots whose submissions show a state."""
    items = [item async for item in asker.market.items(f"/v1/jobs/{job['id']}/submissions", asker.session, state=state)]
    assert {item["state"] for item in items} <= {state}
    return [item["slot"] for item in items]


def test_an_opened_slot_is_shown_and_left_out_of_batches_until_it_is_paid(running: Works) -> None:
    chain = running.chain

    async def run() -> None:
        async with Market(running.url) as client:
            asker, job = await open_job(client, chain.requester, [("x", 4)], chain.rpc.url)
            workers = [await Worker.sign_in(client, new_key()) for _ in range(3)]
            for worker in workers:
                await answer(worker, job)
            (held,) = await workers[0].assignments(job["id"])
            opening = open_batch(chain, job, receipt_of(held))
            running.until(OPENED, job=job["id"])
            assert shown(running, job)[0] == ["opened", "revealed", "revealed", "free"]
            assert await states(asker, job, "opened") == [0] and await states(asker, job, "revealed") == [1, 2]
            everything = {"approve": "all", "reject": []}
            counted = await client.post(f"/v1/jobs/{job['id']}/reviews", everything, asker.session)
            assert counted == {"approved": 3, "rejected": 0, "undone": 0}
            (batch,) = await approve_all(asker, job)
            assert batch["slots"] == 2
            running.until(f"{PAID} LIMIT 1 OFFSET 1", job=job["id"])
            assert shown(running, job)[0] == ["opened", "paid", "paid", "free"]
            finalize(chain, job, opening)
            running.until(f"{PAID} LIMIT 1 OFFSET 2", job=job["id"])
            assert shown(running, job) == (["paid"] * 3 + ["free"], {"paid": 3, "free": 1})
            assert await states(asker, job, "paid") == [0, 1, 2] and not await states(asker, job, "batched")
            assert [item["state"] for item in await workers[0].assignments(job["id"])] == ["paid"]

    asyncio.run(run())


def test_a_batch_that_was_opened_before_it_was_settled_is_left_to_its_opening(shared_chain: Chain, tmp_path: Path) -> None:
    with _stopped_settler(shared_chain, tmp_path) as (door, market, job, batch):
        before = nonce_of(shared_chain)
        opening = open_batch(shared_chain, job, batch_of(batch))
        market.until(OPENED, job=job["id"])
        door.open(forward=True)
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        assert shown(market, job)[0] == ["opened"] * 3
        finalize(shared_chain, job, opening)
        market.until(f"{PAID} LIMIT 1 OFFSET 2", job=job["id"])
        assert shown(market, job)[0] == ["paid"] * 3
        assert nonce_of(shared_chain) == before and not market.rows("SELECT 1 FROM outbox WHERE state = 'failed'")


def test_a_batch_of_which_a_part_was_opened_settles_the_rest(shared_chain: Chain, tmp_path: Path) -> None:
    with _stopped_settler(shared_chain, tmp_path) as (door, market, job, batch):
        (row,) = market.rows("SELECT slot, worker, commitment FROM assignment WHERE slot = 1")
        receipt = receipt_of({"job": job["id"], **row._asdict()})
        opening = open_batch(shared_chain, job, receipt)
        door.open(forward=True)
        market.until(f"{PAID} LIMIT 1 OFFSET 1", job=job["id"])
        market.until(OPENED, job=job["id"])
        assert shown(market, job)[0] == ["paid", "opened", "paid"]
        finalize(shared_chain, job, opening)
        market.until(f"{PAID} LIMIT 1 OFFSET 2", job=job["id"])
        assert [slot for slot, _ in paid(market, job)] == [0, 1, 2]
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        assert call(market, "GET", f"/v1/batches/{batch['digest']}").body["state"] == "settled"


def test_what_a_reorg_frees_again_is_settled_after_all(chain: Chain, tmp_path: Path) -> None:
    """The settler had called the batch done, because somebody had opened all of it."""
    with _stopped_settler(chain, tmp_path) as (door, market, job, batch):
        open_batch(chain, job, batch_of(batch))
        market.until(OPENED, job=job["id"])
        door.open(forward=True)
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        chain.rpc.call("anvil_reorg", 1, [])
        chain.rpc.call("anvil_mine", "0x1")
        market.until(f"{PAID} LIMIT 1 OFFSET 2", job=job["id"])
        assert shown(market, job)[0] == ["paid"] * 3 and not market.rows(OPENED, job=job["id"])


def test_what_a_close_gives_back_is_cancelled_and_openings_stay(chain: Chain, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with works(chain, database, tmp_path) as market:

        async def run() -> dict[str, Any]:
            async with Market(market.url) as client:
                asker, job = await open_job(client, chain.requester, [("x", 5)], chain.rpc.url)
                workers = [await Worker.sign_in(client, new_key()) for _ in range(3)]
                for worker in workers:
                    await answer(worker, job)
                (held,) = await workers[0].assignments(job["id"])
                open_batch(chain, job, receipt_of(held))
                market.until(OPENED, job=job["id"])
                chain.rpc.call("evm_increaseTime", job["terms"]["closes_at"] - int(time.time()) + 1)
                by_coordinator(chain, encode_close(terms_of(job)))
                market.until("SELECT 1 FROM mirror_close")
                assert await states(asker, job, "cancelled") == [1, 2]
                assert await states(asker, job, "opened") == [0]
                return job

        job = asyncio.run(run())
        assert shown(market, job) == (["opened"] + ["cancelled"] * 4, {"opened": 1, "cancelled": 4})


def test_a_dispute_is_shown_slot_by_slot(chain: Chain, tmp_path: Path) -> None:
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:

        async def run() -> dict[str, Any]:
            async with Market(market.url) as client:
                asker, job = await disputable_job(market, client, [("x", 6)])
                workers = [await Worker.sign_in(client, new_key()) for _ in range(5)]
                for worker in workers:
                    await answer(worker, job)
                held = [(await worker.assignments(job["id"]))[0] for worker in workers]
                dispute(chain, job, held, workers[2].session.key)
                market.until("SELECT 1 FROM mirror_appeal")
                shown_states = ["opened", "contested", "appealed", "refunded", "revealed", "free"]
                assert shown(market, job) == (shown_states, dict.fromkeys(shown_states, 1))
                for slot, state in enumerate(shown_states[:5]):
                    assert await states(asker, job, state) == [slot]
                assert [item["state"] for item in await workers[3].assignments(job["id"])] == ["refunded"]
                return job

        job = asyncio.run(run())
        html = call(market, "GET", f"/jobs/{job['id']}").body.decode()
        for state in ("opened", "contested", "appealed", "refunded"):
            assert f"1 {state}" in html and f'id="slot-{state}"' in html


async def disputable_job(
    market: Works, client: Market, units: list[tuple[Any, int]], requester: Key | None = None, **changed: Any
) -> tuple[Requester, dict[str, Any]]:
    """An open job whose terms name an arbitrator, which the API doesn't offer: its row is changed before it is funded. Of the chain's
    requester, unless somebody else is named."""
    chain = market.chain
    asker = await Requester.sign_in(client, requester or chain.requester, chain.rpc.url)
    draft = await asker.draft(posting(units, **changed))
    terms = replace(terms_of(draft), arbitrator=chain.bystander.address)
    job = "0x" + chain.deployment.domain.job_id(terms).hex()
    engine = open_engine(market.database_url)
    with engine.begin() as connection:
        changed = {"before": draft["id"], "after": job, "arbitrator": terms.arbitrator}
        connection.execute(text("UPDATE posting SET job = :after, arbitrator = :arbitrator WHERE job = :before"), changed)
    engine.dispose()
    described = await client.get(f"/v1/jobs/{job}")
    await asker.mint(described["terms"]["token"], int(described["amount"]))
    await asker.fund(described)
    return asker, await asker.wait_open(job)


def dispute(chain: Chain, job: dict[str, Any], held: list[dict[str, Any]], appellant: Key) -> None:
    """Slot 3 is contested and reclaimed; then 0 to 2 are opened, 1 and 2 contested, and 2 is appealed."""
    terms, wallet = terms_of(job), Wallet(chain.rpc, chain.requester, escrow_abi())

    def wait(seconds: int) -> None:
        chain.rpc.call("evm_increaseTime", seconds)
        chain.rpc.call("evm_mine")

    last = open_batch(chain, job, receipt_of(held[3]))
    wallet.send(chain.deployment.escrow, encode_contest(terms, last, b"\x01", bytes(32)))
    wait(terms.review_window + terms.appeal_window)
    by_coordinator(chain, encode_reclaim(terms, last))
    taken = [(item["slot"], item["worker"], bytes.fromhex(item["commitment"][2:])) for item in held[:3]]
    first = open_batch(chain, job, cut_batch(bytes.fromhex(job["id"][2:]), taken))
    wallet.send(chain.deployment.escrow, encode_contest(terms, first, b"\x00" + first.places[1:], bytes(32)))
    wait(terms.review_window)
    request = chain.deployment.domain.appeal_request_digest([first.id(bytes.fromhex(job["id"][2:]))], [first.places[2]])
    by_coordinator(chain, encode_appeal(terms, [first], [first.places[2]], appellant.sign(request)))


@contextmanager
def _stopped_settler(chain: Chain, folder: Path) -> Iterator[tuple[Gate, Works, dict[str, Any], dict[str, Any]]]:
    """A job of three slots whose one batch is approved; the settler has loaded it and waits at the gate."""
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{folder}/piecework.db", folder, Rpc(door.url)) as market:
        door.stop_at("eth_estimateGas", sent=False)
        job, _, (batch,) = answered_job(market)
        assert door.reached.wait(30)
        yield door, market, job, batch
