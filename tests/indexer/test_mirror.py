"""The one transaction: all of it or nothing, and only from where the mirror stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from indexer import tables
from indexer.chain import AnswerRefused, Span
from indexer.follow import Follower
from indexer.mirror import Cursor
from indexer.store import Memory
from indexer.writer import sole_writer
from piecework.chain.escrow import escrow_abi
from piecework.domain.errors import Conflict
from tests.indexer.bench import bench, dump, require_balances
from tests.indexer.workshop import Workshop, worker


def test_a_writer_that_was_overtaken_writes_nothing(workshop: Workshop, database_url: str) -> None:
    """Two followers without the lock between them: the cursor's compare-and-set alone keeps the rows single."""
    with bench(database_url, workshop) as quick, bench(database_url, workshop) as late:
        quick.catch_up()
        workshop.everything()
        after = dump(quick.catch_up().engine)
        with pytest.raises(Conflict, match="Another indexer has moved this database's cursor"):
            late.catch_up()
        assert dump(quick.engine) == after
        workshop.deposit(workshop.chain.requester, 3)
        require_balances(quick.catch_up().engine, workshop)


def test_a_writer_that_slept_through_a_reorg_writes_nothing(workshop: Workshop, database_url: str) -> None:
    """The height is the same as when it fell asleep; only the hash differs."""
    with bench(database_url, workshop) as quick:
        workshop.deposit(workshop.chain.requester, 50)
        quick.catch_up()
        with bench(database_url, workshop) as late:
            span = late.source.read(workshop.head(), workshop.head(), late.source.header(workshop.head() - 1).hash)
            before = late.mirror.cursor()
            workshop.rpc.call("anvil_reorg", 2, [])
            after = dump(quick.catch_up().engine)
            assert quick.mirror.cursor().head_number == before.head_number
            with pytest.raises(Conflict):
                late.mirror.write(span, before)
            assert dump(quick.engine) == after


