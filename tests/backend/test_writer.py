"""Group commit: shared by neighbours, owed to nobody's failure, acknowledged to nobody before it is durable."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, make_url, select, text

from backend.store.database import Store, prepare
from backend.store.tables import AccountPreference, SiweNonce
from piecework.domain.errors import Conflict, Invalid, Unavailable
from piecework.migrations.lines import MIRROR
from piecework.migrations.revise import advance
from piecework.sql import open_engine
from tests.support import postgres
from tests.support.holding import held

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def add(name: str) -> Callable[[Connection], int]:
    """Work that writes a row and returns 1."""

    def work(connection: Connection) -> int:
        connection.execute(insert(SiweNonce), {"nonce": name, "expires_at": NOW})
        return 1

    return work


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(SiweNonce.nonce)).scalars())


def gate(store: Store) -> tuple[threading.Event, list[int]]:
    """Holds every commit until the event is set, and counts them."""
    opened, commits = threading.Event(), []

    @event.listens_for(store.engine, "commit")
    def wait(_: Connection) -> None:
        if threading.current_thread().name == "writer":
            commits.append(1)
            assert opened.wait(10)

    return opened, commits


def test_work_that_fails_is_undone_alone_and_its_neighbours_stay(store: Store) -> None:
    def fails(connection: Connection) -> None:
        add("half")(connection)
        raise Invalid("Not like this.")

    def breaks(connection: Connection) -> None:
        add("broken")(connection)
        connection.execute(text("SELECT * FROM there_is_no_such_table"))

    async def run() -> list[object]:
        opened, commits = gate(store)
        first = asyncio.ensure_future(store.write(add("first")))
        await asyncio.sleep(0.1)  # the first holds the commit; the others gather behind it
        work = [add("a"), fails, add("b"), breaks, add("c"), add("a")]
        rest = [asyncio.ensure_future(store.write(one)) for one in work]
        await asyncio.sleep(0.1)
        opened.set()
        done = await asyncio.gather(first, *rest, return_exceptions=True)
        assert len(commits) == 2, "what waits together is committed together"
        return done

    first, a, failed, b, broke, c, twice = asyncio.run(run())
    assert (first, a, b, c) == (1, 1, 1, 1)
    assert isinstance(failed, Invalid) and "there_is_no_such_table" in str(broke)
    assert isinstance(twice, Conflict)
    assert names(store) == {"first", "a", "b", "c"}


def test_nothing_is_acknowledged_before_the_commit(store: Store) -> None:
    async def run() -> None:
        opened, _ = gate(store)
        waiting = [asyncio.ensure_future(store.write(add(name))) for name in "abc"]
        await asyncio.sleep(0.2)
        assert not any(one.done() for one in waiting) and names(store) == set()
        opened.set()
        await asyncio.gather(*waiting)
        assert names(store) == {"a", "b", "c"}

    asyncio.run(run())


def test_what_is_acknowledged_survives_a_crash_of_a_postgresql_that_was_told_not_to_wait_for_the_disk() -> None:
    server = postgres.start(["synchronous_commit=off", "wal_writer_delay=10s", "bgwriter_delay=10s"])
    try:
        url = server.database()
        store = Store(url)
        for name in "abc":
            store.write_now(add(name))
        server.stop()
        server.start()
        assert names(store) == {"a", "b", "c"}
        store.close()
    finally:
        server.remove()


def test_a_writer_asks_for_no_less_than_what_its_postgresql_waits_for() -> None:
    url = postgres.server().database()
    for given, asked in (("off", "on"), ("local", "local"), ("on", "on"), ("remote_apply", "remote_apply")):
        postgres.server().execute(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = {given}")
        store = Store(url)
        assert store.write_now(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar_one()) == asked
        store.close()


@pytest.mark.parametrize("option", ["fsync", "full_page_writes"])
def test_a_postgresql_that_can_lose_everything_in_a_power_cut_is_warned_of(option: str, caplog: pytest.LogCaptureFixture) -> None:
    for setting, warnings in (("on", 0), ("off", 1)):
        server = postgres.start([f"{option}={setting}"])
        caplog.clear()
        try:
            Store(server.database()).close()
        finally:
            server.remove()
        said = [line.getMessage() for line in caplog.records if "power cut" in line.getMessage()]
        assert len(said) == warnings and all(option in line for line in said)


def test_a_commit_that_fails_is_told_to_everybody_in_it_and_the_writer_goes_on(store: Store) -> None:
    @event.listens_for(store.engine, "commit")
    def refuse(connection: Connection) -> None:
        event.remove(store.engine, "commit", refuse)
        raise OSError("disk full")

    async def run() -> None:
        with pytest.raises(Unavailable):
            await store.write(add("lost"))
        await store.write(add("kept"))

    asyncio.run(run())
    assert names(store) == {"kept"}


def test_a_caller_that_went_away_holds_up_nobody(store: Store) -> None:
    async def run() -> None:
        opened, _ = gate(store)
        gone, stays = (asyncio.ensure_future(store.write(add(name))) for name in ("gone", "stays"))
        await asyncio.sleep(0.1)
        gone.cancel()
        opened.set()
        assert await stays == 1

    asyncio.run(run())
    assert names(store) == {"gone", "stays"}


def test_threads_write_too_and_in_order(store: Store) -> None:
    def set_to(value: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            connection.execute(text("DELETE FROM account_preference"))
            connection.execute(insert(AccountPreference), {"account": "x", "payout": value})

        return work

    for n in range(20):
        store.write_now(set_to(str(n)))
    with store.read() as connection:
        assert connection.execute(select(AccountPreference.payout)).scalar_one() == "19"


def test_a_database_belongs_to_one_escrow(store: Store, tmp_path: Path) -> None:
    store.belong_to(1, "0xa", "0xb")
    store.belong_to(1, "0xa", "0xb")
    for other in ((2, "0xa", "0xb"), (1, "0xc", "0xb"), (1, "0xa", "0xd")):
        with pytest.raises(Invalid, match="belongs to the escrow"):
            store.belong_to(*other)


def test_a_mirror_that_lacks_a_table_is_refused(database_url: str) -> None:
    """One from before there were revisions, whose tables were the first revision's."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        advance(connection, MIRROR, "0001")
        for table in ("mirror_tip", "mirror_version"):
            connection.execute(text(f"DROP TABLE {table}"))
    try:
        with pytest.raises(Invalid, match="it lacks mirror_tip"):
            prepare(engine)
    finally:
        engine.dispose()


