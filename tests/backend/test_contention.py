"""Many workers, several processes, and deaths in between: no slot goes out twice, and nothing that was acknowledged is lost."""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sqlalchemy import text

from piecework.client import Market, Worker
from piecework.client.market import MarketError
from piecework.sql import open_engine
from tests.backend.workshop import Answer, Works, call, new_key, open_job, promised, quick_job, sign_in, works
from tests.conftest import Chain
from tests.support import postgres


@pytest.fixture
def pair(shared_chain: Chain, tmp_path: Path) -> Iterator[tuple[Works, Works]]:
    """Two coordinator processes on one PostgreSQL database."""
    with works(shared_chain, postgres.server().database(), tmp_path) as first:
        second = Works(shared_chain, first.database_url, tmp_path, first.rpc_url)
        try:
            second.start("backend")
            yield first, second
        finally:
            second.kill("backend")


def test_sixty_four_workers_at_two_processes_share_no_slot_and_overfill_no_unit(pair: tuple[Works, Works]) -> None:
    async def grab(market: Market, worker: Worker, job: dict[str, Any]) -> None:
        taken, returned = list[dict[str, Any]](), 0
        while len(taken) < 40:
            try:
                taken.append(await worker.take(job["id"]))
            except MarketError as error:
                assert error.status == 409, error
                return
            if returned < 2:
                await market.post(f"/v1/assignments/{taken.pop()['id']}/return", None, worker.session)
                returned += 1

    async def run() -> None:
        async with Market(pair[0].url, connections=32) as left, Market(pair[1].url, connections=32) as right:
            _, job = await open_job(left, pair[0].chain.requester, [({"n": n}, 3) for n in range(60)])
            workers = [(market, await Worker.sign_in(market, new_key())) for market in (left, right) for _ in range(32)]
            await asyncio.gather(*(grab(*one, job) for one in workers))

    asyncio.run(run())
    assert pair[0].rows("SELECT count(*) FROM assignment WHERE state = 'returned'")[0][0] > 64, "slots came back, and went out again"
    live = pair[0].rows("SELECT unit, slot, worker FROM assignment WHERE state = 'reserved'")
    assert len({row.slot for row in live}) == len(live) and max(Counter((row.unit, row.worker) for row in live).values()) == 1
    assert max(Counter(row.unit for row in live).values()) <= 3
    _require_sums(pair[0])


def _require_sums(market: Works) -> None:
    """What is counted is what is there: free slots of units, and held ones of workers."""
    wrong = """
        SELECT unit.position FROM unit WHERE unit.slots - unit.free <> (
            SELECT count(*) FROM assignment AS a
             WHERE a.posting = unit.posting AND a.unit = unit.position AND a.state NOT IN ('returned', 'expired'))"""
    assert market.rows(wrong) == []
    wrong = """
        SELECT w.worker FROM job_worker AS w WHERE w.held <> (
            SELECT count(*) FROM assignment AS a
             WHERE a.posting = w.posting AND a.worker = w.worker AND a.state NOT IN ('returned', 'expired'))"""
    assert market.rows(wrong) == []


def test_one_worker_at_two_processes_gets_a_unit_once_and_no_more_than_the_limit(pair: tuple[Works, Works]) -> None:
    _, job = quick_job(pair[0], [(n, 9) for n in range(30)])
    engine = open_engine(pair[0].database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE posting SET per_worker_limit = 12"))
    engine.dispose()
    token, path = sign_in(pair[0], new_key()), f"/v1/jobs/{job['id']}/assignments"

    def take(at: int) -> Answer:
        return call(pair[at % 2], "POST", path, {"unit": at // 4 if at < 40 else None}, token)

    with ThreadPoolExecutor(8) as threads:
        statuses = [answer.status for answer in threads.map(take, range(80))]
    assert set(statuses) == {201, 409} and statuses.count(201) == 12
    held = pair[0].rows("SELECT unit FROM assignment")
    assert len({row.unit for row in held}) == len(held) == 12
    _require_sums(pair[0])


def test_killed_anywhere_between_accept_and_reveal_it_keeps_what_it_acknowledged(running: Works) -> None:
    rng, salt = random.Random(5), secrets.token_bytes(32)
    _, job = quick_job(running, [(n, 1) for n in range(200)])
    acknowledged: dict[str, tuple[str, str | None]] = {}

    def work(token: str, address: str) -> None:
        """Answers until the process dies, and notes what it was told."""
        try:
            while True:
                taken = call(running, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token)
                if taken.status != 201:
                    return
                id, hashed = taken.body["id"], promised(job["id"], taken.body["slot"], address, salt, "a")
                acknowledged[id] = "reserved", None
                receipt = call(running, "POST", f"/v1/assignments/{id}/commit", {"commitment": hashed}, token)
                acknowledged[id] = "committed", receipt.body["signature"]
                call(running, "POST", f"/v1/assignments/{id}/reveal", {"answer": "a", "salt": "0x" + salt.hex()}, token)
                acknowledged[id] = "revealed", receipt.body["signature"]
        except (OSError, urllib3.exceptions.HTTPError):
            return

    for _ in range(3):
        keys = [new_key() for _ in range(4)]
        tokens = [sign_in(running, key) for key in keys]
        with ThreadPoolExecutor(4) as threads:
            for key, token in zip(keys, tokens, strict=True):
                threads.submit(work, token, key.address)
            time.sleep(rng.uniform(0.05, 0.25))
            running.kill("backend")
        running.start("backend")
    order = ("reserved", "committed", "revealed")
    kept = {row.id: row for row in running.rows("SELECT id, slot, state, receipt FROM assignment")}
    assert acknowledged and len({row.slot for row in kept.values()}) == len(kept)
    for id, (state, receipt) in acknowledged.items():
        assert order.index(kept[id].state) >= order.index(state) and receipt in (None, kept[id].receipt)
    _require_sums(running)
