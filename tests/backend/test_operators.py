"""An operator acts for its requester within the allowance that the requester signed, and no further."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.deployment import Deployment
from piecework.chain.escrow import Escrow, escrow_abi, token_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client import Market, Requester, Worker
from piecework.domain.typed_data import Key, OperatorGrant
from tests.backend.workshop import DAY, Answer, Works, answer, call, eventually, new_key, posting, sign_in, works
from tests.conftest import Chain

DOLLAR, HOUR = 10**6, 3_600


@pytest.fixture
def running(shared_chain: Chain, database_url: str, tmp_path: Path) -> Iterator[Works]:
    with works(shared_chain, database_url, tmp_path, PIECEWORK_OPERATOR_GAS=str(10**16), PIECEWORK_BATCH_SECONDS=str(HOUR)) as both:
        yield both


def deposit(rpc: Rpc, deployment: Deployment, requester: Key, amount: int) -> None:
    """Dollars in the requester's ledger, minted for it."""
    rpc.call("anvil_setBalance", requester.address, hex(10**18))
    Wallet(rpc, requester).send(deployment.token, token_abi().encode("mint", requester.address, amount))
    Wallet(rpc, requester).send(deployment.token, token_abi().encode("approve", deployment.escrow, amount))
    Wallet(rpc, requester, escrow_abi()).send(deployment.escrow, escrow_abi().encode("deposit", deployment.token, amount))


def allow(running: Works, requester: Key, token: str, operator: str, allowance: int, seconds: int = DAY) -> str:
    """Signs an allowance for so long and has it carried; returns the grant's id."""
    now = int(time.time())
    terms = {"allowance": str(allowance), "expires_at": now + seconds, "deadline": now + DAY}
    shown = call(running, "POST", f"/v1/operators/{operator}/message", terms, token).body["typed_data"]["message"]
    grant = OperatorGrant(
        shown["requester"], shown["operator"], shown["token"], int(shown["allowance"]), int(shown["expiresAt"]), int(shown["nonce"]),
        int(shown["deadline"]),
    )  # fmt: skip
    assert (grant.requester, grant.operator, grant.allowance) == (requester.address, operator, allowance)
    signature = "0x" + requester.sign(running.chain.deployment.domain.operator_digest(grant)).hex()
    body = terms | {"nonce": grant.nonce, "signature": signature}
    taken = call(running, "POST", f"/v1/operators/{operator}/grants", body, token)
    assert taken.status == 202, taken
    return str(taken.body["id"])


def test_a_job_is_posted_approved_and_settled_by_its_operator_alone(running: Works) -> None:
    chain = running.chain
    requester = new_key()
    deposit(chain.rpc, chain.deployment, requester, 10 * DOLLAR)
    token = sign_in(running, requester)
    operator = call(running, "POST", "/v1/operators", {"name": "scripts"}, token).body["address"]
    allow(running, requester, token, operator, DOLLAR)
    running.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of AND requester = :by", of=operator, by=requester.address)
    (shown,) = call(running, "GET", "/v1/operators", token=token).body["items"]
    assert (shown["address"], shown["allowance"]) == (operator, str(DOLLAR))

    async def life() -> None:
        async with Market(running.url) as market:
            asker = await Requester.sign_in(market, requester)
            job = await asker.draft(posting([("one", 1), ("two", 1)], operator=operator))
            await market.post(f"/v1/jobs/{job['id']}/funding", {}, asker.session)
            job = await asker.wait_open(job["id"])
            worker = await Worker.sign_in(market, new_key())
            await answer(worker, job)
            await answer(worker, job)
            waiting = await asker.submissions(job["id"], "revealed")
            assert await asker.approve(job["id"], [one["id"] for one in waiting]) == 2
            _approved_at(running, waiting[0]["id"], 9)
            await asyncio.sleep(1.2)
            assert running.rows("SELECT 1 FROM batch") == [], "another may come"
            _approved_at(running, waiting[0]["id"], 11)

            async def paid() -> bool:
                states = [one["state"] for one in await asker.submissions(job["id"])]
                return states == ["paid", "paid"]

            await eventually(paid)
            assert [row.slots for row in running.rows("SELECT slots FROM batch")] == [2]
            await asker.draft(posting([("three", 30)], operator=operator))

    asyncio.run(life())
    left = 10 * DOLLAR - 2 * 50_000
    assert Escrow(chain.rpc, chain.deployment.escrow).balance_of(requester.address, chain.deployment.token) == left
    running.until(
        "SELECT 1 FROM mirror_operator_allowance WHERE operator = :of AND spent <> :no", of=operator, no="00" if "sqlite" in running.database_url else 0
    )


