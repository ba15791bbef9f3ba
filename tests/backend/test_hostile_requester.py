"""A requester that contests everything and doesn't defend, or too late, that rules itself, or takes its operator's allowance back in the
middle: who worked is paid whatever no court took, is told what happens, and shows its evidence to who rules and to no stranger."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.escrow import Escrow, escrow_abi, token_balance
from piecework.chain.escrow_recourse import encode_set_operator
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain.errors import Conflict
from piecework.domain.recourse import FOR_REQUESTER
from piecework.domain.terms import cut_batch
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_openings import open_batch
from tests.backend.test_operators import allow, deposit
from tests.backend.test_recourse import council, rich, wait
from tests.backend.test_settler import REWARD
from tests.backend.workshop import DAY, Answer, Works, call, eventually, new_key, open_job, sign_in, works
from tests.conftest import Chain

FOR_WORKER = 1
DEPOSIT, STAKE = 10_000, 20_000
QUICK = {"PIECEWORK_WATCH_SECONDS": "0.2", "PIECEWORK_WATCH_MULTIPLE": "0", "PIECEWORK_HERALD_SECONDS": "0.2"}


@pytest.fixture
def gated(chain: Chain, tmp_path: Path) -> Iterator[tuple[Works, Gate]]:
    """A marketplace whose watchtower looks often and minds no gas, with a gate before its chain."""
    more = QUICK | {"PIECEWORK_OPERATOR_GAS": str(10**16), "PIECEWORK_BATCH_SECONDS": "0"}
    with gate(chain.rpc.url) as door, works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, Rpc(door.url), **more) as market:
        yield market, door


@dataclass
class Side:
    """Somebody with a wallet who is signed in."""

    market: Works
    key: Key
    token: str

    def ask(self, path: str) -> Answer:
        return call(self.market, "GET", path, token=self.token)

    def prepare(self, path: str, body: Any = None) -> Answer:
        return call(self.market, "POST", path, body or {}, self.token)

    def take(self, path: str, body: Any = None) -> None:
        """A step, by the wallet, as it was prepared."""
        ready = self.prepare(path, body)
        assert ready.status == 200, ready
        self.send(ready.body)

    def send(self, tx: dict[str, Any]) -> None:
        chain = self.market.chain
        receipt = Wallet(chain.rpc, self.key, escrow_abi()).send(tx["to"], tx["data"], value=int(tx["value"], 16))
        self.market.until("SELECT 1 FROM mirror_deployment WHERE head_number >= :head", head=receipt.block_number)

    def say(self, kind: str, id: str, text: str) -> str:
        """Evidence; its hash."""
        said = self.prepare("/v1/evidence", {"about": {"kind": kind, "id": id}, "text": text})
        assert said.status == 201, said
        return str(said.body["hash"])

    @property
    def ledger(self) -> int:
        d = self.market.chain.deployment
        return Escrow(self.market.chain.rpc, d.escrow).balance_of(self.key.address, d.token)


def side(market: Works, key: Key | None = None) -> Side:
    key = key or new_key()
    rich(market.chain, key)
    return Side(market, key, sign_in(market, key))


def opened(market: Works, arbitrator: str, workers: list[Side], **terms: Any) -> tuple[str, str, list[str]]:
    """A job with one answer of each worker, each naming a file of its own, which the coordinator puts on the chain: job, opening, files."""
    files = [secrets.token_bytes(32) for _ in workers]
    names = [hashlib.sha256(file).hexdigest() for file in files]

    async def run() -> dict[str, Any]:
        async with Market(market.url) as client:
            disputes = {"arbitrator": arbitrator, "contest_deposit": str(DEPOSIT), "appeal_stake": str(STAKE)} | terms
            _, job = await open_job(client, market.chain.requester, [("a", len(workers))], market.chain.rpc.url, **disputes)
            for one, file, name in zip(workers, files, names, strict=True):
                worker = await Worker.sign_in(client, one.key)
                taken = await worker.take(job["id"])
                path = f"/v1/assignments/{taken['id']}/attachments/{name}"
                assert call(market, "PUT", path, raw=file, token=one.token, **{"content-type": "image/png"}).status == 201
                await worker.answer(job, taken, f"sha256:{name}", secrets.token_bytes(32))
            return job

    job = asyncio.run(run())
    rows = market.rows(
        "SELECT slot, worker, commitment FROM assignment WHERE posting = (SELECT number FROM posting WHERE job = :job) ORDER BY slot",
        job=job["id"],
    )
    id = bytes.fromhex(job["id"][2:])
    opening = open_batch(market.chain, job, cut_batch(id, [(r.slot, r.worker, bytes.fromhex(r.commitment[2:])) for r in rows]))
    opening_id = "0x" + opening.id(id).hex()
    market.until("SELECT 1 FROM mirror_opening WHERE opening = :id", id=opening_id)
    return job["id"], opening_id, names


def appeal(worker: Side, opening: str) -> str:
    """Appeals all that a worker may; the appeal's id."""
    worker.take(f"/v1/openings/{opening}/appeal")
    slots = worker.ask(f"/v1/openings/{opening}").body["slots"]
    return str(next(slot["appeal"] for slot in slots if slot["worker"] == worker.key.address))


