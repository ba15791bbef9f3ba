"""Coordinators' bonds, on a chain where they are bonded, locked, claimed and taken out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import tables
from indexer.audit import audit
from indexer.bonds import bond_abi
from indexer.chain import AnswerRefused, Log
from indexer.decode import events
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import token_abi
from piecework.chain.wallet import Receipt
from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY, Batch, Terms
from piecework.domain.typed_data import Key, compact
from piecework.domain.units import NATIVE
from tests.indexer.bench import WINDOW, Bench, bench, newest
from tests.indexer.test_reorg import require_canonical
from tests.indexer.workshop import Workshop, worker

A, B = worker(1), worker(2)
FOR_EVER = 2**64 - 1


class Pledge:
    """A coordinator with a bond of 10,000 dollars, which the bystander pays, and what may happen to it."""

    def __init__(self, workshop: Workshop, mirror: Bench, folder: Path) -> None:
        self.workshop, self.mirror, self.folder = workshop, mirror, folder
        assert workshop.deployment.bond
        self.bond_address = workshop.deployment.bond
        approve = token_abi().encode("approve", self.bond_address, 2**200)
        workshop.send(workshop.chain.bystander, workshop.token, approve)
        self.coordinator = workshop.chain.coordinator
        self.terms = workshop.terms(reward=600)

    def live(self, *steps: Callable[[], object]) -> None:
        """Does each step, sees a reorg take it back, and does it again."""
        for step in steps:
            before = self.workshop.head()
            step()
            self.check()
            assert self.workshop.head() - before <= WINDOW
            self.workshop.rpc.call("anvil_reorg", self.workshop.head() - before, [])
            require_canonical(self.mirror.catch_up(), self.workshop, self.folder)
            self.check()
            step()
            self.check()

    def check(self) -> None:
        """The newest row of everybody's bond is what the contract says."""
        for (coordinator, token), row in newest(self.mirror.catch_up(), tables.BondEntry, "coordinator", "token").items():
            data = bond_abi().encode("bondOf", coordinator, token)
            answer = self.workshop.rpc.call("eth_call", {"to": self.bond_address, "data": data}, "latest")
            assert (row.bond, row.locked_until) == bond_abi().decode_result("bondOf", answer)

    def call(self, key: Key, name: str, *arguments: object, value: int = 0) -> Receipt:
        return self.workshop.send(key, self.bond_address, bond_abi().encode(name, *arguments), value)

    def bond(self, amount: int = 10_000) -> None:
        self.call(self.workshop.chain.bystander, "bond", self.coordinator.address, self.workshop.token, amount)

    def lock(self, until: int) -> None:
        self.call(self.coordinator, "moveLock", self.workshop.token, until)

    def withdraw(self, amount: int, receiver: str) -> None:
        self.call(self.coordinator, "withdraw", self.workshop.token, amount, receiver)

    def claim(self, terms: Terms, one: Key, other: Key, slot: int = 7) -> None:
        """The bystander carries the two words that give a slot to two workers, for the first one."""
        words = [self.word(terms, who, slot) for who in (one, other)]
        self.call(self.workshop.chain.bystander, "claim", terms.as_tuple(), slot, *words)

    def word(self, terms: Terms, who: Key, slot: int) -> tuple[object, ...]:
        batch = Batch(self.workshop.domain.job_id(terms), slot, (who.address,), b"\x01", keccak256(who.address.encode()))
        signature = self.coordinator.sign(self.workshop.domain.batch_digest(batch))
        return (slot, batch.workers, batch.places, batch.answer_root, *compact(signature))

    def entries(self) -> list[tuple[object, ...]]:
        """What happened: reason, whom with, how much more or less, and how much then."""
        rows = self.mirror.catch_up().rows(tables.BondEntry)
        return [(row.reason, row.account, row.credit - row.debit, row.bond) for row in rows]


@pytest.fixture
def pledge(workshop: Workshop, database_url: str, tmp_path: Path) -> Iterator[Pledge]:
    workshop.mine(3)
    with bench(database_url, workshop) as mirror:
        yield Pledge(workshop, mirror, tmp_path)


def test_a_bond_is_what_was_paid_in_and_not_taken_out(pledge: Pledge) -> None:
    payer, own = pledge.workshop.chain.bystander.address, pledge.coordinator.address
    until = pledge.workshop.now() + DAY
    pledge.live(
        pledge.bond,
        lambda: pledge.withdraw(4_000, A.address),
        lambda: pledge.lock(until),
        lambda: pledge.bond(2**150),
        lambda: (pledge.workshop.wait_until(until), pledge.withdraw(1, own)),
        lambda: pledge.lock(FOR_EVER),
    )
    assert pledge.entries() == [
        ("bonded", payer, 10_000, 10_000),
        ("withdrawn", A.address, -4_000, 6_000),
        ("locked", own, 0, 6_000),
        ("bonded", payer, 2**150, 2**150 + 6_000),
        ("withdrawn", own, -1, 2**150 + 5_999),
        ("locked", own, 0, 2**150 + 5_999),
    ]
    assert pledge.mirror.rows(tables.BondEntry)[-1].locked_until == FOR_EVER


