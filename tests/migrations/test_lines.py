"""The project's own revisions: they end at the models, from wherever a database begins."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, select, text

from backend.store.tables import Withdrawal
from piecework.migrations.lines import COORDINATOR, MIRROR, Line
from piecework.migrations.revise import advance
from piecework.migrations.schema import difference, schema, views
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
from scripts.migration import VIEWS, created, main, models, write
from tests.migrations.walk import counts, fill, tables, walk
from tests.support import postgres

OLD_WITHDRAWAL = """
    INSERT INTO withdrawal (id, owner, token, receiver, amount, max_fee, nonce, deadline, signature, outbox, created_at)
    SELECT :id, '0xa', '0xb', '0xc', old.amount, old.amount, old.amount, old.amount, '0xd', 1, {time}
      FROM (SELECT {cast} AS amount) AS old"""

OLD_ASSIGNMENT = """
    INSERT INTO assignment (id, posting, unit, slot, worker, state, created_at, expires_at)
    VALUES (:id, 1, :unit, :unit, :worker, :state, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"""

OLD_EVENTS = """
    INSERT INTO mirror_event (chain_id, block_number, log_index, escrow, transaction_hash, name, topics, data)
    VALUES (1, 7, 3, 'e', '0x7', 'WorkersPaid', '', ''), (1, 8, 3, 'e', '0x8', 'WorkersPaid', '', ''),
           (1, 9, 3, 'e', '0x9', 'AppealEnded', '', '')"""
OLD_PAYMENT = """
    INSERT INTO mirror_worker_payment (chain_id, block_number, log_index, escrow, place, job, worker, token, slots, slot_amount, amount,
                                       outcome, first_slot, last_slot, slots_total, amount_total, jobs_total, requesters_total)
    VALUES (1, :block, 3, 'e', :place, 'j', :worker, 't', 1, '015', '015', 'pushed', :first, :last, 1, '015', 1, 1)"""
OLD_SLOT = """
    INSERT INTO mirror_slot (job, slot, chain_id, block_number, log_index, place) VALUES ('j', :slot, 1, :block, 3, :place)"""
PAID = "SELECT job, slot, chain_id, escrow, block_number, log_index, transaction_hash, worker, amount, outcome FROM mirror_slot_payment"


def require_models(engine: Engine, line: Line) -> None:
    """The database's tables are the models', to the last key and index."""
    wanted = models(line)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": line.version_table, "compare_type": True})
        assert compare_metadata(context, wanted) == []
        found, seen = schema(connection, wanted.tables), views(connection)
    other = open_engine(_another(engine))
    with other.begin() as connection:
        wanted.create_all(connection)
        assert difference(schema(connection, wanted.tables), found) == ""
        for name, statement in VIEWS[line.name].items():
            connection.exec_driver_sql(created(name, statement))
        assert views(connection) == seen
    other.dispose()


def _another(engine: Engine) -> str:
    return "sqlite://" if engine.dialect.name == "sqlite" else postgres.server().database()


def test_an_upgraded_database_is_what_the_models_say(line: Line, engine: Engine) -> None:
    upgrade(engine, line)
    require_models(engine, line)


def test_rows_of_every_earlier_revision_arrive_at_the_newest(line: Line, engine: Engine) -> None:
    walk(engine, line)
    require_models(engine, line)


def test_revisions_are_numbered_without_a_gap(line: Line) -> None:
    assert line.revisions == [f"{number:04d}" for number in range(1, len(line.revisions) + 1)]
    assert all("from indexer" not in text and "from backend" not in text and "piecework" not in text for text in _texts(line))


def _texts(line: Line) -> list[str]:
    return [path.read_text() for path in line.folder.glob("*.py")]


def test_there_is_nothing_to_write_while_the_models_stay(line: Line, tmp_path: Path) -> None:
    """In a copy, so that a failure leaves no file where it would count."""
    copy = replace(line, folder=shutil.copytree(line.folder, tmp_path / line.name))
    assert write(copy, models(line), "nothing", VIEWS[line.name]) is None


def test_a_revision_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "make migration NAME=" in capsys.readouterr().err


def test_a_database_from_before_there_were_revisions_is_taken_over(line: Line, engine: Engine) -> None:
    with engine.begin() as connection:
        advance(connection, line, line.revisions[0])
        fill(connection, found := tables(connection, line), 0)
        before = counts(connection, found)
        connection.execute(text(f"DROP TABLE {line.version_table}"))
    upgrade(engine, line)
    require_models(engine, line)
    with engine.begin() as connection:
        after = counts(connection, tables(connection, line))
        assert {name: after.get(name, count) for name, count in before.items()} == before


def test_amounts_of_the_first_databases_are_what_they_were(engine: Engine) -> None:
    """The coordinator's were 78 digits on SQLite."""
    amounts = [0, 1, 9, 10, 2**63, 10**77, 2**256 - 1]
    cast = ":amount" if engine.dialect.name == "sqlite" else "CAST(:amount AS NUMERIC)"
    time = "'2026-01-01 00:00:00.000000'" if engine.dialect.name == "sqlite" else "now()"
    with engine.begin() as connection:
        advance(connection, COORDINATOR, "0001")
        for at, amount in enumerate(amounts):
            connection.execute(text(OLD_WITHDRAWAL.format(cast=cast, time=time)), {"id": str(at), "amount": f"{amount:078d}"})
    upgrade(engine, COORDINATOR)
    table = Withdrawal.__table__  # type: ignore[attr-defined]
    with engine.begin() as connection:
        found = connection.execute(select(table.c.amount, table.c.deadline).order_by(table.c.amount))
        assert [tuple(row) for row in found] == [(amount, amount) for amount in amounts]
        one = select(table.c.id).where(table.c.amount == 2**63)
        assert connection.execute(one).scalar_one() == "4"


def test_slots_of_earlier_databases_are_still_paid_to_whom_they_were(engine: Engine) -> None:
    """Runs end at 63 and 127; the slots between two payments are the other's; an appeal's payment has place 1 from then on."""
    slots = {62: (7, 2), 63: (7, 255), 64: (7, 2), 65: (8, 1), 66: (7, 2), 200: (9, 0)}
    with engine.begin() as connection:
        advance(connection, MIRROR, "0002")
        connection.execute(text(OLD_EVENTS))
        for block, place in sorted(set(slots.values())):
            own = [slot for slot, paid in slots.items() if paid == (block, place)]
            values = {"block": block, "place": place, "worker": f"{block}-{place}", "first": min(own), "last": max(own)}
            connection.execute(text(OLD_PAYMENT), values)
            connection.execute(text(OLD_SLOT), [values | {"slot": slot} for slot in own])
        seen = connection.execute(text(f"{PAID} ORDER BY slot")).all()
    upgrade(engine, MIRROR)
    with engine.begin() as connection:
        assert connection.execute(text(f"{PAID} ORDER BY slot")).all() == seen
        assert [row.worker for row in seen] == [f"{block}-{place}" for block, place in slots.values()]
        for slot in slots:
            assert connection.execute(text(f"{PAID} WHERE job = 'j' AND run = {slot // 64} AND slot = {slot}")).one().slot == slot
        assert connection.execute(text("SELECT count(*) FROM mirror_slot_run")).scalar_one() == 4


def test_workers_of_earlier_assignments_go_on_where_they_were(engine: Engine) -> None:
    """Each has a row of its own from the fifth revision on: where it is in the job, and what it held and gave back."""
    with engine.begin() as connection:
        advance(connection, COORDINATOR, "0004")
        for at, (worker, unit, state) in enumerate(
            [("0xa", 0, "batched"), ("0xa", 7, "reserved"), ("0xa", 3, "returned"), ("0xb", 1, "expired"), ("0xb", 2, "expired")]
        ):
            connection.execute(text(OLD_ASSIGNMENT), {"id": str(at), "worker": worker, "unit": unit, "state": state})
    upgrade(engine, COORDINATOR)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT worker, cursor, held, returned, abandoned FROM job_worker ORDER BY worker"))
        assert [tuple(row) for row in rows] == [("0xa", 7, 2, 1, 0), ("0xb", 2, 0, 0, 2)]
