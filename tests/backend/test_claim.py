"""With the service gone and its database deleted, a worker is paid from its own file and the chain."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from piecework.chain.escrow import Escrow, SignedBatch, encode_settle, escrow_abi, token_balance
from piecework.chain.escrow_recourse import OpenedBatch, encode_contest, encode_finalize, encode_open
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.cli.claim import _watch
from piecework.client import Market, Worker
from piecework.client.claims.claim import Claim
from piecework.client.claims.opener import Opener
from piecework.client.claims.trail import trail
from piecework.client.holdings_file import load
from piecework.client.market import terms_of
from piecework.domain.errors import Conflict
from piecework.domain.recourse import Opening
from piecework.domain.terms import cut_batch, receipt_batch
from piecework.domain.typed_data import Key
from tests.backend.gatekeeper import Gate, gate
from tests.backend.test_openings import disputable_job
from tests.backend.workshop import DAY, Works, answer, approve_all, new_key, open_job, works
from tests.conftest import Chain, deployed
from tests.support.devnet import anvil
from tests.support.nursery import nursery

REWARD = 50_000
LATE = int(time.time()) + 400 * DAY


@dataclass
class Crowd:
    """A chain with a service whose way to it is a gate, and workers who keep their files."""

    chain: Chain
    market: Works
    door: Gate
    jobs: dict[str, Any] = field(default_factory=dict)

    def wait(self, seconds: int) -> None:
        """Lets the chain's clock run."""
        self.chain.rpc.call("evm_increaseTime", seconds)
        self.chain.rpc.call("evm_mine")

    def perish(self) -> None:
        """The service, its indexer, and everything they kept."""
        for name in list(self.market.processes):
            self.market.kill(name)
        for path in self.market.data.glob("piecework.db*"):
            path.unlink()

    def wallet(self, key: Key) -> Wallet:
        return Wallet(self.chain.rpc, key, escrow_abi())

    def send(self, key: Key, data: str) -> None:
        self.wallet(key).send(self.chain.deployment.escrow, data)

    def held(self, key: Key) -> int:
        """Base units in a worker's wallet."""
        return token_balance(self.chain.rpc, self.chain.deployment.token, key.address)

    def opening(self, job: dict[str, Any], slot: int) -> Opening:
        """The opening that took a slot, from the chain."""
        head = int(self.chain.rpc.call("eth_blockNumber"), 16)
        found = trail(self.chain.rpc, self.chain.deployment.escrow, bytes.fromhex(job["id"][2:]), 0, head)
        return found.openings[found.opening_of[slot]]

    def contest(self, job: dict[str, Any], slots: set[int]) -> None:
        """The requester contests some slots of the opening that has them."""
        opening = self.opening(job, min(slots))
        places = bytes(
            place if slot in slots else 0 for slot, place in enumerate(opening.places, opening.first_slot)
        )
        self.send(self.chain.requester, encode_contest(terms_of(job), opening, places, secrets.token_bytes(32)))

    def finalize(self, job: dict[str, Any], slot: int) -> None:
        """A stranger finalizes."""
        data = encode_finalize(terms_of(job), self.opening(job, slot), frozenset(), 60_000)
        self.send(self.chain.bystander, data)

    def nonce(self, key: Key) -> int:
        return int(self.chain.rpc.call("eth_getTransactionCount", key.address, "latest"), 16)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    with anvil() as rpc:
        chain = deployed(rpc)
        with gate(rpc.url) as door, works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, Rpc(door.url)) as market:
            yield Crowd(chain, market, door)


def gas_money(crowd: Crowd, key: Key) -> None:
    crowd.chain.rpc.call("anvil_setBalance", key.address, hex(10**18))