def test_a_lock_that_another_process_holds_is_a_matter_of_time(store: Store) -> None:
    """Nothing was taken by anybody, so the caller hears that it may simply try again (503), not that it lost (409)."""
    if store.engine.dialect.name != "postgresql":
        return  # SQLite waits for its one lock, however long
    with held(str(store.engine.url.render_as_string(hide_password=False)), "account_preference"):
        with pytest.raises(Unavailable, match="try again"):
            store.write_now(lambda c: c.execute(insert(AccountPreference), {"account": "0x" + "11" * 20, "payout": "wallet"}))
    assert (store.writer.counts.again, store.writer.counts.lost) == (3, 1)
    store.write_now(lambda c: c.execute(insert(AccountPreference), {"account": "0x" + "11" * 20, "payout": "wallet"}))


def test_no_statement_of_a_writer_is_compiled_for_its_sort() -> None:
    """PostgreSQL takes a plan that must sort for a costly one where sorting is discouraged, and would compile it: a second for a row."""
    store = Store(postgres.server().database())
    statement = text("EXPLAIN (ANALYZE) SELECT * FROM account_preference ORDER BY payout, account LIMIT 1")
    plan = [row[0] for row in store.write_now(lambda connection: connection.execute(statement).all())]
    assert any("Sort" in line for line in plan) and not any("JIT" in line for line in plan), plan
    store.close()
