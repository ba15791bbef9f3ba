"""The wire to the database breaks, at the worst moments: nothing is assumed of a commit of which nobody heard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from indexer import tables
from piecework.sql import open_engine
from tests.indexer.bench import Process, dump, eventually, is_level, process
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.workshop import Workshop
from tests.support import postgres
from tests.support.relay import COMMITTED, Relay, relay, to_postgres


@contextmanager
def wired(workshop: Workshop, folder: Path, database_url: str) -> Iterator[tuple[Process, Relay]]:
    """An indexer that is level with the chain, and the wire to its database."""
    connect, at = to_postgres(database_url)
    with relay(connect) as wire, process(folder, at(wire.port), workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        yield running, wire


@pytest.fixture
def database_url() -> str:
    return postgres.server().database()


def require_whole(workshop: Workshop, running: Process, database_url: str, folder: Path) -> None:
    """It gets level again without anybody's help, and nothing is lost or double."""
    workshop.everything()
    eventually(lambda: is_level(database_url, workshop), running)
    assert running.stop() == 0
    assert "Traceback" not in running.said
    assert mirrored(workshop, database_url) == fresh(workshop, folder)


def test_a_commit_whose_answer_is_lost_is_looked_up(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """The server has committed, and the wire breaks before it can say so."""
    with wired(workshop, tmp_path, database_url) as (running, wire):
        for _ in range(3):
            wire.lose, before = COMMITTED, wire.lost
            workshop.deposit(workshop.chain.requester, 5)
            eventually(lambda: wire.lost > before, running)  # noqa: B023  # called at once
        require_whole(workshop, running, database_url, tmp_path)


def test_a_commit_that_never_arrives_is_made_again(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with wired(workshop, tmp_path, database_url) as (running, wire):
        cuts: list[int] = []
        wire.before = (b"COMMIT", lambda: cuts.append(wire.cut()))
        workshop.everything()
        eventually(lambda: cuts, running)
        require_whole(workshop, running, database_url, tmp_path)


@pytest.mark.parametrize("moment", [b"DELETE", b"COPY", b"UPDATE"])
def test_a_wire_that_breaks_in_the_middle_of_a_transaction_leaves_nothing_of_it(
    moment: bytes, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with wired(workshop, tmp_path, database_url) as (running, wire):
        cuts: list[int] = []
        wire.before = (moment, lambda: cuts.append(wire.cut()))
        workshop.everything()
        eventually(lambda: cuts, running)
        require_whole(workshop, running, database_url, tmp_path)


def test_connections_that_the_server_ends_are_opened_again(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    name = database_url.partition("@/")[2].partition("?")[0]
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        for _ in range(3):
            ended = postgres.server().execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            assert ended, "the indexer keeps a connection"
            workshop.deposit(workshop.chain.requester, 5)
            eventually(lambda: is_level(database_url, workshop), running)
        require_whole(workshop, running, database_url, tmp_path)


FULL_DISK = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


def test_a_server_that_is_out_of_disk_is_tried_again_and_nothing_is_half_written(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """The server says what it says on a full disk (SQLSTATE 53100)."""
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        engine = open_engine(database_url)
        with engine.begin() as connection:
            connection.execute(text(FULL_DISK))
            before_each = "BEFORE INSERT ON mirror_event FOR EACH ROW"
            connection.execute(text(f"CREATE TRIGGER full_disk {before_each} EXECUTE FUNCTION full_disk()"))
        before = dump(engine)
        workshop.everything()
        eventually(lambda: "No space left on device" in running.said, running)
        held = dump(engine)
        cursor = str(tables.Deployment.__tablename__)  # may pass blocks without events
        assert {name for name, rows in held.items() if rows != before[name]} <= {cursor}
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER full_disk ON mirror_event"))
        engine.dispose()
        require_whole(workshop, running, database_url, tmp_path)
