"""The settler: killed anywhere, undone by a reorg, cut off from the chain, or overtaken, it pays every slot once."""

import asyncio
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import SignedBatch, encode_settle, escrow_abi, token_balance
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.client.market import terms_of
from piecework.client.requester import batch_of
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import Gate, gate
from tests.backend.workshop import Works, answer, approve_all, call, new_key, open_job, works
from tests.conftest import Chain

PAID = "SELECT slot, worker FROM mirror_slot_payment WHERE job = :job ORDER BY slot"
REWARD = 50_000


def answered_job(
    market: Works, answers: int = 3, payout: str = "wallet", free: int = 0
) -> tuple[dict[str, Any], list[Key], list[dict[str, Any]]]:
    """A job whose answers are approved, each slot by a worker of its own but for so many that stay free; the job, the workers, and the
    approved batches."""

    async def run() -> tuple[dict[str, Any], list[Key], list[dict[str, Any]]]:
        async with Market(market.url) as client:
            asker, job = await open_job(client, market.chain.requester, [("x", answers + free)], market.chain.rpc.url)
            workers = [await Worker.sign_in(client, new_key()) for _ in range(answers)]
            for worker in workers:
                await worker.take_payouts_as(payout)
                await answer(worker, job)
            return job, [worker.session.key for worker in workers], await approve_all(asker, job)

    return asyncio.run(run())


def nonce_of(chain: Chain) -> int:
    """How many transactions the relayer has sent."""
    return int(chain.rpc.call("eth_getTransactionCount", chain.relayer.address, "latest"), 16)


def paid(market: Works, job: dict[str, Any]) -> list[tuple[int, str]]:
    return [tuple(row) for row in market.rows(PAID, job=job["id"])]


STEPS = [
    ("before it is signed", "eth_estimateGas", False),
    ("when it is stored and not sent", "eth_sendRawTransaction", False),
    ("when it is sent and nobody knows", "eth_sendRawTransaction", True),
    ("when it is mined and nobody knows", "eth_getTransactionReceipt", True),
]


@pytest.mark.parametrize(("method", "sent"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_killed_at_any_step_it_settles_once(
    shared_chain: Chain, database_url: str, tmp_path: Path, method: str, sent: bool
) -> None:
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database_url, tmp_path, Rpc(door.url)) as market:
        before = nonce_of(shared_chain)
        door.stop_at(method, sent)
        job, workers, _ = answered_job(market)
        _kill_and_restart(market, door)
        _settled_once(market, job, workers, before)


def _kill_and_restart(market: Works, door: Gate) -> None:
    assert door.reached.wait(30)
    market.kill("backend")
    door.open()
    market.start("backend")


def _settled_once(market: Works, job: dict[str, Any], workers: list[Key], before: int) -> None:
    market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
    assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]
    assert nonce_of(market.chain) == before + 1, "one intent, one transaction"
    token = market.chain.deployment.token
    assert [token_balance(market.chain.rpc, token, key.address) for key in workers] == [REWARD] * len(workers)
    assert {row.state for row in market.rows("SELECT state FROM outbox")} == {"confirmed"}


def test_killed_with_its_transaction_waiting_in_the_mempool_it_sends_no_second_one(chain: Chain, tmp_path: Path) -> None:
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, Rpc(door.url)) as market:
        door.stop_at("eth_sendRawTransaction", sent=True)
        mining = threading.Thread(target=_stop_mining_when_settling, args=(market,))
        mining.start()
        job, workers, _ = answered_job(market)
        mining.join()
        (killed,) = market.rows("SELECT holder FROM lease WHERE name = 'settler'")
        _kill_and_restart(market, door)
        market.until("SELECT 1 FROM lease WHERE name = 'settler' AND holder <> :killed", killed=killed.holder)
        time.sleep(1)  # long enough for a second transaction, if it were to make one
        chain.rpc.call("evm_setAutomine", True)
        chain.rpc.call("evm_mine")
        _settled_once(market, job, workers, 0)


