"""Records of requesters and workers, and a job's money: after each step what one who counts all events by hand comes to, after each
reorg what a mirror made from scratch has."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from backend.services.fairness import lost_slots
from backend.store.records import Earnings, Grievances, JobMoney, Records, RequesterRecord, Tips
from indexer import tables
from indexer.books import Crowd, Crowds
from piecework.domain.recourse import FOR_REQUESTER
from piecework.domain.terms import DAY
from piecework.domain.units import NATIVE
from piecework.sql import reading
from tests.indexer.bench import Bench, bench
from tests.indexer.court import DEPOSIT, FOR_WORKER, STAKE
from tests.indexer.test_recourse import Life
from tests.indexer.workshop import Workshop, worker

A, B, C = worker(1), worker(2), worker(3)
PRICE, REWARD = 10_150, 10_000


class Watched(Life):
    """A life whose records are looked at after each step."""

    def check(self) -> None:
        super().check()
        for job in {row.job for row in self.mirror.rows(tables.Job)}:
            require_money(self.mirror, job)
        require_records(self.mirror)

    def records(self) -> Records:
        """As the backend reads them."""
        return Records(self.connection, self.workshop.deployment.chain_id, self.workshop.deployment.escrow)

    @property
    def requester(self) -> RequesterRecord:
        with reading(self.mirror.engine).begin() as self.connection:
            return self.records().requester(self.terms.requester)

    def worker(self, account: str) -> tuple[dict[str, Earnings], Grievances]:
        with reading(self.mirror.engine).begin() as self.connection:
            return self.records().earnings(account), self.records().grievances(account)

    def lost(self, account: str) -> tuple[list[tuple[str, int]], int]:
        """What a worker lost to whom, and how much of that counts."""
        with reading(self.mirror.engine).begin() as self.connection:
            return [(one.requester, one.slots) for one in self.records().losses(account)], lost_slots(self.records(), account)

    def money(self) -> JobMoney | None:
        with reading(self.mirror.engine).begin() as self.connection:
            return self.records().job(self.job)


@pytest.fixture
def life(workshop: Workshop, database_url: str, tmp_path: Path) -> Iterator[Watched]:
    with bench(database_url, workshop) as mirror:
        yield Watched(workshop, mirror, tmp_path)


def by_key(mirror: Bench, table: type, *key: str) -> dict[tuple[str, ...], list[object]]:
    """A table's rows by some columns."""
    found: dict[tuple[str, ...], list[object]] = {}
    for row in mirror.rows(table):
        found.setdefault(tuple(getattr(row, name) for name in key), []).append(row)
    return found


def require_money(mirror: Bench, job: str) -> None:
    """The job's newest row is what its events add up to, and nothing of its money is missing."""
    (terms,) = [row for row in mirror.rows(tables.Job) if row.job == job]
    word = [row for row in mirror.rows(tables.JobWord) if row.job == job][-1]
    payments = [row for row in mirror.rows(tables.WorkerPayment) if row.job == job]
    ledger = Counter[str]()
    for row in mirror.rows(tables.LedgerEntry):
        if row.job == job:
            ledger[row.reason] += row.debit - row.credit
    paid = sum(row.slots for row in payments if row.outcome != "cancelled")
    assert word.paid_out == sum(row.amount for row in payments if row.outcome != "cancelled") == paid * terms.reward
    assert word.fees == -ledger["fee"] == paid * terms.fee
    assert word.refunded == -ledger["refunded"] - ledger["cancelled"]
    assert word.deposits == ledger["contest_deposit"] and word.stakes == ledger["appeal_stake"]
    assert word.locked + word.paid_out + word.fees + word.refunded == word.funded * (terms.reward + terms.fee)
    assert word.locked == (word.funded - word.resolved) * (terms.reward + terms.fee)


