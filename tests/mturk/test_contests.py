"""A rejected answer that its worker opens on the chain is contested by itself, with what the worker was told as the reason."""

import asyncio
import secrets
from typing import Any

from backend.mturk.ids import assignment_id
from piecework.chain.escrow import Escrow, escrow_abi
from piecework.chain.escrow_recourse import OpenedBatch, encode_open
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.client.market import terms_of
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, call, new_key, sign_in
from tests.mturk.conftest import HIT, Turk

WHY = "The bird is upside down."


def receipt(asker: Turk, hit: str, worker: Key) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An answer's job, assignment and receipt."""
    job_id, position = asker.job_of(hit), asker.position_of(hit)

    async def run() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with Market(asker.running.url) as market:
            person = await Worker.sign_in(market, worker)
            taken, job = await person.take(job_id, position), await market.get(f"/v1/jobs/{job_id}")
            held = await person.answer(job, taken, {"fields": [["q", "yes"]]}, secrets.token_bytes(32))
            return job, taken, held

    return asyncio.run(run())


def open_it(running: Works, worker: Key, job: dict[str, Any], held: dict[str, Any]) -> None:
    """The worker opens its slot, by its own transaction."""
    running.chain.rpc.call("anvil_setBalance", worker.address, hex(10**18))
    batch = receipt_batch(bytes.fromhex(held["job"][2:]), held["slot"], worker.address, bytes.fromhex(held["commitment"][2:]))
    data = encode_open(terms_of(job), [OpenedBatch(batch, bytes.fromhex(held["signature"][2:]), 1)])
    Wallet(running.chain.rpc, worker, escrow_abi()).send(running.chain.deployment.escrow, data)
    running.until("SELECT 1 FROM mirror_opening WHERE job = :job AND first_slot = :slot", job=held["job"], slot=held["slot"])


def state(running: Works, worker: Key, id: str) -> str:
    return str(call(running, "GET", f"/v1/assignments/{id}", token=sign_in(running, worker)).body["state"])


def test_a_rejected_answer_that_is_opened_is_contested_with_the_feedback_as_reason(asker: Turk, worker: Key) -> None:
    running, client, other = asker.running, asker.client(), new_key()
    escrow, token = Escrow(running.chain.rpc, running.chain.deployment.escrow), running.chain.deployment.token
    hit = client.create_hit(**HIT, MaxAssignments=2)["HIT"]["HITId"]
    job, taken, held = receipt(asker, hit, worker)
    _, waiting, others = receipt(asker, hit, other)
    client.reject_assignment(AssignmentId=assignment_id(taken["id"]), RequesterFeedback=WHY)
    before = escrow.balance_of(asker.requester.address, token)
    open_it(running, worker, job, held)
    open_it(running, other, job, others)
    ((reason, by),) = running.until("SELECT reason, contested_by FROM mirror_contest WHERE job = :job", job=job["id"])
    assert by == asker.issued["operator"] and int(job["terms"]["contest_deposit"]) == 5_000
    asker.until(lambda: escrow.balance_of(asker.requester.address, token) == before - 5_000)
    told = call(running, "GET", f"/v1/evidence/{reason}", token=sign_in(running, worker))
    assert told.status == 200 and told.body["text"] == WHY, told
    assert state(running, worker, taken["id"]) == "contested"
    running.until("SELECT 1 FROM outbox WHERE kind = 'contest' AND subject = :of AND state = 'confirmed'", of=reason)
    assert state(running, other, waiting["id"]) == "opened", "what nobody rejected is left to its opening"
    client.reject_assignment(AssignmentId=assignment_id(waiting["id"]), RequesterFeedback="")
    running.until("SELECT 1 FROM mirror_contest WHERE job = :job AND reason <> :first", job=job["id"], first=reason)
    assert len(running.rows("SELECT 1 FROM mirror_contest WHERE job = :job", job=job["id"])) == 2


def test_without_money_for_the_deposit_nothing_is_contested_and_it_is_said(asker: Turk, worker: Key) -> None:
    running, client = asker.running, asker.client()
    hit = client.create_hit(**HIT | {"Title": "Is it a poor bird?"})["HIT"]["HITId"]
    job, taken, held = receipt(asker, hit, worker)
    client.reject_assignment(AssignmentId=assignment_id(taken["id"]), RequesterFeedback=WHY)
    token = running.chain.deployment.token
    grant = escrow_abi().encode("setOperator", asker.issued["operator"], token, 0, 0)
    Wallet(running.chain.rpc, asker.requester, escrow_abi()).send(running.chain.deployment.escrow, grant)
    open_it(running, worker, job, held)
    asker.until(lambda: "isn't contested: a deposit of 5000 base units" in running.log)
    assert not running.rows("SELECT 1 FROM mirror_contest WHERE job = :job", job=job["id"])
