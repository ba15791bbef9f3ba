"""Which answers decide a job follows the chain: a contest that comes, one that is won back, and one that a reorg takes away."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, text

from backend.services.postman import Postman
from backend.store import consensus as rows_of
from backend.store.database import Store
from indexer.tables import Deployment, SlotStep
from tests.backend.counter import ADDRESS, NOW, Counter, job, worker

ESCROW, FINALITY = "0x" + "ee" * 20, 10
HERE = {"chain_id": 1, "escrow": ESCROW}


class Desk(Counter):
    """A job of two slots, both answered and in a fit, before a mirror and a postman who reads it."""

    def __init__(self, store: Store) -> None:
        store.belong_to(1, "0x01", ESCROW)
        super().__init__(store, store.write_now(lambda c: job(c, 1, [2])), False)
        for number, label in enumerate("ab"):
            row = self.take(worker(number))
            assert row is not None
            self.say(row, label)
        store.write_now(lambda c: c.execute(text("UPDATE assignment SET commitment = '0x01'")))
        self.step()
        self.step(60)
        self.head = 0
        self.begin()

    def begin(self) -> None:
        """A postman who knows nothing of before."""
        self.postman = Postman(self.store, ADDRESS, FINALITY, self.clock)

    def moves(self, head: int) -> None:
        """The mirror goes to another block, everybody looks, and a minute passes."""
        self.head += 1
        newest = {"head_number": head, "next_block": head + 1, "head_hash": f"0x{self.head:064x}", "head_timestamp_at": NOW}
        row = HERE | {"genesis_hash": "0x01", "start_block": 0} | newest
        self.store.write_now(lambda c: (c.execute(text("DELETE FROM mirror_deployment")), c.execute(insert(Deployment), row)))
        while self.postman._step_once(self.leadership):
            pass
        self.step(60)

    def steps(self, state: str, block: int, slot: int = 0) -> None:
        """The chain says of a slot."""
        row = HERE | {"block_number": block, "log_index": 0, "transaction_hash": "0x02", "slot": slot, "worker": worker(slot)}
        more = {"job": f"0x{1:064x}", "opening": "0x03", "state": state}
        self.store.write_now(lambda c: c.execute(insert(SlotStep), row | more))

    def reorg(self, from_block: int) -> None:
        """Takes blocks away."""
        self.store.write_now(lambda c: c.execute(text("DELETE FROM mirror_slot_step WHERE block_number >= :first"), {"first": from_block}))

    @property
    def label(self) -> tuple[str, int]:
        """What the unit is thought to be, and by how many answers."""
        with self.store.read() as connection:
            found: Any = rows_of.units(connection, self.posting, [0])[0]
        return found.label, found.answers


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    yield Desk(store)


def test_a_contest_that_a_reorg_takes_away_counts_no_longer(desk: Desk) -> None:
    desk.moves(1)
    assert desk.label == ("a", 2)
    desk.steps("opened", 2)
    desk.steps("contested", 3)
    desk.moves(3)
    assert desk.label == ("b", 1)
    desk.reorg(3)
    desk.moves(3)
    assert desk.label == ("a", 2)


def test_nor_if_the_chain_is_shorter_then_and_whoever_looked_has_died(desk: Desk) -> None:
    desk.steps("contested", 20)
    desk.moves(22)
    assert desk.label == ("b", 1)
    desk.begin()
    desk.reorg(15)
    desk.moves(14)
    assert desk.label == ("a", 2)
    desk.moves(40)
    assert desk.label == ("a", 2)


def test_a_contest_that_moves_to_another_block_counts_on_and_can_go_from_there(desk: Desk) -> None:
    desk.steps("contested", 5)
    desk.moves(6)
    desk.reorg(5)
    desk.steps("contested", 12)
    desk.moves(14)
    assert desk.label == ("b", 1)
    desk.moves(21)
    desk.reorg(12)
    desk.moves(21)
    assert desk.label == ("a", 2)


def test_a_reorg_that_contests_another_answer_instead_is_noticed_though_as_many_are_contested(desk: Desk) -> None:
    desk.steps("contested", 5)
    desk.moves(6)
    assert desk.label == ("b", 1)
    desk.reorg(5)
    desk.steps("contested", 6, slot=1)
    desk.moves(6)
    assert desk.label == ("a", 1)


def test_nothing_is_fitted_again_and_again_for_what_is_known(desk: Desk) -> None:
    desk.steps("contested", 2)
    desk.moves(3)
    with desk.store.read() as connection:
        fitted_at = rows_of.job(connection, desk.posting).fitted_at  # type: ignore[union-attr]
    for head in range(4, 9):
        desk.moves(head)
    with desk.store.read() as connection:
        assert rows_of.job(connection, desk.posting).fitted_at == fitted_at  # type: ignore[union-attr]