def require_records(mirror: Bench) -> None:
    """The newest rows of every account are what all its rows add up to."""
    requesters = {row.job: row.requester for row in mirror.rows(tables.Job)}
    for (account, token), rows in by_key(mirror, tables.WorkerPayment, "worker", "token").items():
        real = [row for row in rows if row.outcome != "cancelled"]
        jobs = {row.job for row in real}
        sums = (sum(row.slots for row in real), sum(row.amount for row in real), len(jobs), len({requesters[job] for job in jobs}))
        last = max(rows, key=lambda row: (row.block_number, row.log_index, row.place))
        assert (last.slots_total, last.amount_total, last.jobs_total, last.requesters_total) == sums, (account, token)
    contested, appealed = Counter[str](), Counter[str]()
    for row in mirror.rows(tables.SlotStep):
        contested[row.worker] += row.state == "contested"
        appealed[row.worker] += row.state == "appealed"
    for (account,), rows in by_key(mirror, tables.WorkerGrievance, "worker").items():
        assert (rows[-1].contested, rows[-1].appealed) == (contested[account], appealed[account])
        assert rows[-1].conceded + rows[-1].reclaimed + rows[-1].appealed <= rows[-1].contested
    for (requester,), rows in by_key(mirror, tables.JobWord, "requester").items():
        own = [job for job, of in requesters.items() if of == requester]
        last = rows[-1]
        slots = {table: sum(row.slots for row in mirror.rows(table) if row.job in own) for table in _SLOTS}
        assert last.requester_contested == slots[tables.Contest]
        assert last.requester_conceded == slots[tables.Concession]
        assert last.requester_reclaimed == slots[tables.Reclaim]
        assert last.requester_appealed == slots[tables.Appeal]


_SLOTS = (tables.Contest, tables.Concession, tables.Reclaim, tables.Appeal)


def test_a_settlement_is_paid_work_that_took_no_known_time(life: Watched) -> None:
    workshop, terms = life.workshop, life.terms
    table = [A.address, terms.requester, B.address]
    first = workshop.batch(terms, 0, table, b"\x01\x02\x03\x01")
    second = workshop.batch(terms, 4, table, b"\x03\x00\x03")
    life.live(lambda: workshop.settle(terms, first, second), lambda: workshop.close(terms))
    assert life.requester == RequesterRecord(paid=5)
    assert life.requester.mean_seconds is None
    assert life.worker(A.address) == ({terms.token: Earnings(2, 2 * REWARD, 1, 1)}, Grievances())
    assert life.worker(B.address)[0] == {terms.token: Earnings(3, 3 * REWARD, 1, 1)}
    assert life.worker(terms.requester)[0] == {}
    assert life.money() == JobMoney(8, 8, 8, True, 0, 5 * REWARD, 5 * 150, 3 * PRICE, 0, 0)


def test_silence_is_paid_after_the_review_window(life: Watched) -> None:
    life.live(life.open)
    assert life.money() == JobMoney(8, 5, 0, False, 8 * PRICE, 0, 0, 0, 0, 0)
    opened = life.opened_at
    life.live(life.finalize)
    paid_at = life.workshop.now()
    assert life.requester == RequesterRecord(paid=5, timed=5, seconds=5 * (paid_at - opened))
    assert DAY <= (life.requester.mean_seconds or 0) < DAY + 60


def test_a_requester_that_gives_in_has_conceded(life: Watched) -> None:
    life.live(life.open, life.contest)
    money = life.money()
    assert money is not None and (money.deposits, money.locked) == (3 * DEPOSIT, 8 * PRICE)
    life.live(lambda: life.court.concede(life.opening))
    assert (life.requester.paid, life.requester.contested, life.requester.conceded) == (3, 3, 3)
    assert life.worker(A.address)[1] == Grievances(contested=2, conceded=2)
    assert life.worker(B.address)[1] == Grievances(contested=1, conceded=1)


def test_what_nobody_appeals_is_reclaimed(life: Watched) -> None:
    life.live(life.open, life.contest, life.reclaim)
    assert life.requester == RequesterRecord(contested=3, reclaimed=3)
    assert life.worker(A.address) == ({}, Grievances(contested=2, reclaimed=2))
    assert life.lost(A.address) == ([(life.terms.requester, 2)], 1), "two slots, one requester, one day"
    assert life.lost(C.address) == ([], 0)
    money = life.money()
    assert money is not None and (money.refunded, money.deposits) == (3 * PRICE, 0)


@pytest.mark.parametrize("ruling", [FOR_WORKER, FOR_REQUESTER])
def test_an_appeal_is_won_or_lost(life: Watched, ruling: int) -> None:
    life.live(life.open, life.contest, life.appeal)
    money = life.money()
    assert money is not None and (money.deposits, money.stakes) == (3 * DEPOSIT, STAKE)
    opened = life.opened_at
    life.live(life.defend, lambda: life.court.rule(life.dispute, ruling), life.conclude)
    paid_at, won = life.workshop.now(), ruling == FOR_WORKER
    earned, grievances = life.worker(A.address)
    assert grievances == Grievances(contested=2, appealed=2, won=2 if won else 0, lost=0 if won else 2)
    assert earned == ({life.terms.token: Earnings(2, 2 * REWARD, 1, 1)} if won else {})
    assert life.lost(A.address) == (([], 0) if won else ([(life.terms.requester, 2)], 1))
    paid = {"paid": 2, "overturned": 2, "timed": 2, "seconds": 2 * (paid_at - opened)} if won else {"upheld": 2}
    assert life.requester == RequesterRecord(contested=3, appealed=2, **paid)


