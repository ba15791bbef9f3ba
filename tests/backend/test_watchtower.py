"""The watchtower: with a silent requester everybody is paid, once, whatever is killed in between; and gas is spent where it is worth it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import token_balance
from piecework.chain.rpc import Rpc
from piecework.client import Market, Worker
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import gate
from tests.backend.workshop import DAY, Works, answer, call, new_key, open_job, works
from tests.conftest import Chain

REWARD = 50_000
QUICK = {"PIECEWORK_WATCH_SECONDS": "0.2", "PIECEWORK_WATCH_MULTIPLE": "0"}


def silent_job(market: Works, slots: int = 3) -> tuple[dict[str, Any], list[Key]]:
    """A job that closes within the margin, all answered, each slot by a worker of its own; nobody reviews it."""

    async def run() -> tuple[dict[str, Any], list[Key]]:
        async with Market(market.url) as client:
            closes_at = int(time.time()) + DAY
            _, job = await open_job(client, market.chain.requester, [("x", slots)], market.chain.rpc.url, closes_at=closes_at)
            workers = [await Worker.sign_in(client, new_key()) for _ in range(slots)]
            for worker in workers:
                await answer(worker, job)
            return job, [worker.session.key for worker in workers]

    return asyncio.run(run())


def sent(chain: Chain) -> int:
    """How many transactions the coordinator has sent."""
    return int(chain.rpc.call("eth_getTransactionCount", chain.coordinator.address, "latest"), 16)


def all_opened(market: Works, slots: int) -> None:
    market.until(f"SELECT 1 FROM (SELECT sum(slots) AS slots FROM mirror_opening) AS found WHERE slots = {slots}")
    market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state IN ('queued', 'signed'))")


def mature(chain: Chain) -> None:
    chain.rpc.call("evm_increaseTime", DAY)
    chain.rpc.call("evm_mine")


def all_paid(market: Works, workers: list[Key]) -> None:
    market.until(f"SELECT 1 FROM mirror_slot_payment LIMIT 1 OFFSET {len(workers) - 1}")
    market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state IN ('queued', 'signed'))")
    token = market.chain.deployment.token
    assert [token_balance(market.chain.rpc, token, key.address) for key in workers] == [REWARD] * len(workers)
    assert not market.rows("SELECT 1 FROM outbox WHERE state = 'failed'")


@pytest.mark.parametrize("reached", [False, True], ids=["before it is sent", "when it is sent and nobody knows"])
def test_silence_to_the_end_pays_everybody_once_though_it_is_killed_at_each_transaction(
    chain: Chain, tmp_path: Path, reached: bool
) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(chain.rpc.url) as door, works(chain, database, tmp_path, Rpc(door.url), **QUICK) as market:

        def killed(then: Any) -> None:
            door.stop_at("eth_sendRawTransaction", reached)
            then()
            assert door.reached.wait(30), market.log[-2000:]
            market.kill("backend")
            door.open()
            market.start("backend")

        made: list[Any] = []
        killed(lambda: made.append(silent_job(market)))
        (_, workers) = made[0]
        all_opened(market, len(workers))
        killed(lambda: mature(chain))
        all_paid(market, workers)
        opened = len(market.rows("SELECT 1 FROM mirror_opening"))
        assert sent(chain) == 2 * opened, "each opening and each finalization once"
        notes = call(market, "GET", "/v1/watchtower").body["items"]
        assert {note["kind"] for note in notes} == {"open", "finalize"}
        assert {note["state"] for note in notes} == {"confirmed"}


def test_two_watchtowers_open_and_finalize_once(chain: Chain, tmp_path: Path) -> None:
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **QUICK) as market:
        other = Works(chain, market.database_url, tmp_path, market.rpc_url, more=QUICK)
        other.start("backend")
        try:
            _, workers = silent_job(market)
            all_opened(market, len(workers))
            mature(chain)
            all_paid(market, workers)
            assert sent(chain) == 2 * len(market.rows("SELECT 1 FROM mirror_opening"))
        finally:
            other.kill("backend")


def test_what_isnt_worth_the_gas_is_left_and_said_once(chain: Chain, tmp_path: Path) -> None:
    more = QUICK | {"PIECEWORK_WATCH_MULTIPLE": "2"}
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **more) as market:
        silent_job(market)
        market.until("SELECT 1 FROM watch_note WHERE slots = 3")
        time.sleep(1)
        (note,) = call(market, "GET", "/v1/watchtower").body["items"]
        assert note["state"] == "left" and "less than 2 times the gas" in note["said"] and sent(chain) == 0