async def prepared(crowd: Crowd, path: Path, slots: int, approved: bool, disputable: bool = False) -> tuple[Key, dict[str, Any]]:
    """A job of `slots` slots, all answered by one worker, who keeps its file and then hears no more of the service."""
    chain = crowd.chain
    async with Market(crowd.market.url) as client:
        units = [(f"unit {number}", 1) for number in range(slots)]
        if disputable:
            asker, job = await disputable_job(crowd.market, client, units, closes_at=LATE)
        else:
            asker, job = await open_job(client, chain.requester, units, chain.rpc.url, closes_at=LATE)
        worker = await Worker.sign_in(client, new_key(), path)
        gas_money(crowd, worker.session.key)
        for _ in range(slots):
            await answer(worker, job)
        if approved:
            crowd.door.away = True  # so that the settler can't be quicker than the claim
            await approve_all(asker, job)
        assert await worker.update_file() == []
        assert worker.file
        worker.file.close()
        return worker.session.key, job


def claim(path: Path, rpc: str, key: Key, *more: str, carrier: Key | None = None) -> tuple[int, dict[str, Any]]:
    """The command as a worker types it; its exit code and what it says to programs."""
    done = nursery().run(*typed(path, rpc, *more, "--json"), environment=wearing(key, carrier))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def command(path: Path, rpc: str, *more: str) -> list[str]:
    """To be started as a process that begins with nothing."""
    return [sys.executable, "-m", *typed(path, rpc, *more)]


def typed(path: Path, rpc: str, *more: str) -> list[str]:
    return ["piecework.cli", "claim", str(path), "--rpc", rpc, *more]


def wearing(key: Key, carrier: Key | None = None) -> dict[str, str]:
    keys = {"PIECEWORK_WORKER_KEY": "0x" + key.secret.hex()}
    if carrier:
        keys["PIECEWORK_CARRIER_KEY"] = "0x" + carrier.secret.hex()
    return os.environ | keys


def kinds(said: dict[str, Any]) -> list[str]:
    return [step["kind"] for step in said["steps"]]


def test_what_is_approved_and_unsettled_is_settled_and_what_is_settled_in_part_to_the_end(crowd: Crowd, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    key, job = asyncio.run(prepared(crowd, path, 3, approved=True))
    crowd.perish()
    holdings, chain = load(path), crowd.chain
    receipt = holdings.receipts[bytes.fromhex(job["id"][2:]), 1]
    part = cut_batch(receipt.job, [(1, key.address, receipt.commitment)])
    digest = chain.deployment.domain.batch_digest(part)
    approval = chain.requester.sign(chain.deployment.domain.approval_digest(digest, 1, terms_of(job).price))
    settled = SignedBatch(part, chain.coordinator.sign(digest), approval)
    crowd.send(chain.bystander, encode_settle(terms_of(job), [settled], frozenset(), 60_000))
    assert crowd.held(key) == REWARD
    code, said = claim(path, chain.rpc.url, key, "--dry-run")
    assert code == 3 and kinds(said) == ["settle"] and said["steps"][0]["gas"] > 50_000 and crowd.held(key) == REWARD
    code, said = claim(path, chain.rpc.url, key)
    assert code == 0 and kinds(said) == ["settle"] and said["slots_paid"] == 3 and crowd.held(key) == 3 * REWARD
    assert claim(path, chain.rpc.url, key)[1]["steps"] == [], "the second run has nothing to do"


def test_what_is_receipted_and_met_with_silence_is_opened_waited_for_and_paid(crowd: Crowd, tmp_path: Path) -> None:
    """One opening call for all receipts; a worker without gas money has somebody else carry it."""
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 3, approved=False))
    chain.rpc.call("anvil_setBalance", key.address, "0x0")
    crowd.perish()
    code, said = claim(path, chain.rpc.url, key, "--ledger", carrier=chain.bystander)
    assert code == 3 and kinds(said) == ["open"] and said["steps"][0]["slots"] == 3
    assert [wait["slots"] for wait in said["waits"]] == [1, 1, 1]
    assert claim(path, chain.rpc.url, key, carrier=chain.bystander)[1]["steps"] == [], "too early to finalize"
    crowd.wait(terms_of(job).review_window)
    crowd.finalize(job, 2)
    code, said = claim(path, chain.rpc.url, key, "--ledger", carrier=chain.bystander)
    assert code == 0 and kinds(said) == ["finalize"] * 2
    assert Escrow(chain.rpc, chain.deployment.escrow).balance_of(key.address, chain.deployment.token) == 2 * REWARD
    code, said = claim(path, chain.rpc.url, key, carrier=chain.bystander)
    assert code == 0 and kinds(said) == ["withdraw"] and crowd.held(key) == 3 * REWARD and crowd.nonce(key) == 0