def test_a_lock_may_come_before_the_money(pledge: Pledge) -> None:
    pledge.live(lambda: pledge.lock(pledge.workshop.now() + DAY), pledge.bond)
    assert [(row.bond, row.reason) for row in pledge.mirror.rows(tables.BondEntry)] == [(0, "locked"), (10_000, "bonded")]


def test_coins_are_a_bond_of_their_own(pledge: Pledge) -> None:
    own = pledge.coordinator.address
    pledge.live(pledge.bond, lambda: pledge.call(pledge.coordinator, "bond", own, NATIVE, 5, value=5))
    bonds = newest(pledge.mirror, tables.BondEntry, "coordinator", "token")
    assert {key: row.bond for key, row in bonds.items()} == {(own, pledge.workshop.token): 10_000, (own, NATIVE): 5}


def test_a_claim_pays_its_worker_and_burns_as_much(pledge: Pledge) -> None:
    """The job that was given away twice is on the chain or not: the bond shrinks alike. The last claim gets what is left."""
    posted = pledge.workshop.domain.job_id(pledge.terms)
    large = replace(pledge.terms, reward=100_000)
    pledge.workshop.post(pledge.terms, 8)
    pledge.live(
        pledge.bond,
        lambda: pledge.claim(pledge.terms, A, B),
        lambda: pledge.claim(pledge.terms, B, A),
        lambda: pledge.claim(large, A, B, slot=900),
    )
    assert pledge.entries()[1:] == [
        ("claimed", A.address, -1_200, 8_800),
        ("claimed", B.address, -1_200, 7_600),
        ("claimed", A.address, -7_600, 0),
    ]
    cursor = pledge.mirror.mirror.cursor()
    found = audit(pledge.mirror.engine, pledge.workshop.deployment, pledge.workshop.rpc, 0, cursor.head_number)
    assert found.differences == ()
    claims = [(row.job, row.slot, row.worker, row.token, row.paid, row.burnt) for row in pledge.mirror.rows(tables.BondClaim)]
    job, other, token = "0x" + posted.hex(), "0x" + pledge.workshop.domain.job_id(large).hex(), pledge.workshop.token
    assert claims == [
        (job, 7, A.address, token, 600, 600),
        (job, 7, B.address, token, 600, 600),
        (other, 900, A.address, token, 3_800, 3_800),
    ]


def test_bonds_and_the_ledger_share_a_block(pledge: Pledge) -> None:
    """Logs of two contracts come in the order of the block, and each is read by its own contract's ABI."""
    workshop = pledge.workshop
    workshop.rpc.call("evm_setAutomine", False)
    try:
        for data, to in (
            (bond_abi().encode("bond", pledge.coordinator.address, workshop.token, 3), pledge.bond_address),
            (workshop.raw_deposit(workshop.chain.requester, 50), None),
        ):
            if to is None:
                workshop.rpc.call("eth_sendRawTransaction", data)
            else:
                workshop.rpc.call("eth_sendTransaction", {"from": workshop.chain.bystander.address, "to": to, "data": data})
        workshop.mine(1)
    finally:
        workshop.rpc.call("evm_setAutomine", True)
    (entry,), (deposit,) = (pledge.mirror.catch_up().rows(table) for table in (tables.BondEntry, tables.LedgerEntry))
    assert entry.block_number == deposit.block_number
    assert {row.name for row in pledge.mirror.rows(tables.Event)} == {"Bonded", "Deposited"}


def test_what_the_bond_cant_have_written_is_refused(pledge: Pledge) -> None:
    pledge.bond()
    (log,) = _logs(pledge)
    assert len(list(events([log], pledge.bond_address))) == 1
    for wrong in (
        replace_log(log, data=log.data[:-64]),
        replace_log(log, topics=log.topics[:2]),
        replace_log(log, topics=("0x" + "77" * 32, *log.topics[1:])),
        replace_log(log, address=pledge.workshop.deployment.escrow),
    ):
        with pytest.raises(AnswerRefused, match="can't be read as the"):
            list(events([wrong], pledge.bond_address))


def test_a_deployment_without_a_bond_is_mirrored_as_ever(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "deployment.json"
    alone = replace(workshop.deployment, bond=None)
    path.write_text(alone.text().replace('  "bond": null,\n', ""))
    assert Deployment.load(path) == alone
    assert alone.mirrored == (workshop.deployment.escrow,)
    workshop.deposit(workshop.chain.requester, 9)
    mirror = Bench(database_url, alone, workshop.rpc)
    assert [row.balance for row in mirror.catch_up().rows(tables.LedgerEntry)] == [9]
    mirror.close()


def _logs(pledge: Pledge) -> list[Log]:
    head = pledge.workshop.rpc.call("eth_getBlockByNumber", "latest", False)
    span = pledge.mirror.source.read(int(head["number"], 16), int(head["number"], 16), head["parentHash"])
    return list(span.logs)


def replace_log(log: Log, **changed: object) -> Log:
    names = ("block_number", "log_index", "block_hash", "transaction_hash", "address", "topics", "data")
    values = {name: getattr(log, name) for name in names} | changed
    return Log(**values)
