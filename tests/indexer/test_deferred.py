"""A first backfill makes its indexes at its end, and whatever happens before that, they are made before anybody needs them."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from indexer import mirror as mirroring
from indexer import tables
from indexer.standing import Point, Standing
from indexer.store import Memory
from indexer.watchdog import Watchdog
from piecework.migrations import deferred
from piecework.migrations.lines import MIRROR
from piecework.migrations.schema import Schema, schema
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
from tests.indexer.asking import Asker
from tests.indexer.bench import Bench, bench, dump, eventually, is_level, process
from tests.indexer.test_deployments import beside
from tests.indexer.workshop import Workshop
from tests.support import postgres
from tests.support.databases import prepare

NEWER = """revision, down_revision = "{number}", "{before}"


def upgrade():
    from alembic import op
    op.drop_index("mirror_job_word_newest", "mirror_job_word")
"""

EMPTY_BLOCKS = 40
"""Enough that a chain is read ahead of the writer."""


def made(engine: Engine) -> Schema:
    """Tables and indexes as they are now, and what SQLite believes of them."""
    names = [str(table.__tablename__) for table in tables.TABLES]
    with engine.connect() as connection:
        found = schema(connection, names)
        if engine.dialect.name == "sqlite":
            found["believed"] = dict(tuple(row) for row in connection.execute(text("SELECT coalesce(idx, tbl), stat FROM sqlite_stat1")))
    return found


def indexes(engine: Engine) -> int:
    """How many indexes the event tables have."""
    return sum(len(inspect(engine).get_indexes(str(table.__tablename__))) for table in tables.EVENT_TABLES)


def wanted(tmp_path: Path, engine: Engine) -> Schema:
    """What the tables are of a database that did without nothing."""
    url = f"sqlite:///{tmp_path}/whole.db" if engine.dialect.name == "sqlite" else postgres.server().database()
    prepare(url, MIRROR)
    whole = open_engine(url)
    try:
        return made(whole)
    finally:
        whole.dispose()


def rows_beside(workshop: Workshop, tmp_path: Path) -> object:
    """The rows of a mirror that had its indexes all the time."""
    with bench(f"sqlite:///{tmp_path}/beside.db", workshop) as other:
        return dump(other.catch_up().engine)


@pytest.fixture
def past(workshop: Workshop) -> Workshop:
    """A devnet with a long past."""
    workshop.everything()
    workshop.mine(EMPTY_BLOCKS)
    workshop.everything()
    return workshop


def begun(mirror: Bench) -> Bench:
    """A backfill after its first transaction, of which nothing more is done."""
    mirror.follower.step()
    return mirror


def test_indexes_are_made_at_the_end(past: Workshop, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.follow.COST", 1)  # a transaction a block
    with bench(database_url, past, bulk_blocks=1) as mirror:
        assert indexes(mirror.engine) > 20
        seen = []
        write = mirror.mirror.write
        monkeypatch.setattr(mirror.mirror, "write", lambda *given: (seen.append(indexes(mirror.engine)), write(*given))[1])
        left = list[int]()
        monkeypatch.setattr(mirror.mirror, "_indexes_left", left.append)
        mirror.catch_up()
        assert len(seen) > 10 and set(seen) == {0}
        assert len(left) > 20 and left == [left[0], *range(left[0], -1, -1)]
        assert made(mirror.engine) == wanted(tmp_path, mirror.engine)
        assert dump(mirror.engine) == rows_beside(past, tmp_path)


def test_a_short_past_has_its_indexes_from_the_start(past: Workshop, database_url: str) -> None:
    with bench(database_url, past) as mirror:
        assert indexes(begun(mirror).engine) > 20


def killed(mirror: Bench) -> None:
    """Nothing more is done."""


def killed_while_making(mirror: Bench) -> None:
    with mirror.engine.begin() as connection:
        for _ in range(3):
            deferred.make_one(connection)


@pytest.mark.parametrize("end", [killed, killed_while_making])
def test_after_a_kill_they_are_made_before_anything_is_looked_up(
    end: Callable[[Bench], None], past: Workshop, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.follow.COST", 1)
    with bench(database_url, past, bulk_blocks=1) as mirror:
        monkeypatch.setattr("indexer.mirror.Mirror._write", once(mirroring.Mirror._write))
        with pytest.raises(Killed):
            mirror.catch_up()
        monkeypatch.undo()
        assert indexes(mirror.engine) == 0
        end(mirror)
    with bench(database_url, past, bulk_blocks=1) as mirror:
        past.everything()
        past.mine(EMPTY_BLOCKS)
        mirror.follower.step()
        assert made(mirror.engine) == wanted(tmp_path, mirror.engine)
        assert dump(mirror.catch_up().engine) == rows_beside(past, tmp_path)


class Killed(BaseException):
    """As if by kill -9, between two transactions."""


def once(write: Callable[..., object]) -> Callable[..., object]:
    """Lets a few transactions through."""
    done = []

    def or_dies(*given: object) -> object:
        if len(done) == 5:
            raise Killed
        done.append(1)
        return write(*given)

    return or_dies


def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "MOST", -1)


def has_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "MOST_UNINDEXED", 3)


@pytest.mark.parametrize("limit", [forgets, has_many])
def test_a_limit_of_the_backfill_makes_them_early(
    limit: Callable[[pytest.MonkeyPatch], None],
    past: Workshop,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where not all is remembered any more, or where one index would take long."""
    monkeypatch.setattr("indexer.follow.COST", 1)
    limit(monkeypatch)
    with bench(database_url, past, bulk_blocks=1) as mirror:
        seen, write = [], mirror.mirror.write
        monkeypatch.setattr(mirror.mirror, "write", lambda *given: (write(*given), seen.append(indexes(mirror.engine)))[0])
        mirror.catch_up()
        assert seen[0] == 0 and seen[-1] > 20
        assert made(mirror.engine) == wanted(tmp_path, mirror.engine)
        assert dump(mirror.engine) == rows_beside(past, tmp_path)