def _stop_mining_when_settling(market: Works) -> None:
    """Once the job is on the chain, nothing is mined any more."""
    market.until("SELECT 1 FROM mirror_job")
    market.chain.rpc.call("evm_setAutomine", False)


@pytest.mark.parametrize("sent", [False, True])
def test_killed_while_it_relays_a_withdrawal_it_sends_it_once(shared_chain: Chain, tmp_path: Path, sent: bool) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database, tmp_path, Rpc(door.url)) as market:
        job, (key,), _ = answered_job(market, 1, "ledger")
        market.until(PAID, job=job["id"])
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        before = nonce_of(shared_chain)
        door.stop_at("eth_sendRawTransaction", sent)
        queued = withdraw(market, key)
        _kill_and_restart(market, door)
        assert withdraw(market, key)["id"] == queued["id"], "the same withdrawal is the same row"
        market.until("SELECT 1 FROM outbox WHERE kind = 'withdrawal' AND state = 'confirmed'")
        assert call(market, "GET", f"/v1/withdrawals/{queued['id']}").body["state"] == "confirmed"
        assert token_balance(shared_chain.rpc, shared_chain.deployment.token, key.address) == REWARD
        assert nonce_of(shared_chain) == before + 1


def withdraw(market: Works, key: Key, nonce: int = 0, amount: int = REWARD) -> dict[str, Any]:
    """A worker without gas has its earnings sent to its wallet."""

    async def run() -> dict[str, Any]:
        async with Market(market.url) as client:
            worker = await Worker.sign_in(client, key)
            return await worker.withdraw(market.chain.deployment.token, amount, nonce, 2_000_000_000)

    return asyncio.run(run())


def test_killed_again_and_again_at_any_moment_it_pays_every_slot_once(chain: Chain, tmp_path: Path) -> None:
    rng = random.Random(20)
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:
        jobs = []
        for _ in range(4):
            job, workers, _ = answered_job(market)
            jobs.append((job, workers))
            time.sleep(rng.uniform(0, 0.15))
            market.kill("backend")
            market.start("backend")
        for job, workers in jobs:
            market.until(PAID + " LIMIT 1 OFFSET 2", job=job["id"])
            assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]
        market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'confirmed')")
        assert nonce_of(chain) == 4


def test_what_a_reorg_undid_is_sent_again_as_the_same_transaction(chain: Chain, tmp_path: Path) -> None:
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:
        job, workers, batches = answered_job(market)
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        path = f"/v1/batches/{batches[0]['digest']}"
        hash_ = call(market, "GET", path).body["transaction_hash"]
        chain.rpc.call("anvil_reorg", 1, [])
        assert chain.rpc.call("eth_getTransactionReceipt", hash_) is None
        chain.rpc.call("anvil_mine", "0x1")
        market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM mirror_batch)")
        market.until("SELECT 1 FROM mirror_batch")
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        assert call(market, "GET", path).body["transaction_hash"] == hash_
        assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]
        assert call(market, "GET", f"/v1/jobs/{job['id']}").body["slot_counts"]["paid"] == 3


def test_without_the_chain_receipts_go_on_and_settling_waits(shared_chain: Chain, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database, tmp_path, Rpc(door.url)) as market:

        async def run() -> dict[str, Any]:
            async with Market(market.url) as client:
                asker, job = await open_job(client, shared_chain.requester, [("x", 2)], shared_chain.rpc.url)
                worker = await Worker.sign_in(client, new_key())
                door.away = True
                await answer(worker, job)
                await approve_all(asker, job)
                return job

        job = asyncio.run(run())
        ready = call(market, "GET", "/ready")
        assert ready.status == 503 and not ready.body["ready"]
        assert call(market, "GET", "/health").status == 200 and not paid(market, job)
        door.away = False
        market.until(PAID, job=job["id"])
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")


