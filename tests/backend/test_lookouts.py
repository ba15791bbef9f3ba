"""The watchtower looks at what is due, however much was left or is over before it, and pays for that alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, text
from sqlmodel import col

from backend.services.watchtower import Frugality, Watchtower
from backend.store.database import Store
from backend.store.lookouts import MOST_BLOCKS
from backend.store.tables import Assignment, Outbox, Posting
from indexer import tables as mirror
from piecework.domain.recourse import RULING_LIMIT
from tests.conftest import Chain
from tests.support.databases import prepare

DAY = 86_400
NOBODY, HASH, ACCOUNT = "0x" + "00" * 20, "0x" + "ab" * 32, "0x" + "cd" * 20
START = datetime(2030, 1, 1, tzinfo=UTC)
OPENED_AT = int(START.timestamp())
CHEAP, DEAR = 1, 5_000_000
"""Base units a slot: not worth any gas, and worth a lot."""


class Tower:
    """A watchtower over tables that hold what an indexer would have written.

    Attributes:
        now: what the clock says.
    """

    def __init__(self, store: Store, chain: Chain) -> None:
        self.store, self.chain, self.now = store, chain, START
        self.where = {"chain_id": chain.deployment.chain_id, "escrow": chain.deployment.escrow}
        self.watchtower = self.another()

    def another(self) -> Watchtower:
        """One that begins anew over the same tables."""
        frugality = Frugality(Decimal(2), Decimal(2_000))
        return Watchtower(
            self.store, self.chain.rpc, self.chain.deployment, self.chain.coordinator.address, frugality, DAY, lambda: self.now, lambda: None, 15, 64
        )

    def write(self, table: Any, **values: Any) -> None:
        self.store.write_now(lambda c: c.execute(insert(table), values))

    def at(self, block: int, log: int = 0) -> dict[str, Any]:
        return self.where | {"block_number": block, "log_index": log, "transaction_hash": HASH}

    def head(self, block: int, hash: str | None = None) -> None:
        """Moves the mirror's head; its time is the clock's."""
        newest = {"head_number": block, "next_block": block + 1, "head_hash": hash or f"0x{block:064x}", "head_timestamp_at": self.now}

        def work(connection: Connection) -> None:
            connection.execute(delete(mirror.Deployment))
            connection.execute(insert(mirror.Deployment), self.where | {"genesis_hash": HASH, "start_block": 0} | newest)

        self.store.write_now(work)

    def job(self, number: int, reward: int) -> str:
        """A job of ours, posted in block 1."""
        job, deployment = f"0x{number:064x}", self.chain.deployment
        terms = {
            "requester": ACCOUNT, "operator": NOBODY, "token": deployment.token, "reward": reward, "fee": 0, "salt": HASH,
            "coordinator": self.chain.coordinator.address, "arbitrator": ACCOUNT, "arbitrator_extra_data": "0x", "contest_deposit": 0,
            "appeal_stake": 0, "closes_at": OPENED_AT + 90 * DAY, "review_window": DAY, "appeal_window": DAY, "content_hash": f"0x{number + 2**60:064x}",
        }  # fmt: skip
        own = {"content": "x", "manifest_length": 1, "units": 1, "slots": 1, "answers_per_worker": 1, "assignment_seconds": 60}
        self.write(Posting, **terms, **own, number=number, job=job, created_at=START)
        self.write(mirror.Job, **self.at(1, number), job=job, **terms)
        return job

    def opening(self, number: int, job: str, block: int, slots: int = 1) -> str:
        """One that nobody contested yet."""
        opening = f"0x{number + 2**64:064x}"
        rest = {"batch": HASH, "first_slot": 0, "workers": f'["{ACCOUNT}"]', "answer_root": HASH, "places": b"\1" * slots, "slots": slots}
        self.write(mirror.Opening, **self.at(block, number), job=job, opening=opening, opened_at=OPENED_AT, **rest)
        return opening

    def phase(self, appeal: str, job: str, phase: str, block: int) -> None:
        """A step of an appeal, taken now."""
        self.write(mirror.AppealPhase, **self.at(block), job=job, appeal=appeal, phase=phase, since_at=int(self.now.timestamp()))

    def queued(self) -> list[tuple[str, str]]:
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(select(Outbox.kind, Outbox.subject).order_by(col(Outbox.id)))]  # type: ignore[misc]

    def carried(self) -> None:
        """What was queued went through."""
        self.store.write_now(lambda c: c.execute(text("UPDATE outbox SET state = 'confirmed'")))


@pytest.fixture
def tower(shared_chain: Chain, database_url: str) -> Iterator[Tower]:
    prepare(database_url)
    store = Store(database_url)
    store.belong_to(shared_chain.deployment.chain_id, shared_chain.deployment.genesis_hash, shared_chain.deployment.escrow)
    yield Tower(store, shared_chain)
    store.close()


def test_what_is_left_hides_nothing_behind_it(tower: Tower) -> None:
    """More openings that aren't worth their gas than a look takes at once, and then one that is."""
    poor, rich = tower.job(1, CHEAP), tower.job(2, DEAR)
    for number in range(250):
        tower.opening(number, poor, 2)
    worth = tower.opening(999, rich, 3)
    tower.head(3)
    assert (tower.watchtower.look(), tower.queued()) == (0, [])
    tower.now += timedelta(days=1, seconds=1)
    assert tower.watchtower.look() == 1
    assert tower.queued() == [("finalize", worth)]


