"""The whole life of a job over HTTP, from its money to the workers' wallets."""

import asyncio
import time

from piecework.chain.escrow import Escrow, token_balance
from piecework.client import Market, Worker
from tests.backend.workshop import Works, answer, approve_all, eventually, new_key, open_job

REWARD = 50_000


def test_a_job_goes_from_a_wallet_to_wallets_and_every_step_shows(running: Works) -> None:
    asyncio.run(_road(running))


async def _road(running: Works) -> None:
    chain = running.chain
    token = chain.deployment.token
    async with Market(running.url) as market:
        asker, job = await open_job(market, chain.requester, [({"text": "one"}, 2), ({"text": "two"}, 2)])
        assert job["state"] == "open" and job["slot_counts"]["free"] == 4
        workers = [await Worker.sign_in(market, new_key()) for _ in range(2)]
        await workers[1].take_payouts_as("ledger")
        for worker in workers:
            for unit in (0, 1):
                await answer(worker, job, said=f"answer {unit}")
        batches = await approve_all(asker, job)
        assert [batch["slots"] for batch in batches] == [4]

        async def settled() -> bool:
            return bool((await market.get(f"/v1/batches/{batches[0]['digest']}"))["state"] == "settled")

        await eventually(settled)
        shown = await market.get(f"/v1/jobs/{job['id']}")
        assert shown["slot_counts"]["paid"] == 4 and shown["slot_counts"]["batched"] == 0
        assert token_balance(chain.rpc, token, workers[0].address) == 2 * REWARD
        assert token_balance(chain.rpc, token, workers[1].address) == 0
        await _withdraw(market, running, workers[1], token)
        paid = [item async for item in market.items("/v1/payments", job=job["id"])]
        assert sorted((item["slot"], item["amount"]) for item in paid) == [(slot, str(REWARD)) for slot in range(4)]
        own = await workers[0].assignments(job["id"])
        assert [item["state"] for item in own] == ["paid", "paid"] and own[0]["answer"] == "answer 0"


async def _withdraw(market: Market, running: Works, worker: Worker, token: str) -> None:
    """A relayed withdrawal of an account that has never held gas money."""
    account = await market.get(f"/v1/accounts/{worker.address}")
    assert account["balances"] == [{"token": token, "balance": str(2 * REWARD), "nonce": 0}]
    assert account["earned"] == str(2 * REWARD) and account["slots_paid"] == 2
    assert int(running.chain.rpc.call("eth_getBalance", worker.address, "latest"), 16) == 0
    sent = await worker.withdraw(token, 2 * REWARD, 0, int(time.time()) + 600)

    async def confirmed() -> bool:
        return bool((await market.get(f"/v1/withdrawals/{sent['id']}"))["state"] == "confirmed")

    await eventually(confirmed)
    assert token_balance(running.chain.rpc, token, worker.address) == 2 * REWARD
    assert Escrow(running.chain.rpc, running.chain.deployment.escrow).balance_of(worker.address, token) == 0
