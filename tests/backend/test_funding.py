"""A job's money by one signature: carried once, for its requester's own authorization and for nothing else."""

import asyncio
import dataclasses
import secrets
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from piecework.chain.escrow import token_balance
from piecework.chain.wallet import Wallet
from piecework.client import Market, Requester
from piecework.domain.typed_data import Key
from tests.backend.workshop import Answer, Works, call, new_key, posting, works
from tests.conftest import Chain


async def described(market: Works, key: Key, held: int | None = None) -> tuple[str, dict[str, Any]]:
    """A job that isn't funded, of an account with its money in the wallet (or with `held`) and no gas money."""
    async with Market(market.url) as api:
        asker = await Requester.sign_in(api, key)
        job = await asker.draft(posting([("a", 2), ("b", 1)], salt="0x" + secrets.token_hex(32)))
        rich = await Requester.sign_in(api, market.chain.bystander)
        data = "0xa9059cbb" + bytes(12).hex() + key.address[2:] + int(held if held is not None else job["amount"]).to_bytes(32).hex()
        await rich.mint(job["terms"]["token"], 10**9)
        await asyncio.to_thread(lambda: Wallet(market.chain.rpc, market.chain.bystander).send(job["terms"]["token"], data))
        return asker.session.token, job


def signed(key: Key, typed: dict[str, Any]) -> dict[str, str]:
    """What a wallet gives back, as the page sends it on."""
    made = Account.sign_message(encode_typed_data(full_message=typed), key.secret)
    return {"signature": "0x" + bytes(made.signature).hex(), "deadline": typed["message"]["validBefore"]}


def fund(market: Works, token: str, job: dict[str, Any], body: dict[str, str]) -> Answer:
    return call(market, "POST", f"/hire/jobs/{job['id']}/funding.json", body, token)


def plan(market: Works, token: str, job: dict[str, Any]) -> dict[str, Any]:
    return dict(call(market, "GET", f"/hire/jobs/{job['id']}/funding.json", token=token).body)


def test_one_signature_funds_a_job_of_somebody_without_gas_money(running: Works) -> None:
    key = new_key()
    token, job = asyncio.run(described(running, key))
    wanted = plan(running, token, job)
    assert wanted["typed_data"]["message"]["nonce"] == job["id"] and wanted["missing"] == "0"
    body = signed(key, wanted["typed_data"])
    assert [fund(running, token, job, body).status for _ in range(2)] == [202, 202]
    running.until("SELECT 1 FROM mirror_funding WHERE job = :job", job=job["id"])
    running.until("SELECT 1 FROM outbox WHERE kind = 'funding' AND subject = :job AND state = 'confirmed'", job=job["id"])
    assert len(running.rows("SELECT 1 FROM outbox WHERE kind = 'funding' AND subject = :job", job=job["id"])) == 1
    assert plan(running, token, job) == {"done": True} and fund(running, token, job, body).status == 409
    assert token_balance(running.chain.rpc, job["terms"]["token"], key.address) == 0


def test_another_ones_signature_or_another_jobs_funds_nothing(market: Works) -> None:
    key = new_key()
    token, job = asyncio.run(described(market, key))
    _, other = asyncio.run(described(market, key))
    typed = plan(market, token, job)["typed_data"]
    refused = [
        signed(new_key(), typed),
        signed(key, plan(market, token, other)["typed_data"]),
        signed(key, typed) | {"deadline": str(int(typed["message"]["validBefore"]) + 1)},
        signed(key, typed) | {"deadline": "1"},
        signed(key, typed) | {"signature": "0x" + "00" * 64},
    ]
    for body in refused:
        answer = fund(market, token, job, body)
        assert answer.status == 422 and answer.body["detail"].endswith("."), body
    assert market.rows("SELECT 1 FROM signed_funding WHERE id = :job", job=job["id"]) == []


def test_a_wallet_without_the_money_is_told_what_is_missing(market: Works) -> None:
    token, job = asyncio.run(described(market, new_key(), held=1))
    said = plan(market, token, job)
    assert said["missing"] == str(int(job["amount"]) - 1) and said["typed_data"] is None and "are missing in the wallet" in said["detail"]


def test_money_that_left_the_wallet_after_the_signature_is_said_at_once(market: Works) -> None:
    key = new_key()
    token, job = asyncio.run(described(market, key))
    body = signed(key, plan(market, token, job)["typed_data"])
    market.chain.rpc.call("anvil_setBalance", key.address, hex(10**18))
    data = "0xa9059cbb" + (b"\x11" * 20).rjust(32, b"\0").hex() + int(job["amount"]).to_bytes(32).hex()
    Wallet(market.chain.rpc, key).send(job["terms"]["token"], data)
    answer = fund(market, token, job, body)
    assert answer.status == 409 and "Does the wallet still hold the money?" in answer.body["detail"]


def test_what_is_not_worth_the_gas_is_the_requesters_own_to_send(shared_chain: Chain, tmp_path: Path) -> None:
    public = dataclasses.replace(shared_chain, deployment=dataclasses.replace(shared_chain.deployment, devnet=False))
    with works(public, f"sqlite:///{tmp_path}/piecework.db", tmp_path, PIECEWORK_COIN_PRICE="1000000000000") as market:
        key = new_key()
        token, job = asyncio.run(described(market, key))
        answer = fund(market, token, job, signed(key, plan(market, token, job)["typed_data"]))
        assert answer.status == 200 and not answer.body["carried"]
        market.chain.rpc.call("anvil_setBalance", key.address, hex(10**18))
        sent = answer.body["transaction"]
        Wallet(market.chain.rpc, key).send(sent["to"], sent["data"])
        market.until("SELECT 1 FROM mirror_funding WHERE job = :job", job=job["id"])