def test_a_batch_approved_while_another_is_being_signed_is_not_forgotten(shared_chain: Chain, tmp_path: Path) -> None:
    async def run(market: Works, door: Gate) -> dict[str, Any]:
        async with Market(market.url) as client:
            asker, job = await open_job(client, shared_chain.requester, [("x", 2)], shared_chain.rpc.url)
            for stopped in (True, False):
                await answer(await Worker.sign_in(client, new_key()), job)
                await approve_all(asker, job)
                assert not stopped or await asyncio.to_thread(door.reached.wait, 30)
            return job

    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database, tmp_path, Rpc(door.url)) as market:
        door.stop_at("eth_estimateGas", sent=False)
        job = asyncio.run(run(market, door))
        door.open(forward=True)
        market.until(f"{PAID} LIMIT 1 OFFSET 1", job=job["id"])
        assert [slot for slot, _ in paid(market, job)] == [0, 1]


def test_when_somebody_else_settled_first_it_sends_nothing_and_calls_it_done(shared_chain: Chain, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database, tmp_path, Rpc(door.url)) as market:
        before = nonce_of(shared_chain)
        door.stop_at("eth_estimateGas", sent=False)
        job, workers, batches = answered_job(market)
        assert door.reached.wait(30)
        _settle_by_hand(shared_chain, job, batches[0])
        market.until(PAID, job=job["id"])
        door.open(forward=True)
        market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'")
        shown = call(market, "GET", f"/v1/batches/{batches[0]['digest']}").body
        assert shown["state"] == "settled" and shown["transaction_hash"]
        assert nonce_of(shared_chain) == before
        assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]


def _settle_by_hand(chain: Chain, job: dict[str, Any], entry: dict[str, Any]) -> None:
    """The requester carries the batch itself, as its caller."""
    signed = SignedBatch(batch_of(entry), bytes.fromhex(entry["signature"][2:]), b"")
    data = encode_settle(terms_of(job), [signed], frozenset(), 60_000)
    Wallet(chain.rpc, chain.requester, escrow_abi()).send(chain.deployment.escrow, data)


def test_of_two_coordinators_on_one_database_one_settles_and_the_other_takes_over(
    shared_chain: Chain, database_url: str, tmp_path: Path
) -> None:
    with works(shared_chain, database_url, tmp_path) as market:
        second = Works(shared_chain, database_url, tmp_path, shared_chain.rpc.url)
        second.start("backend")
        try:
            before = nonce_of(shared_chain)
            jobs = [answered_job(market), answered_job(second)]
            for job, workers, _ in jobs:
                market.until(PAID, job=job["id"])
            assert nonce_of(shared_chain) == before + 2
            holder = market.rows("SELECT holder FROM lease")[0].holder
            market.kill("backend")
            job, workers, _ = answered_job(second)
            second.until(PAID, job=job["id"])
            assert nonce_of(shared_chain) == before + 3
            assert second.rows("SELECT holder FROM lease")[0].holder != holder
        finally:
            second.kill("backend")


def test_a_withdrawal_is_checked_before_it_is_queued(shared_chain: Chain, tmp_path: Path) -> None:
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:
        job, (key,), _ = answered_job(market, 1, "ledger")
        market.until(PAID, job=job["id"])
        for nonce, amount, word in ((1, REWARD, "nonce 0"), (0, REWARD + 1, "balance"), (0, 10 * REWARD, "balance")):
            with pytest.raises(Exception, match=word):
                withdraw(market, key, nonce, amount)
        assert not market.rows("SELECT 1 FROM outbox WHERE kind = 'withdrawal'")
        withdraw(market, key, 0, 1)
        with pytest.raises(Exception, match="nonce"):
            withdraw(market, key, 0, 2)


def test_it_ends_with_zero_when_it_is_told_to(shared_chain: Chain, tmp_path: Path) -> None:
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:
        begun = time.monotonic()
        assert market.stop("backend") == 0
        assert time.monotonic() - begun < 5
