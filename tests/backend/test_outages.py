"""The database is restarted, or the disk is full, in the middle of an answer and of a settlement: what was acknowledged is kept, what
wasn't is refused in a sentence, nobody is paid twice, and everything goes on by itself."""

import asyncio
import resource
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from piecework.chain.escrow import token_balance
from piecework.chain.rpc import Rpc
from piecework.client import Market, Requester
from piecework.sql import open_engine
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_settler import REWARD, answered_job, nonce_of, paid
from tests.backend.workshop import Works, approve_all, call, new_key, open_job, promised, sign_in, works
from tests.conftest import Chain
from tests.support import postgres


LARGE = secrets.token_hex(16_384)
"""No page of a table has room for it, and it can't be compressed."""


def settled_once(market: Works, job: dict[str, Any], workers: list[str], before: int) -> None:
    """Every worker has been paid for its slot by one transaction."""
    market.until("SELECT 1 FROM outbox WHERE state = 'confirmed'", seconds=120)
    assert [worker for _, worker in paid(market, job)] == workers
    assert nonce_of(market.chain) == before + 1, "one intent, one transaction"
    token = market.chain.deployment.token
    assert [token_balance(market.chain.rpc, token, worker) for worker in workers] == [REWARD] * len(workers)


def test_a_postgresql_that_restarts_in_the_middle_of_a_settlement_pays_once(shared_chain: Chain, tmp_path: Path) -> None:
    server = postgres.start()
    try:
        with gate(shared_chain.rpc.url) as door, works(shared_chain, server.database(), tmp_path, Rpc(door.url)) as market:
            before, token = nonce_of(shared_chain), sign_in(market, new_key())
            door.stop_at("eth_sendRawTransaction", sent=True)
            job, keys, _ = answered_job(market)
            assert door.reached.wait(60)
            server.stop()
            door.open()
            refused = call(market, "PUT", "/v1/me/sharing", {"share": False}, token)
            assert refused.status == 503 and refused.body["detail"].endswith("."), refused
            taking = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token)
            assert taking.status == 503 and "try again" in taking.body["detail"], taking
            server.start()
            settled_once(market, job, [key.address for key in keys], before)
            assert call(market, "PUT", "/v1/me/sharing", {"share": False}, token).status == 200
    finally:
        server.remove()


Filling = Callable[[bool], None]
"""Makes the disk full, or makes room on it."""


def full(market: Works, whether: bool) -> None:
    """No file of the marketplace's grows any more, or each does."""
    for process in market.processes.values():
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4_096 if whether else resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_full_disk_loses_no_receipt_and_everything_goes_on_when_there_is_room(shared_chain: Chain, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/piecework.db"
    with gate(shared_chain.rpc.url) as door, works(shared_chain, database, tmp_path, Rpc(door.url)) as market:
        _answered_on_a_full_disk(market, door, nonce_of(shared_chain), lambda whether: full(market, whether))


def lengthen(url: str) -> None:
    """Makes the tables of what the test writes longer than a file of the journal; nobody cleans up after what is rolled back."""
    text = f"(SELECT string_agg(md5(n::text), '') FROM generate_series(1, {postgres.JOURNAL_BYTES // 24}) n)"
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"INSERT INTO evidence (hash, author, document, created_at) SELECT 'x', 'x', {text}, now()")
        held = "id, posting, unit, slot, worker, state, created_at, expires_at, answer"
        connection.exec_driver_sql(f"INSERT INTO assignment ({held}) SELECT 'x', 0, 0, 0, 'x', 'returned', now(), now(), {text}")
        connection.rollback()
    engine.dispose()


def test_the_full_disk_of_a_postgresql_does_no_more_harm(shared_chain: Chain, tmp_path: Path) -> None:
    """Its sessions can't make a table longer, which is what it says first on a full disk; its journal has room that it made before."""
    server = postgres.start([*postgres.QUICK, "autovacuum=off"])
    try:
        with gate(shared_chain.rpc.url) as door, works(shared_chain, server.database(), tmp_path, Rpc(door.url)) as market:
            lengthen(market.database_url)
            _answered_on_a_full_disk(market, door, nonce_of(shared_chain), server.fill)
    finally:
        server.remove()


def _answered_on_a_full_disk(market: Works, door: Gate, before: int, fill: Filling) -> None:
    async def opened() -> dict[str, Any]:
        async with Market(market.url) as client:
            return (await open_job(client, market.chain.requester, [("x", 2)], market.chain.rpc.url))[1]

    async def approve() -> None:
        async with Market(market.url) as client:
            await approve_all(await Requester.sign_in(client, market.chain.requester, market.chain.rpc.url), job)

    job, keys = asyncio.run(opened()), [new_key() for _ in range(2)]
    tokens, salt, path = [sign_in(market, key) for key in keys], secrets.token_bytes(32), f"/v1/jobs/{job['id']}/assignments"

    def insist(place: str, body: dict[str, Any], token: str, large: bool = False) -> Any:
        """Refused in a sentence while there is no room, and taken when there is. What isn't `large` may find room in what is there."""
        fill(True)
        answer = call(market, "POST", place, body, token)
        fill(False)
        if large or answer.status == 503:
            assert answer.status == 503 and "try again" in answer.body["detail"], answer
            answer = call(market, "POST", place, body, token)
        assert answer.status in (200, 201), answer
        return answer.body

    for key, token in zip(keys, tokens, strict=True):
        one = insist(path, {}, token)
        commitment = promised(job["id"], one["slot"], key.address, salt, LARGE)
        receipt = insist(f"/v1/assignments/{one['id']}/commit", {"commitment": commitment}, token)
        again = call(market, "POST", f"/v1/assignments/{one['id']}/commit", {"commitment": commitment}, token)
        assert again.body["signature"] == receipt["signature"], "the receipt that was given is the one that is kept"
        insist(f"/v1/assignments/{one['id']}/reveal", {"answer": LARGE, "salt": "0x" + salt.hex()}, token, large=True)
    assert [row.state for row in market.rows("SELECT state FROM assignment")] == ["revealed"] * 2, "what was refused took no slot"

    door.stop_at("eth_sendRawTransaction", sent=True)
    asyncio.run(approve())
    assert door.reached.wait(60)
    fill(True)
    door.open()
    market.chain.rpc.call("evm_mine")
    assert call(market, "POST", "/v1/evidence", {"about": {"kind": "job", "id": job["id"]}, "text": LARGE}, tokens[0]).status == 503
    fill(False)
    settled_once(market, job, [key.address for key in keys], before)