def test_a_failure_in_the_middle_leaves_rows_and_cursor_where_they_were(workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        before = dump(mirror.catch_up().engine)
        workshop.everything()
        rename(mirror.engine, "mirror_protocol_fee", "elsewhere")
        with pytest.raises(DBAPIError):
            mirror.catch_up()
        rename(mirror.engine, "elsewhere", "mirror_protocol_fee")
        assert dump(mirror.engine) == before
        require_balances(mirror.catch_up().engine, workshop)


def test_writing_the_same_blocks_again_writes_the_same_rows(workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        first = workshop.head()
        workshop.everything()
        after = dump(mirror.catch_up().engine)
        start = mirror.source.header(first)
        cursor = mirror.mirror.cursor()
        span = mirror.source.read(first + 1, workshop.head(), start.hash)
        assert mirror.mirror.write(span, cursor) == Cursor(workshop.head(), span.head.hash)
        assert dump(mirror.engine) == after


def test_from_the_first_block_on_nothing_is_looked_up_and_who_forgets_writes_the_same_rows(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mirror(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """How often something was looked up for the blocks so far, and all rows."""
        with bench(f"sqlite:///{tmp_path}/{name}.db", workshop) as mirror:
            asked: list[str] = []
            event.listen(mirror.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
            while True:
                mirror.catch_up()
                yield sum("LIMIT" in statement for statement in asked), dump(mirror.engine)

    often, whole, forgetful = 0, mirror("whole"), mirror("forgetful")
    for _ in range(2):
        workshop.everything()
        looked_up, rows = next(whole)
        assert looked_up == 0
        with monkeypatch.context() as patch:
            patch.setattr(Memory, "MOST", -1)
            often, same = next(forgetful)
        assert same == rows
    assert often > 0


def test_every_log_is_kept_as_it_was(workshop: Workshop, database_url: str) -> None:
    workshop.everything()
    query = {"address": workshop.deployment.escrow, "fromBlock": hex(workshop.deployment.start_block), "toBlock": "latest"}
    logs = workshop.rpc.call("eth_getLogs", query)
    topics = escrow_abi().topics
    with bench(database_url, workshop) as mirror:
        found = [
            (row.block_number, row.log_index, row.transaction_hash, row.name, row.topics.hex(), row.data.hex())
            for row in mirror.catch_up().rows(tables.Event)
        ]
    assert found == [
        (
            int(log["blockNumber"], 16),
            int(log["logIndex"], 16),
            log["transactionHash"],
            topics[log["topics"][0]],
            "".join(topic[2:] for topic in log["topics"]),
            log["data"][2:],
        )
        for log in logs
    ]
    assert len({row[3] for row in found}) > 8


@pytest.mark.parametrize(("slots", "remembers"), [(4, True), (300, True), (300, False)])
def test_a_node_that_pays_a_slot_twice_is_refused_and_nothing_of_it_stays(
    slots: int, remembers: bool, workshop: Workshop, database_url: str
) -> None:
    """A settlement's logs once more in the next block; what was paid before is remembered, or else looked up."""
    terms = workshop.terms()
    workshop.post(terms, 10_000)
    workshop.settle(terms, workshop.batch(terms, 60, [worker(1).address], b"\x01" * slots))
    with bench(database_url, workshop) as mirror, bench(database_url, workshop) as other:
        mirror.catch_up()
        mirror = mirror if remembers else other
        workshop.mine(1)
        before, cursor = dump(mirror.engine), mirror.mirror.cursor()
        parent = mirror.source.header(cursor.head_number - 1)
        span = mirror.source.read(cursor.head_number, cursor.head_number + 1, parent.hash)
        again = tuple(replace(log, block_number=span.head.number) for log in span.logs)
        with pytest.raises(AnswerRefused, match="pays a slot of job .* twice"):
            mirror.mirror.write(Span(span.headers[1:], again), cursor)
        assert dump(mirror.engine) == before


def test_a_log_that_comes_twice_is_refused_whoever_let_it_pass(workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        cursor = mirror.catch_up().mirror.cursor()
        workshop.deposit(workshop.chain.requester, 5)
        span = mirror.source.read(cursor.head_number + 1, workshop.head(), cursor.head_hash)
        with pytest.raises(AnswerRefused, match="say something twice"):
            mirror.mirror.write(Span(span.headers, span.logs * 2), cursor)
        assert mirror.mirror.cursor() == cursor


def test_a_workers_payments_and_a_slots_are_found_by_keys(workshop: Workshop, tmp_path: Path) -> None:
    """However many slots there are: no part of the view is walked through."""
    view = str(tables.SlotPayment.__tablename__)
    with bench(f"sqlite:///{tmp_path}/mirror.db", workshop) as mirror, mirror.engine.begin() as connection:
        for condition, key in (
            ("worker = 'w'", "p USING INDEX mirror_worker_payment_newest (worker=?)"),
            ("job = 'j'", "r USING PRIMARY KEY (job=?)"),
            ("job = 'j' AND run = 0 AND slot = 5", "r USING PRIMARY KEY (job=? AND run=?)"),
            ("job = 'j' AND run BETWEEN 0 AND 1 AND slot BETWEEN 5 AND 69", "r USING PRIMARY KEY (job=? AND run>? AND run<?)"),
        ):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE {condition}").all()
            assert plan[0][3] == f"SEARCH {key}", plan
            assert "rowid=?" not in str(plan), plan
            assert [row for row in plan if "SCAN" in row[3] or "AUTOMATIC" in row[3]] == [], plan


def test_the_writers_lock_is_held_by_one_and_free_again(database_url: str, workshop: Workshop) -> None:
    with bench(database_url, workshop) as one, bench(database_url, workshop) as other:
        with sole_writer(one.engine, workshop.deployment), pytest.raises(Conflict), sole_writer(other.engine, workshop.deployment):
            pass
        with sole_writer(other.engine, workshop.deployment):
            pass


def test_with_confirmations_only_blocks_that_others_stand_on_are_mirrored(
    workshop: Workshop, database_url: str
) -> None:
    with bench(database_url, workshop) as mirror:
        patient = Follower(mirror.source, mirror.mirror, confirmations=3, window=8)
        workshop.deposit(workshop.chain.requester, 5)
        for mined, known in ((2, 0), (1, 1)):
            workshop.mine(mined)
            while patient.step():
                pass
            assert mirror.mirror.cursor().head_number == workshop.head() - 3
            assert len(mirror.rows(tables.LedgerEntry)) == known


def rename(engine: Engine, name: str, new: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {new}"))
