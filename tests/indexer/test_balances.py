"""The mirror's running balances against the escrow's own."""

from indexer import tables
from piecework.domain.units import NATIVE
from tests.indexer.bench import balances, bench, require_balances
from tests.indexer.workshop import Workshop, worker


def test_every_balance_on_the_chain_is_the_newest_ledger_row(busy_workshop: Workshop, database_url: str) -> None:
    with bench(database_url, busy_workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, busy_workshop)
        assert len([balance for balance in balances(mirror.engine).values() if balance]) == 9
        assert {token for _, token in balances(mirror.engine)} == {NATIVE, busy_workshop.token}


def test_each_ledger_row_is_the_row_before_with_credit_and_debit(busy_workshop: Workshop, database_url: str) -> None:
    with bench(database_url, busy_workshop) as mirror:
        running: dict[tuple[str, str], int] = {}
        for row in mirror.catch_up().rows(tables.LedgerEntry):
            key = (row.account, row.token)
            running[key] = running.get(key, 0) + row.credit - row.debit
            assert row.balance == running[key]
            assert (row.credit == 0) != (row.debit == 0)


def test_the_largest_reward_there_can_be_is_exact_to_the_last_unit(workshop: Workshop, database_url: str) -> None:
    reward = 2**128 - 1
    terms = workshop.terms(reward=reward)
    job = workshop.post(terms, 7)
    workshop.settle(terms, workshop.batch(terms, 0, [worker(1).address], b"\x01" * 5), push_gas=0)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
        (payment,) = mirror.rows(tables.WorkerPayment)
        assert payment.amount == 5 * reward
        (posted,) = mirror.rows(tables.Job)
        assert (posted.reward, posted.appeal_stake, posted.job) == (reward, 2**128 - 1, "0x" + job.hex())