def test_earnings_count_jobs_and_requesters_once_each(life: Watched) -> None:
    """Two jobs of one requester, one of them in coins."""
    workshop = life.workshop
    coins = workshop.terms(reward=5, token=NATIVE)
    other = life.court.terms(reward=700)
    for terms, slots in ((coins, 6), (other, 6)):
        workshop.post(terms, slots)
    jobs = [(life.terms, 0), (other, 0), (coins, 0), (life.terms, 2), (other, 2), (coins, 2)]
    life.live(
        *(
            lambda terms=terms, first=first: workshop.settle(terms, workshop.batch(terms, first, [A.address], b"\x01\x01"))
            for terms, first in jobs
        )
    )
    earned, _ = life.worker(A.address)
    assert earned == {NATIVE: Earnings(4, 20, 1, 1), life.terms.token: Earnings(8, 4 * REWARD + 4 * 700, 2, 1)}
    with reading(life.mirror.engine).begin() as life.connection:
        assert life.records().patrons(A.address) == [life.terms.requester]


def test_a_mirror_that_starts_again_counts_on(life: Watched, database_url: str, tmp_path: Path) -> None:
    """What it remembered is gone, so everything is looked up: who was paid in the job, and by whom each was ever paid."""
    workshop, terms, table = life.workshop, life.terms, [A.address, B.address]
    life.live(lambda: workshop.settle(terms, workshop.batch(terms, 0, table, b"\x01\x01\x02")))
    life.mirror.close()
    with bench(database_url, workshop) as mirror:
        life.mirror = life.court.mirror = mirror
        life.live(lambda: workshop.settle(terms, workshop.batch(terms, 3, [B.address, C.address], b"\x01\x02")))
        assert life.worker(B.address)[0] == {terms.token: Earnings(2, 2 * REWARD, 1, 1)}
        assert life.worker(C.address)[0] == {terms.token: Earnings(1, REWARD, 1, 1)}


def test_a_settlement_of_workers_that_are_known_looks_nothing_up(life: Watched) -> None:
    workshop, terms, table = life.workshop, life.terms, [worker(number).address for number in range(4)]
    settle = lambda first: workshop.settle(terms, workshop.batch(terms, first, table, b"\x01\x02\x03\x04"))  # noqa: E731
    settle(0)
    life.mirror.catch_up()
    settle(4)
    statements: list[str] = []
    event.listen(life.mirror.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    life.mirror.catch_up()
    assert not [statement for statement in statements if "mirror_worker" in statement and "SELECT" in statement]
    assert [row.slots_total for row in life.mirror.rows(tables.WorkerPayment)] == [1] * 4 + [2] * 4


def test_tips_add_up_by_token(life: Watched) -> None:
    giver = life.workshop.chain.requester
    life.live(
        lambda: life.court.tip(giver, {A.address: 100, B.address: 0}, bytes(32)),
        lambda: life.court.tip(giver, {C.address: 7}, bytes(32)),
    )
    with reading(life.mirror.engine).begin() as life.connection:
        assert life.records().tips(giver.address) == {life.terms.token: Tips(3, 107)}
        assert life.records().tips(A.address) == {}


def test_nobody_has_no_record(life: Watched) -> None:
    with reading(life.mirror.engine).begin() as life.connection:
        records = life.records()
        assert records.job("0x" + "00" * 32) is None
        assert records.requester(C.address) == RequesterRecord()
        assert (records.earnings(C.address), records.grievances(C.address), records.bonds(C.address)) == ({}, Grievances(), {})


def test_crowds_stay_bounded_and_forget_first_what_was_used_longest_ago() -> None:
    crowds = Crowds()
    crowds.MOST = 10  # type: ignore[misc]
    for job in ("a", "b", "c"):
        crowds.put(job, Crowd(job + str(number) for number in range(3))).pays(0, 0, b"\1")
    assert crowds.get("a")
    crowds.bound()
    assert crowds.get("b") is None
    assert [crowd.workers for job in "ca" if (crowd := crowds.get(job))] == [{"c0", "c1", "c2"}, {"a0", "a1", "a2"}]
