"""The project's own revisions: they end at the models, from wherever a database begins."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from piecework.migrations.lines import COORDINATOR, Line
from piecework.migrations.revise import advance
from piecework.migrations.schema import difference, schema
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
from scripts.migration import main, models, write
from tests.migrations.walk import counts, fill, walk
from tests.support import postgres


def require_models(engine: Engine, line: Line) -> None:
    """The database's tables are the models', to the last key and index."""
    wanted = models(line)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": line.version_table, "compare_type": True})
        assert compare_metadata(context, wanted) == []
        found = schema(connection, wanted.tables)
    other = open_engine(_another(engine))
    with other.begin() as connection:
        wanted.create_all(connection)
        assert difference(schema(connection, wanted.tables), found) == ""
    other.dispose()


def _another(engine: Engine) -> str:
    return "sqlite://" if engine.dialect.name == "sqlite" else postgres.server().database()


def test_an_upgraded_database_is_what_the_models_say(line: Line, engine: Engine) -> None:
    upgrade(engine, line)
    require_models(engine, line)


@pytest.mark.parametrize("first", range(len(COORDINATOR.revisions)))
def test_rows_of_every_earlier_revision_arrive_at_the_newest(line: Line, engine: Engine, first: int) -> None:
    walk(engine, line, first)
    require_models(engine, line)


def test_revisions_are_numbered_without_a_gap(line: Line) -> None:
    assert line.revisions == [f"{number:04d}" for number in range(1, len(line.revisions) + 1)]
    assert all("from indexer" not in text and "from backend" not in text and "piecework" not in text for text in _texts(line))


def _texts(line: Line) -> list[str]:
    return [path.read_text() for path in line.folder.glob("*.py")]


def test_there_is_nothing_to_write_while_the_models_stay(line: Line) -> None:
    assert write(line, models(line), "nothing") is None


def test_a_revision_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "make migration NAME=" in capsys.readouterr().err


def test_a_database_from_before_there_were_revisions_is_taken_over(line: Line, engine: Engine) -> None:
    with engine.begin() as connection:
        advance(connection, line, line.revisions[0])
        fill(connection, line, 0)
        before = counts(connection, line)
        connection.execute(text(f"DROP TABLE {line.version_table}"))
    upgrade(engine, line)
    require_models(engine, line)
    with engine.begin() as connection:
        assert counts(connection, line).items() >= before.items()
