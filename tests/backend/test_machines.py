"""The parts as they stand on several machines: PostgreSQL, two API processes behind one address, an indexer; and one API dies."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import token_balance
from piecework.client import Market, Worker
from piecework.client.market import MarketError
from tests.backend.test_settler import PAID, REWARD, paid
from tests.backend.workshop import Works, approve_all, new_key, open_job, promised
from tests.conftest import Chain
from tests.support import postgres
from tests.support.balancer import Balancer, balancer
from tests.support.devnet import free_port

UNITS, WORKERS = 480, 16
KILLED_AFTER = 120
"""Reveals that were acknowledged when the kill comes."""


@dataclass
class Told:
    """What workers were told: an assignment's receipt, and whether its reveal was taken."""

    receipts: dict[str, str] = field(default_factory=dict)
    revealed: set[str] = field(default_factory=set)
    enough: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Machines:
    """Two API processes, of which the first has the settler's lease and the indexer, and what is before them."""

    first: Works
    second: Works
    before: Balancer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.before.port}"


@pytest.fixture
def machines(shared_chain: Chain, tmp_path: Path) -> Iterator[Machines]:
    ports, url = (free_port(), free_port()), postgres.server().database()
    with balancer(ports) as before:
        more = {"PIECEWORK_PUBLIC_URL": f"http://127.0.0.1:{before.port}"}
        first, second = (Works(shared_chain, url, tmp_path, shared_chain.rpc.url, port, more) for port in ports)
        try:
            first.start("backend")
            first.start("indexer")
            second.start("backend")
            yield Machines(first, second, before)
        finally:
            for part in (first, second):
                for name in list(part.processes):
                    part.kill(name)


async def work(worker: Worker, job: dict[str, Any], told: Told) -> None:
    """Answers until there is nothing left, noting what was acknowledged."""
    salt = secrets.token_bytes(32)
    while True:
        try:
            taken = await worker.take(job["id"])
        except MarketError as error:
            assert error.status in (404, 409), error
            return
        id, hashed = taken["id"], promised(job["id"], taken["slot"], worker.address, salt, "a")
        receipt = await worker.market.post(f"/v1/assignments/{id}/commit", {"commitment": hashed}, worker.session)
        told.receipts[id] = receipt["signature"]
        await worker.market.post(f"/v1/assignments/{id}/reveal", {"answer": "a", "salt": "0x" + salt.hex()}, worker.session)
        told.revealed.add(id)
        if len(told.revealed) == KILLED_AFTER:
            told.enough.set()


def test_one_of_two_api_processes_is_killed_under_load_and_nothing_is_lost_or_paid_twice(machines: Machines) -> None:
    first, second = machines.first, machines.second

    async def run() -> tuple[dict[str, Any], Told]:
        told = Told()
        async with Market(machines.url, connections=WORKERS) as market:
            asker, job = await open_job(market, first.chain.requester, [(n, 1) for n in range(UNITS)])
            workers = [await Worker.sign_in(market, new_key()) for _ in range(WORKERS)]
            for worker in workers:
                await worker.take_payouts_as("wallet")
            load = [asyncio.create_task(work(worker, job, told)) for worker in workers]
            await told.enough.wait()
            first.kill("backend")
            assert not all(task.done() for task in load), "it died while they worked"
            await asyncio.gather(*load)
            await approve_all(asker, job)
        return job, told

    job, told = asyncio.run(run())
    assert all(machines.before.served[part.port] for part in (first, second)), "both had work"
    kept = {row.id: row for row in second.rows("SELECT id, slot, worker, state, receipt FROM assignment")}
    _require_kept(kept, told)
    answered = sorted((row.slot, row.worker) for row in kept.values() if row.receipt)
    assert len(answered) >= UNITS - WORKERS, "at most what a worker was taking when its process died is still reserved"
    second.until(f"SELECT 1 FROM ({PAID}) AS p HAVING count(*) >= {len(answered)}", 60, job=job["id"])
    second.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'confirmed')", 30)
    assert paid(second, job) == answered, "every slot once"
    for worker, slots in Counter(worker for _, worker in answered).items():
        assert token_balance(first.chain.rpc, first.chain.deployment.token, worker) == slots * REWARD


def _require_kept(kept: dict[str, Any], told: Told) -> None:
    slots = [row.slot for row in kept.values()]
    assert len(set(slots)) == len(slots), "no slot twice"
    assert told.receipts and all(kept[id].receipt == receipt for id, receipt in told.receipts.items())
    assert all(kept[id].state not in ("reserved", "committed") for id in told.revealed)