def test_receipts_are_left_alone_within_what_is_trusted_and_opened_beyond_it_or_when_time_is_short(crowd: Crowd, tmp_path: Path) -> None:
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 3, approved=False))
    code, said = claim(path, chain.rpc.url, key, "--trust", "0.15", "--margin", "24")
    assert code == 3 and said["steps"] == []
    assert [(wait["until"], wait["slots"]) for wait in said["waits"]] == [(terms_of(job).closes_at - DAY, 3)]
    for limits in (("--trust", "0.149999"), ("--trust", "9", "--margin", str(400 * 24))):
        assert kinds(claim(path, chain.rpc.url, key, *limits, "--dry-run")[1]) == ["open"]

    with subprocess.Popen(command(path, chain.rpc.url, "--trust", "0.1", "--watch", "0.2"), env=wearing(key), stdout=subprocess.PIPE) as watching:
        escrow, deadline = Escrow(chain.rpc, chain.deployment.escrow), time.monotonic() + 60
        while not escrow.taken_word(bytes.fromhex(job["id"][2:]), 0):
            assert time.monotonic() < deadline and watching.poll() is None
            time.sleep(0.1)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 3
    assert crowd.opening(job, 0).workers == (key.address,)


def test_ctrl_c_ends_watching_wherever_it_comes() -> None:
    looks: list[Finalized | None] = []
    before = signal.getsignal(signal.SIGINT)  # what a shell runs in the background ignores it

    class Finalized:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # where Python notices it, and could raise nothing that anybody hears of

    def look() -> int:
        looks.append(Finalized())
        assert len(looks) < 3
        looks[-1] = None
        return 3

    assert _watch(look, 0.001) == 3 and len(looks) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_an_answer_that_is_worth_the_gas_is_shown_after_its_slot_is_opened(crowd: Crowd) -> None:
    chain, escrow = crowd.chain, Escrow(crowd.chain.rpc, crowd.chain.deployment.escrow)

    async def run() -> None:
        async with Market(crowd.market.url) as client:
            _, job = await open_job(client, chain.requester, [("cheap", 1), ("dear", 1), ("stolen", 1)], chain.rpc.url, closes_at=LATE)
            number, terms = bytes.fromhex(job["id"][2:]), terms_of(job)
            worker = await Worker.sign_in(client, new_key())
            gas_money(crowd, worker.session.key)
            domain = chain.deployment.domain

            async def shown() -> list[str]:
                return [one["state"] for one in await worker.assignments(job["id"])]

            worker.opener = Opener(chain.rpc, domain, worker.session.key, coin_price=10**12)
            first = await worker.take(job["id"])
            await worker.answer(job, first, "yes", bytes(32))
            assert escrow.taken_word(number, 0) == 0 and await shown() == ["revealed"], "the gas is worth more than the answer"

            worker.opener = Opener(chain.rpc, domain, worker.session.key, coin_price=1)
            second, salt = await worker.take(job["id"]), secrets.token_bytes(32)
            for _ in range(2):
                await worker.answer(job, second, "yes", salt)
            assert crowd.opening(job, second["slot"]).workers == (worker.address,) and crowd.nonce(worker.session.key) == 1
            assert "reserved" not in await shown() and "committed" not in await shown()

            third = await worker.take(job["id"])
            crowd.door.away = True  # the coordinator's mirror doesn't see what its key did
            twice = receipt_batch(number, third["slot"], chain.bystander.address, secrets.token_bytes(32))
            signature = chain.coordinator.sign(domain.batch_digest(twice))
            crowd.send(chain.bystander, encode_open(terms, [OpenedBatch(twice, signature, 1)], b""))
            with pytest.raises(Conflict, match=chain.bystander.address):
                await worker.answer(job, third, "yes", secrets.token_bytes(32))
            assert (await shown()).count("committed") == 1

    asyncio.run(run())


