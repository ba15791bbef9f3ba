"""A dispute from the opening to its end, each step prepared by the coordinator, sent by a wallet, and refused to everybody else."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.escrow import encode_deposit, token_abi
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.client.market import terms_of
from piecework.domain.terms import cut_batch
from piecework.domain.typed_data import Key
from tests.backend.test_openings import open_batch
from tests.backend.workshop import DAY, Answer, Works, answer, call, new_key, open_job, sign_in, works
from tests.conftest import Chain


@pytest.fixture
def market(chain: Chain, database_url: str, tmp_path: Path) -> Iterator[Works]:
    more = {"PIECEWORK_WATCHTOWER": "false", "PIECEWORK_HERALD_SECONDS": "0.2"}
    with works(chain, database_url, tmp_path, **more) as running:
        yield running


def council(chain: Chain, member: Key) -> str:
    """An arbitrator with one member and a price of a thousand wei; its address."""
    built = contract("CouncilArbitrator")
    abi = Abi(built.abi)
    made = Wallet(chain.rpc, chain.deployer).send(None, built.bytecode + abi.encode_arguments([member.address], 1_000))
    assert made.contract is not None
    return made.contract.lower()


def rich(chain: Chain, key: Key) -> None:
    """Gas money, and a thousand dollars in the ledger."""
    chain.rpc.call("anvil_setBalance", key.address, hex(10**18))
    wallet, d = Wallet(chain.rpc, key), chain.deployment
    wallet.send(d.token, token_abi().encode("mint", key.address, 10**9))
    wallet.send(d.token, token_abi().encode("approve", d.escrow, 10**9))
    wallet.send(d.escrow, encode_deposit(d.token, 10**9))


def wait(market: Works, seconds: int) -> None:
    market.chain.rpc.call("evm_increaseTime", seconds)
    market.chain.rpc.call("evm_mine")
    head = int(market.chain.rpc.call("eth_blockNumber"), 16)
    market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :head", head=head)


def told(market: Works, token: str, expected: list[str]) -> None:
    """Waits until an account was told all that, and looks that it was told nothing else and nothing twice. Answers are told together, so
    how often depends on when somebody looked; reminders are named with their step."""

    def kinds() -> list[str]:
        found = call(market, "GET", "/v1/notices?limit=1000", token=token).body["items"]
        named = [".".join(filter(None, [entry["kind"], entry["subject"].get("step")])) for entry in found]
        return sorted(kind for kind in named if kind != "answers.submitted")

    deadline = time.monotonic() + 60
    while len(kinds()) < len(expected):
        assert time.monotonic() < deadline, kinds()
        time.sleep(0.1)
    time.sleep(0.5)  # the herald looks twice more
    assert kinds() == sorted(expected)


def test_a_rejection_is_contested_appealed_defended_ruled_and_concluded_and_who_is_concerned_is_told(market: Works) -> None:
    chain, workers, judge = market.chain, [new_key() for _ in range(3)], new_key()
    arbitrator = council(chain, judge)
    for key in (chain.requester, *workers, judge):
        rich(chain, key)

    async def answered() -> dict[str, Any]:
        async with Market(market.url) as client:
            terms = {"arbitrator": arbitrator, "contest_deposit": "10000", "appeal_stake": "20000"}
            _, job = await open_job(client, chain.requester, [("a", 3)], **terms)
            for key in workers:
                await answer(await Worker.sign_in(client, key), job)
            _, short = await open_job(client, chain.requester, [("b", 1)], closes_at=int(time.time()) + 2 * DAY)
            await answer(await Worker.sign_in(client, workers[0]), short)
            return job

    job = asyncio.run(answered())
    tokens = {key.address: sign_in(market, key) for key in (chain.requester, *workers)}
    stranger = sign_in(market, new_key())
    rows = market.rows("SELECT slot, worker, commitment FROM assignment WHERE posting = 1 ORDER BY slot")
    opened = open_batch(chain, job, cut_batch(bytes.fromhex(job["id"][2:]), [(r.slot, r.worker, bytes.fromhex(r.commitment[2:])) for r in rows]))
    id = "0x" + opened.id(bytes.fromhex(job["id"][2:])).hex()
    market.until("SELECT 1 FROM mirror_opening WHERE opening = :id", id=id)

    def look(key: Key | None = None) -> dict[str, Any]:
        return dict(call(market, "GET", f"/v1/openings/{id}", token=None if key is None else tokens[key.address]).body)

    def names(key: Key) -> list[str]:
        return [step["name"] for step in look(key)["steps"]]

    def prepare(path: str, key: Key, body: Any = None) -> Answer:
        return call(market, "POST", path, body or {}, tokens[key.address])

    def take(path: str, key: Key, body: Any = None) -> None:
        ready = prepare(path, key, body)
        assert ready.status == 200, ready
        tx = ready.body
        receipt = Wallet(chain.rpc, key).send(tx["to"], tx["data"], value=int(tx["value"], 16))
        market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :head", head=receipt.block_number)

    listed = call(market, "GET", f"/v1/jobs/{job['id']}/openings").body["items"]
    assert [entry["id"] for entry in listed] == [id] and listed[0]["steps"] == []
    assert names(chain.requester) == ["contest"] and names(workers[0]) == []
    assert prepare(f"/v1/openings/{id}/contest", workers[0]).status == 403
    assert call(market, "POST", f"/v1/openings/{id}/contest", {}, stranger).status == 403
    assert prepare(f"/v1/openings/{id}/finalize", workers[0]).status == 409, "the review window isn't over"
    assert prepare(f"/v1/openings/{id}/contest", chain.requester, {"slots": [9]}).status == 422
    assert prepare(f"/v1/openings/{id}/dance", chain.requester).status == 404
    reason = call(market, "POST", "/v1/evidence", {"about": {"kind": "opening", "id": id}, "text": "Not so."}, tokens[chain.requester.address]).body["hash"]
    take(f"/v1/openings/{id}/contest", chain.requester, {"slots": [1, 2], "reason": reason})
    slots = look()["slots"]
    assert [slot["state"] for slot in slots] == ["opened", "contested", "contested"] and slots[1]["reason"] == reason
    assert names(workers[1]) == [], "an appeal waits for the end of the review window"
    market.until("SELECT 1 FROM job_consensus WHERE posting = 1 AND rejected = 2")

    wait(market, DAY // 2 + 1)
    asker, *of_workers = (tokens[key.address] for key in (chain.requester, *workers))
    told(market, asker, ["job.opened", "job.opened", "slots.opened", "deadline.near.contest"])
    told(market, of_workers[0], ["slots.opened"])
    told(market, of_workers[1], ["slots.opened", "slots.contested"])

    def waiting(token: str) -> list[tuple[str, str, str]]:
        return [(one["step"], one["about"], one["subject"]) for one in call(market, "GET", "/v1/waiting", token=token).body["items"]]

    assert waiting(asker)[0] == ("contest", "opening", id) and {step for step, _, _ in waiting(asker)} == {"contest", "review", "close"}
    assert (waiting(of_workers[1]), waiting(stranger)) == ([], [])

    wait(market, DAY // 2)
    assert waiting(of_workers[1]) == [("appeal", "opening", id)]
    assert names(workers[1]) == ["finalize", "appeal"] and names(workers[0]) == ["finalize"]
    step = next(step for step in look(workers[1])["steps"] if step["name"] == "appeal")
    assert step["slots"] == [1] and step["ledger"] == "20000" and step["until"] == look()["appeal_until"]
    take(f"/v1/openings/{id}/finalize", workers[0])
    take(f"/v1/openings/{id}/appeal", workers[1])
    after = look()
    assert [slot["state"] for slot in after["slots"]] == ["paid", "appealed", "contested"] and after["finalized"]
    appeal = after["slots"][1]["appeal"]
    assert waiting(of_workers[1]) == [] and ("defend", "appeal", appeal) in waiting(asker)
    wait(market, DAY // 2 + 1)
    requesters = ["job.opened", "job.opened", "job.closing.close", "slots.opened", "deadline.near.contest", "appeal.made"]
    told(market, asker, [*requesters, "deadline.near.defend"])
    told(market, of_workers[2], ["slots.opened", "slots.contested", "deadline.near.appeal"])
    take(f"/v1/openings/{id}/concede", chain.requester)
    assert look()["slots"][2]["state"] == "conceded"

    path = f"/v1/appeals/{appeal}"
    seen = call(market, "GET", path, token=tokens[chain.requester.address]).body
    assert (seen["phase"], seen["worker"], seen["openings"]) == ("pending", workers[1].address, [id])
    assert [(step["name"], step["value"]) for step in seen["steps"]] == [("defend", "1000")]
    assert prepare(f"{path}/defend", workers[1]).status == 403
    assert prepare(f"{path}/conclude", chain.requester).status == 409
    take(f"{path}/defend", chain.requester, {"meta_evidence": "ipfs://what"})
    assert call(market, "GET", path).body["phase"] == "defended"

    wait(market, 181 * DAY)
    assert [step["name"] for step in call(market, "GET", path, token=stranger).body["steps"]] == ["conclude"]
    take(f"{path}/conclude", workers[1])
    assert call(market, "GET", path).body["phase"] == "done"
    paid = market.until("SELECT count(*) AS n FROM mirror_worker_payment WHERE job = :job HAVING count(*) >= 3", job=job["id"])
    assert paid[0].n >= 3, "who was never ruled against is paid"
    market.until("SELECT 1 FROM job_consensus WHERE posting = 1 AND rejected = 0 AND fitted = 3")
    assert terms_of(job).arbitrator == arbitrator
    told(market, asker, [*requesters, "deadline.near.defend", "appeal.defended", "appeal.ended"])
    told(market, of_workers[0], ["slots.opened", "payment.made", "job.closing.close"])
    told(market, of_workers[1], ["slots.opened", "slots.contested", "appeal.made", "appeal.defended", "appeal.ended", "payment.made"])
    told(market, of_workers[2], ["slots.opened", "slots.contested", "deadline.near.appeal", "payment.made"])
    told(market, stranger, [])