def test_a_reorg_in_the_middle_makes_them(past: Workshop, database_url: str, tmp_path: Path) -> None:
    with bench(database_url, past, bulk_blocks=1) as mirror:
        assert indexes(begun(mirror).engine) == 0
        past.rpc.call("anvil_reorg", 5, [])
        past.deposit(past.chain.requester, 7)
        mirror.catch_up()
        assert made(mirror.engine) == wanted(tmp_path, mirror.engine)
        assert dump(mirror.engine) == rows_beside(past, tmp_path)


def test_who_shares_the_tables_does_without_nothing(past: Workshop, database_url: str) -> None:
    """Another deployment's indexer looks up by them."""
    other = beside(past)
    past.mine(EMPTY_BLOCKS)
    with bench(database_url, past), bench(database_url, other, bulk_blocks=1) as mirror:
        assert indexes(begun(mirror).engine) > 20


def test_a_revision_finds_the_indexes_that_it_expects(past: Workshop, database_url: str, tmp_path: Path) -> None:
    """A backfill was killed, and the next start is of a newer version."""
    newer = replace(MIRROR, folder=shutil.copytree(MIRROR.folder, tmp_path / "mirror"))
    number = f"{len(MIRROR.revisions) + 1:04d}"
    (newer.folder / f"{number}_newer.py").write_text(NEWER.format(number=number, before=MIRROR.head))
    with bench(database_url, past, bulk_blocks=1) as mirror:
        assert indexes(begun(mirror).engine) == 0
        upgrade(mirror.engine, newer)
        found, whole = made(mirror.engine), wanted(tmp_path, mirror.engine)
        del whole["mirror_job_word"]["index mirror_job_word_newest"]  # type: ignore[attr-defined]
        whole.get("believed", {}).pop("mirror_job_word_newest", None)  # type: ignore[attr-defined]
        assert found == whole


def test_a_restored_backup_has_them_already(past: Workshop, database_url: str, tmp_path: Path) -> None:
    """A backup of PostgreSQL holds rows, and goes into tables that are whole."""
    prepare(database_url, MIRROR)
    engine = open_engine(database_url)
    with engine.begin() as connection:
        deferred.defer(connection)
    with engine.begin() as connection:
        noted = connection.execute(deferred.TABLE.select()).all()
        deferred.make_all(connection)
        connection.execute(deferred.TABLE.insert(), [row._asdict() for row in noted])
    with engine.begin() as connection:
        deferred.make_all(connection)
    assert made(engine) == wanted(tmp_path, engine)
    engine.dispose()


def test_nobody_is_told_to_rely_on_tables_that_lack_them(workshop: Workshop) -> None:
    standing = Standing(workshop.deployment)
    standing.cursor = Point(7, "0x7", 0)
    standing.counts.head("node", 7)
    standing.stepped()
    assert standing.unready() is None
    standing.indexing(2)
    assert standing.unready() == "2 indexes of the mirror are still to be made."
    assert standing.sick() is None and standing.report()["indexes_left"] == 2


def test_making_indexes_is_no_standstill(workshop: Workshop) -> None:
    """Each gets the time that the mirror may stand still for."""
    standing, stalls = Standing(workshop.deployment), list[int]()
    standing.cursor = Point(0, "0x0", 0)
    watchdog = Watchdog(standing, [workshop.rpc.url], 10, lambda: stalls.append(1))
    for left, now in [(3, 0), (3, 9), (2, 18), (2, 27), (1, 36)]:
        standing.indexing(left)
        watchdog.look(now)
    assert not stalls
    for now in (45, 56):
        watchdog.look(now)
    assert stalls


def test_a_process_says_what_it_does_without_and_when_it_is_made(past: Workshop, database_url: str, tmp_path: Path) -> None:
    settings = {"bulk_blocks": 1, "indexer_port": 0, "log_format": "json"}
    with process(tmp_path, database_url, past.deployment, past.rpc.url, **settings) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        assert is_level(database_url, past)
        events = [json.loads(line)["event"] for line in running.said.splitlines()]
        assert "deferred" in events and "indexed" in events
        assert running.stop() == 0


def test_who_reads_a_table_for_long_is_waited_for_with_a_sentence(past: Workshop, tmp_path: Path) -> None:
    """PostgreSQL takes no index away while somebody reads the table, and whoever comes after us would wait behind us."""
    database_url = postgres.server().database()
    prepare(database_url, MIRROR)
    engine = open_engine(database_url)
    with closing(engine.connect()) as reader:
        reader.execute(text("SELECT 1 FROM mirror_ledger_entry"))
        with process(tmp_path, database_url, past.deployment, past.rpc.url, bulk_blocks=1) as running:
            eventually(lambda: "lock timeout" in running.said, running)
            with engine.connect() as other:
                other.execute(text("SET statement_timeout = '5s'"))
                other.execute(text("SELECT 1 FROM mirror_ledger_entry"))
            reader.rollback()
            eventually(lambda: is_level(database_url, past) and indexes(engine) > 20, running)
            assert "it works again" in running.said
    engine.dispose()