def _approved_at(running: Works, assignment: str, hours_ago: int) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    kept = f"{at:%Y-%m-%d %H:%M:%S.%f}" if "sqlite" in running.database_url else at
    running.write("UPDATE assignment SET reviewed_at = :at WHERE id = :id", at=kept, id=assignment)


def test_a_bonus_is_sent_once_by_one_operator_within_its_allowance(running: Works) -> None:
    """What is sent never exceeds what was allowed, and no bonus goes two ways."""
    chain, requester, worker = running.chain, new_key(), new_key()
    deposit(chain.rpc, chain.deployment, requester, DOLLAR)
    token = sign_in(running, requester)
    operator = call(running, "POST", "/v1/operators", {"name": "gives"}, token).body["address"]
    allow(running, requester, token, operator, DOLLAR // 2)
    running.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=operator)

    async def answered() -> str:
        async with Market(running.url) as market:
            asker = await Requester.sign_in(market, requester)
            job = await asker.draft(posting([("one", 1)], operator=operator))
            await market.post(f"/v1/jobs/{job['id']}/funding", {}, asker.session)
            job = await asker.wait_open(job["id"])
            return str((await answer(await Worker.sign_in(market, worker), job))["id"])

    def give(word: str, amount: int, **more: Any) -> Answer:
        body = {"request": word, "assignment": assignment, "amount": str(amount), "reason": "Well seen."}
        return call(running, "POST", "/v1/bonuses", body | more, token)

    assignment = asyncio.run(answered())
    stranger = call(running, "POST", "/v1/operators", {"name": "not hers"}, sign_in(running, new_key())).body["address"]
    assert give("a", 1, operator=stranger).status == 409
    assert give("a", DOLLAR // 2, operator=operator).status == 409, "the job took some of the allowance"
    assert running.rows("SELECT count(*) FROM bonus")[0][0] == 0, "what can't be paid isn't written down"
    chain.rpc.call("evm_setAutomine", False)
    try:
        given = give("b", 80_000, operator=operator)
        (on_page,) = call(running, "GET", "/hire/people.json", token=token).body["bonuses"]
        assert (on_page["transaction"], on_page["transaction_hash"], on_page["operator"]) == (None, None, operator), "it would be given twice"
    finally:
        chain.rpc.call("evm_setAutomine", True)
        chain.rpc.call("evm_mine")
    assert (given.status, given.body["operator"], given.body["transaction"]) == (201, operator, None)
    assert give("b", 80_000).status == 409 and give("b", 80_000, operator=operator).body["note"] == given.body["note"]
    running.until("SELECT 1 FROM mirror_tip WHERE note = :note", note=given.body["note"])
    running.until("SELECT 1 FROM outbox WHERE kind = 'tip' AND state = 'confirmed'")
    shown = give("b", 80_000, operator=operator).body
    assert (shown["carried"], shown["transaction_hash"] is not None) == ("confirmed", True)
    assert running.rows("SELECT count(*) FROM mirror_tip WHERE note = :note", note=given.body["note"])[0][0] == 1
    by_wallet = give("c", 10)
    assert by_wallet.body["transaction"] and give("c", 10, operator=operator).status == 409
    (received,) = call(running, "GET", "/v1/bonuses?role=worker", token=sign_in(running, worker)).body["items"]
    assert (received["amount"], received["operator"]) == ("80000", None)


def test_past_its_allowance_nothing_is_queued(running: Works) -> None:
    chain = running.chain
    requester = new_key()
    token = sign_in(running, requester)
    operator = call(running, "POST", "/v1/operators", {"name": "scripts"}, token).body["address"]
    job = call(running, "POST", "/v1/jobs", posting([("one", 1)], operator=operator), token).body["id"]
    refused = call(running, "POST", f"/v1/jobs/{job}/funding", {}, token)
    assert refused.status == 409 and "ledger holds" in refused.body["detail"]
    deposit(chain.rpc, chain.deployment, requester, DOLLAR)
    running.until("SELECT 1 FROM mirror_ledger_entry WHERE account = :of", of=requester.address)
    refused = call(running, "POST", f"/v1/jobs/{job}/funding", {}, token)
    assert refused.status == 409 and "may spend 0" in refused.body["detail"]
    other = call(running, "POST", "/v1/jobs", posting([("one", 1)]), token).body["id"]
    refused = call(running, "POST", f"/v1/jobs/{other}/funding", {}, token)
    assert refused.status == 409 and "no operator of yours" in refused.body["detail"]
    assert running.rows("SELECT count(*) FROM outbox WHERE kind = 'post'")[0][0] == 0


def test_only_its_requester_signs_an_allowance_and_ends_an_operator(running: Works) -> None:
    chain = running.chain
    token, stranger = sign_in(running, chain.requester), sign_in(running, new_key())
    operator = call(running, "POST", "/v1/operators", {"name": "scripts"}, token).body["address"]
    assert call(running, "POST", "/v1/operators", {"name": " "}, token).status == 422
    now = int(time.time())
    forged = {"allowance": "1", "expires_at": now + DAY, "deadline": now + DAY, "nonce": 0, "signature": "0x" + "11" * 65}
    assert call(running, "POST", f"/v1/operators/{operator}/grants", forged, token).status == 422
    late = forged | {"deadline": now - 10}
    assert "deadline" in call(running, "POST", f"/v1/operators/{operator}/grants", late, token).body["detail"]
    assert call(running, "DELETE", f"/v1/operators/{operator}", token=stranger).status == 404
    assert call(running, "DELETE", f"/v1/operators/{operator}", token=token).status == 204
    assert call(running, "DELETE", f"/v1/operators/{operator}", token=token).status == 204
    assert call(running, "GET", "/v1/operators", token=token).body["items"][-1]["revoked_at"] is not None
    assert call(running, "GET", "/v1/operators").status == 401


def test_an_operator_is_given_gas_once_however_slow_the_chain_is(chain: Chain, tmp_path: Path) -> None:
    options = {"PIECEWORK_OPERATOR_GAS": str(10**16)}
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **options) as running:
        requester = new_key()
        deposit(chain.rpc, chain.deployment, requester, DOLLAR)
        token = sign_in(running, requester)
        operator = call(running, "POST", "/v1/operators", {"name": "scripts"}, token).body["address"]
        allow(running, requester, token, operator, DOLLAR)
        running.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=operator)
        job = call(running, "POST", "/v1/jobs", posting([("one", 1)], operator=operator), token).body["id"]
        chain.rpc.call("evm_setAutomine", False)
        assert call(running, "POST", f"/v1/jobs/{job}/funding", {}, token).status == 202
        running.until("SELECT 1 FROM outbox WHERE kind = 'gas' AND state = 'signed'")
        time.sleep(2)
        assert running.rows("SELECT count(*) FROM outbox WHERE kind = 'gas'")[0][0] == 1
        chain.rpc.call("evm_setAutomine", True)
        chain.rpc.call("evm_mine")
        running.until("SELECT 1 FROM mirror_funding WHERE job = :of", of=job)