def looked(tower: Tower, kind: str, subject: str) -> tuple[int | None, int]:
    """When it is looked at next, seconds from now, and how often it was since it was due."""
    with tower.store.read() as connection:
        at, looks = connection.execute(text("SELECT look_at, looks FROM lookout WHERE kind = :k AND subject = :s"), {"k": kind, "s": subject}).one()
    return (None if at is None else at - int(tower.now.timestamp()), looks)


def test_what_is_left_is_looked_at_ever_more_seldom_and_done_once_it_is_worth_it(tower: Tower) -> None:
    opening = tower.opening(1, tower.job(1, CHEAP), 2)
    tower.now += timedelta(days=1)
    tower.head(3)
    assert tower.watchtower.look() == 0
    assert looked(tower, "finalize", opening) == (60, 1)
    tower.now += timedelta(seconds=59)
    tower.watchtower.look()
    assert looked(tower, "finalize", opening) == (1, 1), "not before its time"
    tower.now += timedelta(seconds=1)
    tower.watchtower.look()
    assert looked(tower, "finalize", opening) == (120, 2)
    tower.store.write_now(lambda c: c.execute(text("UPDATE lookout SET looks = 40, look_at = 0 WHERE kind = 'finalize'")))
    tower.watchtower.look()
    assert looked(tower, "finalize", opening) == (86_400, 41), "a day at most, and never over while it is undone"
    tower.store.write_now(lambda c: c.execute(text("UPDATE posting SET reward = 0")))
    tower.store.write_now(lambda c: c.execute(mirror.Job.__table__.update().values(reward=DEAR)))  # type: ignore[attr-defined]
    tower.now += timedelta(days=1)
    assert tower.watchtower.look() == 1 and tower.queued() == [("finalize", opening)]


def test_what_is_done_is_over_after_a_day_and_found_again_if_a_reorg_undoes_it(tower: Tower) -> None:
    job = tower.job(1, DEAR)
    opening = tower.opening(1, job, 2)
    tower.now += timedelta(days=1)
    tower.head(3)
    assert tower.watchtower.look() == 1
    tower.carried()
    done = tower.at(4) | {"job": job, "opening": opening, "places": b"\1", "slots": 1}
    tower.write(mirror.Finalization, **done)
    for block in range(4, 20):
        tower.now += timedelta(days=1)
        tower.head(block)
        assert tower.watchtower.look() == 0
    assert looked(tower, "finalize", opening)[0] is None and looked(tower, "reclaim", opening)[0] is None
    tower.store.write_now(lambda c: c.execute(mirror.Finalization.__table__.delete()))  # type: ignore[attr-defined]
    tower.store.write_now(lambda c: c.execute(mirror.Opening.__table__.update().values(block_number=5, opened_at=OPENED_AT + 7)))  # type: ignore[attr-defined]
    tower.head(19, "0x" + "ff" * 32)
    assert tower.watchtower.look() == 1 and tower.queued() == [("finalize", opening)] * 2


def refused(tower: Tower) -> None:
    """The chain says of what is queued that its time hasn't come."""
    error = "the chain refused the transaction: NotNow(1, 2)"
    tower.store.write_now(lambda c: c.execute(text("UPDATE outbox SET state = 'failed', error = :error WHERE state = 'queued'"), {"error": error}))


def test_a_clock_that_ran_days_ahead_holds_nothing_up_when_it_is_set_back(tower: Tower) -> None:
    """It found what isn't due, ten times and in vain; and what was done was looked at until its last look by that time."""
    opening = tower.opening(1, tower.job(1, DEAR), 2)
    worthless = tower.opening(2, tower.job(2, CHEAP), 2)
    done = tower.opening(3, job := tower.job(3, DEAR), 2)
    tower.write(mirror.Finalization, **tower.at(3), job=job, opening=done, places=b"\1", slots=1)
    tower.head(3)
    tower.now = START + timedelta(days=20)
    for _ in range(20):
        tower.watchtower.look()
        refused(tower)
        tower.now += timedelta(days=1)
    assert looked(tower, "finalize", done)[0] is None
    for tower.watchtower in (tower.watchtower, tower.another()):
        tower.now = START + timedelta(hours=3)
        assert tower.watchtower.look() == 0
        assert [looked(tower, "finalize", one) for one in (opening, worthless, done)] == [(DAY - 3 * 3_600, 0)] * 3
    queued = tower.queued()
    tower.now = START + timedelta(days=1)
    assert tower.watchtower.look() == 1 and tower.queued() == [*queued, ("finalize", opening)]