def vote(judge: Side, arbitrator: str, dispute: int, ruling: int) -> None:
    data = Abi(contract("CouncilArbitrator").abi).encode("vote", dispute, ruling, "")
    judge.send({"to": arbitrator, "data": data, "value": "0x0"})


def ended(market: Works, id: str, worker: Side, won: bool, before: int) -> None:
    """An appeal is over, by the watchtower's hand; its worker has what that means, and was told."""
    market.until("SELECT 1 FROM mirror_appeal_phase WHERE appeal = :id AND phase = 'done'", id=id)
    token = market.chain.deployment.token
    wallet = token_balance(market.chain.rpc, token, worker.key.address)
    assert worker.ledger + wallet - before == (REWARD + DEPOSIT if won else -STAKE)
    shown = worker.ask(f"/v1/appeals/{id}").body
    assert (shown["phase"], shown["steps"]) == ("done", [])
    (mine,) = worker.ask(f"/v1/appeals/{id}/answers").body["items"]
    assert mine["state"] == ("paid" if won else "refunded")
    market.until("SELECT 1 FROM notice WHERE account = :of AND kind = 'appeal.ended' AND number IS NOT NULL", of=worker.key.address)
    (told,) = [one for one in worker.ask("/v1/notices").body["items"] if one["kind"] == "appeal.ended"]
    assert told["subject"]["winner"] == ("worker" if won else "requester")


def readable(reader: Side, id: str, assignment: str, file: str, hash: str) -> list[int]:
    """What somebody is answered who asks for an appeal's answers, one of them, its files, one of those, and evidence."""
    files = f"/v1/assignments/{assignment}/attachments"
    paths = (f"/v1/appeals/{id}/answers", f"/v1/assignments/{assignment}", files, f"{files}/{file}", f"/v1/evidence/{hash}")
    return [reader.ask(path).status for path in paths]


def test_who_contests_everything_pays_for_what_it_does_not_win(gated: tuple[Works, Gate]) -> None:
    market, chain = gated[0], gated[0].chain
    asker, judge, stranger = side(market, chain.requester), side(market), side(market)
    undefended, late, defended, quiet, ruled_by_it, judged_by_it = workers = [side(market) for _ in range(6)]
    court, puppet = council(chain, judge.key), council(chain, chain.requester)
    _, opening, files = opened(market, court, [undefended, late, defended, quiet])
    by_itself, no_court, _ = opened(market, chain.requester.address, [ruled_by_it])
    assert "but the requester itself rules" in market.page(f"/work/{by_itself}", quiet.token), "seen before the work"
    _, own_court, _ = opened(market, puppet, [judged_by_it])
    reason = asker.say("opening", opening, "I like none of them.")
    for id in (opening, no_court, own_court):
        asker.take(f"/v1/openings/{id}/contest", {"reason": reason if id == opening else "0x" + "00" * 32})
    assert [slot["state"] for slot in asker.ask(f"/v1/openings/{opening}").body["slots"]] == ["contested"] * 4
    before = {worker.key.address: worker.ledger for worker in workers}

    def over(id: str, worker: Side, won: bool) -> None:
        ended(market, id, worker, won, before[worker.key.address])

    wait(market, DAY)
    silent, overdue, fought = [appeal(worker, opening) for worker in (undefended, late, defended)]
    alone, own = appeal(ruled_by_it, no_court), appeal(judged_by_it, own_court)
    said = defended.say("appeal", fought, "Look at the picture.")
    (answer,) = defended.ask(f"/v1/appeals/{fought}/answers").body["items"]
    file = files[answer["slot"]]
    assert readable(judge, fought, answer["id"], file, said) == [200] * 5 and judge.ask(f"/v1/evidence/{reason}").status == 200
    assert [readable(one, fought, answer["id"], file, said) for one in (asker, defended)] == [[200] * 5] * 2
    assert [readable(one, fought, answer["id"], file, said) for one in (stranger, undefended)] == [[404] * 5] * 2
    assert judge.ask(f"/v1/appeals/{own}/answers").status == 404, "another court's"

    prepared = asker.prepare(f"/v1/appeals/{overdue}/defend")
    assert prepared.status == 200
    for id in (fought, own):
        asker.take(f"/v1/appeals/{id}/defend")
    refused = asker.prepare(f"/v1/appeals/{alone}/defend")
    assert refused.status == 409 and chain.requester.address in refused.body["detail"], "an account is no court that one could pay"
    assert asker.ask(f"/v1/appeals/{alone}").status == 200
    disputes = {
        row.appeal: int(row.dispute_id[2:])  # behind the count of its digits
        for row in market.rows("SELECT appeal, dispute_id FROM mirror_appeal_phase WHERE phase = 'defended'")
    }
    vote(asker, puppet, disputes[own], FOR_REQUESTER)
    over(own, judged_by_it, won=False)

    wait(market, DAY + 1)
    assert asker.prepare(f"/v1/appeals/{overdue}/defend").status == 409
    with pytest.raises(Conflict):
        asker.send(prepared.body)
    for id, worker in ((silent, undefended), (overdue, late), (alone, ruled_by_it)):
        over(id, worker, won=True)
    vote(judge, court, disputes[fought], FOR_WORKER)
    over(fought, defended, won=True)
    assert readable(judge, fought, answer["id"], file, said) == [404] * 5, "what is over is nobody's to judge"

    market.until("SELECT 1 FROM mirror_reclaim WHERE opening = :id", id=opening)
    market.until("SELECT 1 FROM notice WHERE account = :of AND kind = 'slots.reclaimed'", of=quiet.key.address)
    assert quiet.ledger == before[quiet.key.address], "who doesn't appeal loses the reward, and no more"
    assert not market.rows("SELECT 1 FROM outbox WHERE state = 'failed'")