def test_a_stranger_who_finalizes_in_the_middle_does_no_harm(crowd: Crowd, tmp_path: Path) -> None:
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 3, approved=False))
    crowd.perish()
    claim(path, chain.rpc.url, key)
    crowd.wait(terms_of(job).review_window)
    meddling = iter([lambda: crowd.finalize(job, 1)])

    def say(step: Any, mined: Any) -> None:
        next(meddling, lambda: None)()

    outcome = Claim(load(path), chain.rpc, key).carry(say)
    assert len(outcome.done) == 2 and not outcome.failed and not outcome.left.steps
    assert outcome.left.paid == 3 and crowd.held(key) == 3 * REWARD


def test_what_is_contested_in_part_pays_the_rest_and_asks_the_worker(crowd: Crowd, tmp_path: Path) -> None:
    """Appealed from the file with a stake from the ledger, and won because nobody defends it."""
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 3, approved=False, disputable=True))
    terms = terms_of(job)
    crowd.perish()
    claim(path, chain.rpc.url, key)
    crowd.contest(job, {1})
    code, said = claim(path, chain.rpc.url, key)
    assert code == 4 and [entry["slots"] for entry in said["decide"]] == [1] and len(said["waits"]) == 2
    crowd.wait(terms.review_window)
    code, said = claim(path, chain.rpc.url, key)
    assert code == 4 and kinds(said) == ["finalize"] * 2 and crowd.held(key) == 2 * REWARD
    assert "--appeal" in said["decide"][0]["words"]
    code, said = claim(path, chain.rpc.url, key, "--appeal")
    assert code == 3 and kinds(said) == ["appeal"] and "appealed; won then" in said["waits"][0]["words"]
    crowd.wait(terms.appeal_window)
    code, said = claim(path, chain.rpc.url, key)
    assert code == 0 and kinds(said) == ["conclude", "withdraw"] and crowd.held(key) == 3 * REWARD


def test_what_is_contested_and_not_appealed_in_time_is_said_to_be_lost(crowd: Crowd, tmp_path: Path) -> None:
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 1, approved=False, disputable=True))
    crowd.perish()
    claim(path, chain.rpc.url, key)
    crowd.contest(job, {0})
    crowd.wait(terms_of(job).review_window + terms_of(job).appeal_window)
    code, said = claim(path, chain.rpc.url, key)
    assert code == 0 and said["lost"] and not said["steps"]


@pytest.mark.parametrize("sent", [False, True])
def test_killed_at_a_transaction_the_next_run_goes_on(crowd: Crowd, tmp_path: Path, sent: bool) -> None:
    path, chain = tmp_path / "mine.jsonl", crowd.chain
    key, job = asyncio.run(prepared(crowd, path, 2, approved=False))
    crowd.perish()
    for wait in (0, terms_of(job).review_window):
        crowd.wait(wait)
        crowd.door.stop_at("eth_sendRawTransaction", sent)
        running = subprocess.Popen(command(path, crowd.door.url), env=wearing(key), stdout=subprocess.DEVNULL)
        assert crowd.door.reached.wait(60)
        running.kill()
        running.wait()
        crowd.door.open()
        claim(path, chain.rpc.url, key)
    assert crowd.held(key) == 2 * REWARD and crowd.nonce(key) == 3, "one opening, two finalizations"


REFUSED: list[tuple[str, Callable[[Path], Any], str]] = [
    ("no file", lambda path: None, "can't be read"),
    ("an empty file", lambda path: path.write_text(""), "empty"),
    ("no JSON", lambda path: path.write_text("hello\n"), "not JSON"),
    ("something else", lambda path: path.write_text("{}\n"), "no holdings file"),
    ("a later version", lambda path: path.write_text('{"format":"piecework-holdings","version":2}\n'), "version 2"),
]


@pytest.mark.parametrize(("write", "word"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path, write: Callable[[Path], Any], word: str) -> None:
    write(path := tmp_path / "mine.jsonl")
    done = nursery().run(*typed(path, "http://127.0.0.1:1", "--dry-run"), environment=dict(os.environ))
    assert done.returncode == 1 and word in done.stderr and "Traceback" not in done.stderr