def test_what_is_due_waits_its_own_pause_at_most_after_a_clock_was_set_back(tower: Tower) -> None:
    opening = tower.opening(1, tower.job(1, CHEAP), 2)
    tower.now = START + timedelta(days=1)
    tower.head(3)
    tower.watchtower.look()
    tower.now += timedelta(hours=5)
    tower.watchtower.look()
    tower.now -= timedelta(hours=4)
    assert looked(tower, "finalize", opening) == (4 * 3_600 + 120, 2)
    tower.watchtower.look()
    assert looked(tower, "finalize", opening) == (240, 3)


def test_what_the_chain_refuses_for_another_reason_than_its_time_is_left_after_three_times(tower: Tower) -> None:
    tower.opening(1, tower.job(1, DEAR), 2)
    tower.head(3)
    tower.now += timedelta(days=1)
    found = 0
    for _ in range(10):
        found += tower.watchtower.look()
        tower.store.write_now(lambda c: c.execute(text("UPDATE outbox SET state = 'failed', error = 'Reverted' WHERE state = 'queued'")))
        tower.now += timedelta(days=1)
    assert found == 3


def test_a_job_that_ends_is_opened_though_the_clock_ran_ahead_of_its_end(tower: Tower) -> None:
    """The chain counts, and there the job is open still."""
    answered(tower, 1, tower.job(1, DEAR))
    tower.now = START + timedelta(days=89, hours=12)
    tower.head(3)
    tower.now += timedelta(days=30)
    assert tower.watchtower.look() == 1 and tower.queued() == [("open", "1")]


def test_a_ruling_is_carried_out_at_once_though_its_time_was_far(tower: Tower) -> None:
    job, appeal = tower.job(1, DEAR), "0x" + "11" * 32
    rest = {"worker": ACCOUNT, "sponsor": NOBODY, "request": HASH, "slots": 1, "appealed_at": OPENED_AT}
    tower.write(mirror.Appeal, **tower.at(2), job=job, appeal=appeal, **rest)
    tower.phase(appeal, job, "pending", 2)
    tower.head(2)
    assert tower.watchtower.look() == 0 and looked(tower, "conclude", appeal) == (DAY, 0)
    tower.now += timedelta(hours=1)
    tower.phase(appeal, job, "defended", 3)
    tower.head(3)
    assert tower.watchtower.look() == 0 and looked(tower, "conclude", appeal) == (RULING_LIMIT, 0)
    tower.now += timedelta(hours=1)
    tower.phase(appeal, job, "ruled", 4)
    tower.head(4)
    assert tower.watchtower.look() == 1 and tower.queued() == [("conclude", appeal)]


def test_a_watchtower_that_begins_over_old_tables_finds_all_of_them(tower: Tower) -> None:
    """A database of an earlier version has openings, and nobody has looked yet."""
    job = tower.job(1, DEAR)
    old = [tower.opening(number, job, 2 + number * MOST_BLOCKS) for number in range(3)]
    tower.now += timedelta(days=1)
    tower.head(3 * MOST_BLOCKS)
    assert tower.watchtower.look() == 3
    assert tower.queued() == [("finalize", opening) for opening in old]
    assert tower.another().look() == 0, "and again after a restart"


def test_nothing_is_written_while_nothing_happens(tower: Tower) -> None:
    tower.opening(1, tower.job(1, DEAR), 2)
    tower.head(3)
    tower.watchtower.look()
    works = tower.store.writer.counts.works
    for _ in range(3):
        assert tower.watchtower.look() == 0
    assert tower.store.writer.counts.works == works


def answered(tower: Tower, number: int, job: str) -> None:
    """A job's slot has an answer that nobody approved."""
    answer = {"id": f"0x{number:032x}", "posting": number, "unit": 0, "slot": 0, "worker": ACCOUNT, "state": "revealed", "answer": '"x"'}
    times = {"created_at": START, "expires_at": START, "revealed_at": START}
    tower.write(Assignment, **answer, **times, job=job, commitment=HASH)


def test_every_job_that_ends_soon_is_looked_at_not_only_the_first_hundred(tower: Tower) -> None:
    """All that end at one instant, too."""
    postings = [tower.job(number, CHEAP if number < 220 else DEAR) for number in range(1, 221)]
    for number, job in enumerate(postings, 1):
        answered(tower, number, job)
    tower.now = START + timedelta(days=89, seconds=1)
    tower.head(3)
    assert tower.watchtower.look() == 1
    assert tower.queued() == [("open", "220")]
