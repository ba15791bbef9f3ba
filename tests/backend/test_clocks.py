"""Ten minutes without a chain, and a clock that somebody sets days ahead or hours back, in the middle of a settlement: answers are taken
meanwhile, everything goes on by itself, and nobody is paid twice."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import token_balance
from piecework.chain.rpc import Rpc
from piecework.client import Market, Requester, Worker
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_notices import inbox
from tests.backend.test_settler import REWARD, answered_job, nonce_of, paid
from tests.backend.workshop import DAY, Works, answer, approve_all, call, eventually, new_key, quick_job, sign_in, works
from tests.conftest import Chain, deployed
from tests.support.clock import Clock
from tests.support.devnet import anvil

WAITING = "SELECT updated_at FROM lane_state WHERE lane = 'relayer' AND state = 'waiting'"
DONE = "SELECT 1 FROM outbox WHERE state = 'confirmed' AND NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'confirmed')"
NEWS = "SELECT 1 FROM notice WHERE kind = 'answers.submitted' AND subject LIKE :of"
QUICK = {"PIECEWORK_WEBHOOKS_ANYWHERE": "true", "PIECEWORK_HERALD_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Works, Gate, Clock]]:
    """A marketplace on a chain and a clock of its own, with a gate between it and the chain."""
    folder: Path = tmp_path_factory.mktemp("clocks")
    clock = Clock(folder)
    with anvil() as rpc, gate(rpc.url) as door:
        chain: Chain = deployed(rpc)
        with works(chain, f"sqlite:///{folder}/piecework.db", folder, Rpc(door.url), **clock.environment, **QUICK) as market:
            yield market, door, clock


def stopped(market: Works, door: Gate, sent: bool) -> tuple[dict[str, Any], list[Key], int]:
    """A job of three slots, two of them answered, whose settlement is stored and stands before the chain or behind it."""
    before = nonce_of(market.chain)
    door.stop_at("eth_sendRawTransaction", sent)
    job, keys, _ = answered_job(market, 2, free=1)
    assert door.reached.wait(60)
    return job, keys, before


def settled_once(market: Works, job: dict[str, Any], workers: list[Key], nonces: int) -> None:
    market.until(DONE, seconds=120)
    assert paid(market, job) == [(slot, key.address) for slot, key in enumerate(workers)]
    token = market.chain.deployment.token
    assert [token_balance(market.chain.rpc, token, key.address) for key in workers] == [REWARD] * len(workers)
    assert nonce_of(market.chain) == nonces, "one intent, one transaction"


def answered(market: Works, job: dict[str, Any], approved: bool = True) -> Key:
    """One more answer, by somebody who comes now, and approved unless it is said otherwise."""

    async def run() -> Key:
        async with Market(market.url) as client:
            worker = await Worker.sign_in(client, new_key())
            await worker.take_payouts_as("wallet")
            await answer(worker, job)
            if approved:
                await approve_all(await Requester.sign_in(client, market.chain.requester, market.chain.rpc.url), job)
            return worker.session.key

    return asyncio.run(run())


def test_ten_minutes_without_a_chain_are_made_up_for(timed: tuple[Works, Gate, Clock]) -> None:
    market, door, clock = timed
    job, keys, before = stopped(market, door, sent=False)
    door.away = True
    door.open()
    keys.append(answered(market, job))
    ((said_at,),) = market.until(WAITING)
    clock.elapse(600)
    market.chain.rpc.call("anvil_mine", 20, 30)
    market.until(f"{WAITING} AND updated_at > :then", then=said_at)
    _wait_for_complaint(market)
    assert call(market, "GET", "/ready").status == 503
    door.away = False
    settled_once(market, job, keys, before + 2)


def _wait_for_complaint(market: Works) -> None:
    """The indexer has tried the chain once more, in vain."""
    said = market.data / "indexer.log"

    async def more() -> bool:
        return said.read_text().count("Trying again") > before

    before = said.read_text().count("Trying again")
    asyncio.run(eventually(more, 60))


def test_a_clock_that_is_set_days_ahead_pays_once_and_nothing_early(timed: tuple[Works, Gate, Clock]) -> None:
    market, door, clock = timed
    job, keys, before = stopped(market, door, sent=True)
    token = sign_in(market, new_key())
    taken = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, token).body
    clock.jump(3 * DAY)
    door.open()
    settled_once(market, job, keys, before + 1)
    market.until("SELECT 1 FROM assignment WHERE id = :id AND state = 'expired'", id=taken["id"])
    keys.append(answered(market, job))
    settled_once(market, job, keys, before + 2)
    assert call(market, "PUT", "/v1/me/sharing", {"share": False}, token).status == 200, "its session has four days left"
    told(market, keys)


def test_a_clock_that_is_set_back_by_hours_holds_nothing_up(timed: tuple[Works, Gate, Clock]) -> None:
    """Not even for a process that is killed then: the leases that it finds seem to last for hours."""
    market, door, clock = timed
    job, keys, before = stopped(market, door, sent=True)
    clock.jump(-5 * 3_600)
    market.kill("backend")
    door.open()
    market.start("backend")
    settled_once(market, job, keys, before + 1)
    keys.append(answered(market, job))
    settled_once(market, job, keys, before + 2)
    told(market, keys)


def test_what_a_clock_wrote_that_ran_ahead_is_put_right_once_it_is_set_back(timed: tuple[Works, Gate, Clock]) -> None:
    """A worker and a requester have the time that they were promised, and what wasn't delivered is tried again."""
    market, _, clock = timed
    asker, job = quick_job(market, [("x", 2)], auto_approval_seconds=DAY)
    worker = sign_in(market, new_key())
    clock.jump(5 * 3_600)
    reserved = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, worker).body["id"]
    answered(market, job, approved=False)
    market.until(NEWS, 30, of=f"%{job['id']}%")
    event = "INSERT INTO mturk_event (kind, notification, hit_type, hit, at, due_at, attempts) VALUES ('Ping', :to, 't', 'h', :at, :at, 0)"
    until = datetime.now(UTC) + timedelta(days=1)
    market.write(event, to='{"Transport": "SQS", "Destination": "", "Version": ""}', at=f"{until:%Y-%m-%d %H:%M:%S.%f}")
    with inbox() as received:
        received.status = 500
        hook = call(market, "POST", "/v1/webhooks", {"url": received.url, "kinds": ["block.set"]}, worker).body["id"]
        call(market, "POST", f"/v1/webhooks/{hook}/ping", token=worker)
        market.until("SELECT 1 FROM delivery WHERE webhook = :of AND attempts = 1", of=hook)
        received.status = 204
        clock.jump(-5 * 3_600)
        clock.elapse(61)
        market.until("SELECT 1 FROM delivery WHERE webhook = :of AND state = 'delivered'", of=hook)
    end = f"{clock.now() + timedelta(hours=1, minutes=5):%Y-%m-%d %H:%M:%S.%f}"
    market.until("SELECT 1 FROM assignment WHERE id = :of AND expires_at < :end", of=reserved, end=end)
    (left,) = (row["until"] for row in call(market, "GET", "/v1/waiting", token=asker).body["items"] if (row["job"], row["step"]) == (job["id"], "review"))
    assert left - clock.now().timestamp() <= DAY
    _, job = quick_job(market, [("x", 1)])
    answered(market, job, approved=False)
    market.until(NEWS, 30, of=f"%{job['id']}%")
    market.stop("backend")
    market.start("backend")  # it looks at HITs' events once a minute by no clock that a test sets, and at first
    market.until("SELECT 1 FROM mturk_event WHERE attempts > 0", 30)


def told(market: Works, keys: list[Key]) -> None:
    """Each was told of its approval and its payment, once."""
    for key in keys:
        market.until("SELECT 1 FROM notice WHERE account = :of AND kind = 'payment.made' AND number IS NOT NULL", of=key.address)
        kinds = sorted(entry["kind"] for entry in call(market, "GET", "/v1/notices", token=sign_in(market, key)).body["items"])
        assert kinds == ["answers.approved", "payment.made"]