def test_an_allowance_that_is_taken_back_in_the_middle_takes_nothing_from_a_worker(gated: tuple[Works, Gate]) -> None:
    """What the operator had approved is paid, and what it could have contested isn't contested any more."""
    market, door = gated
    chain, asker = market.chain, side(market, gated[0].chain.requester)
    operator = asker.prepare("/v1/operators", {"name": "for a while"}).body["address"]
    deposit(chain.rpc, chain.deployment, chain.requester, 10**6)
    allow(market, chain.requester, asker.token, operator, 10**6)
    market.until("SELECT 1 FROM mirror_operator_allowance WHERE operator = :of", of=operator)
    market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE state <> 'confirmed')")
    good, bad = workers = [side(market), side(market)]
    before = [worker.ledger for worker in workers]

    async def answered() -> dict[str, Any]:
        async with Market(market.url) as client:
            terms = {"operator": operator, "arbitrator": chain.deployment.council, "contest_deposit": str(DEPOSIT), "appeal_stake": str(STAKE)}
            _, job = await open_job(client, chain.requester, [("a", 2)], chain.rpc.url, **terms)
            for one in workers:
                worker = await Worker.sign_in(client, one.key)
                await worker.answer(job, await worker.take(job["id"]), "a", secrets.token_bytes(32))
            return job

    job = asyncio.run(answered())
    first, second = (row.id for row in market.rows("SELECT id FROM assignment ORDER BY slot"))
    door.stop_at("eth_sendRawTransaction", sent=False)
    decided = {"approve": [first], "reject": [{"assignment": second, "reason": "I don't like it."}]}
    assert asker.prepare(f"/v1/jobs/{job['id']}/reviews", decided).status == 200
    assert door.reached.wait(60), "what the operator approved is on its way"
    asker.send({"to": chain.deployment.escrow, "data": encode_set_operator(operator, chain.deployment.token, 0, 0), "value": "0x0"})
    door.open(forward=True)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job AND slot = 0", job=job["id"])

    receipt = bad.ask(f"/v1/assignments/{second}").body
    batch = cut_batch(bytes.fromhex(job["id"][2:]), [(1, bad.key.address, bytes.fromhex(receipt["commitment"][2:]))])
    opening = "0x" + open_batch(chain, job, batch).id(bytes.fromhex(job["id"][2:])).hex()
    market.until("SELECT 1 FROM mirror_opening WHERE opening = :id", id=opening)

    async def said() -> bool:
        return f"opening {opening} isn't contested" in market.log

    asyncio.run(eventually(said, 60))
    wait(market, DAY)
    market.until("SELECT 1 FROM mirror_slot_payment WHERE job = :job AND slot = 1", job=job["id"])
    token = chain.deployment.token
    earned = [worker.ledger + token_balance(chain.rpc, token, worker.key.address) for worker in workers]
    assert [now - then for now, then in zip(earned, before, strict=True)] == [REWARD] * 2
    assert good.ask(f"/v1/assignments/{first}").body["state"] == bad.ask(f"/v1/assignments/{second}").body["state"] == "paid"
    assert not market.rows("SELECT 1 FROM outbox WHERE kind = 'contest'")
