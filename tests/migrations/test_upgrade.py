"""What an upgrade does with the databases that it finds."""

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from piecework.chain.build import ROOT
from piecework.domain.errors import Invalid
from piecework.migrations.lines import Line, version
from piecework.migrations.upgrade import upgrade

BREAKS = '''"""Half a change."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.add_column("pot", sa.Column("colour", sa.String(9)))
    op.execute("SELECT nonsense")
'''
COUNTS = BREAKS.replace('op.execute("SELECT nonsense")', "op.execute(\"UPDATE pot SET colour = 'red'\")")
PROGRAM = """
import sys
from pathlib import Path
from piecework.migrations.lines import Line
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
upgrade(open_engine(sys.argv[1]), Line("pots", Path(sys.argv[2])))
print("alembic" in sys.modules)
"""


def run(database_url: str, line: Line) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, database_url, str(line.folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(engine: Engine, statement: str) -> list[Any]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def forget_version(engine: Engine) -> None:
    """As in a database of the time before there were revisions."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE pots_version"))


def put(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_many_processes_may_upgrade_one_database_at_once(pots: Line, database_url: str, engine: Engine) -> None:
    running = [run(database_url, pots) for _ in range(4)]
    endings = [(process.communicate(timeout=120)[0], process.returncode) for process in running]
    assert [code for _, code in endings] == [0] * 4, endings
    assert said(engine, "SELECT version_num FROM pots_version") == [("0001",)]


def test_what_is_up_to_date_costs_a_look(pots: Line, database_url: str, engine: Engine) -> None:
    """Two statements for a line, no lock, and no alembic."""
    upgrade(engine, pots)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    upgrade(engine, pots)
    assert len(statements) <= 3
    assert not any("IMMEDIATE" in statement or "advisory" in statement for statement in statements)
    assert run(database_url, pots).communicate(timeout=60)[0] == "False\n"


def test_a_new_revision_is_run_once(pots: Line, engine: Engine) -> None:
    upgrade(engine, pots)
    put(engine, "INSERT INTO pot (number, owner, amount) VALUES (1, 'a', '7')")
    (pots.folder / "0002_colours.py").write_text(COUNTS)
    upgrade(engine, pots)
    put(engine, "UPDATE pot SET colour = 'blue'")
    upgrade(engine, pots)
    assert said(engine, "SELECT number, owner, colour FROM pot") == [(1, "a", "blue")]
    assert said(engine, "SELECT version_num FROM pots_version") == [("0002",)]


def test_a_revision_that_fails_leaves_everything_as_it_was(pots: Line, engine: Engine) -> None:
    upgrade(engine, pots)
    (pots.folder / "0002_half.py").write_text(BREAKS)
    with pytest.raises(DBAPIError):
        upgrade(engine, pots)
    assert [column["name"] for column in inspect(engine).get_columns("pot")] == ["number", "owner", "amount"]
    with engine.begin() as connection:
        assert version(connection, pots) == "0001"


def test_tables_from_before_there_were_revisions_are_taken_over(pots: Line, engine: Engine) -> None:
    upgrade(engine, pots)
    forget_version(engine)
    put(engine, "INSERT INTO pot (number, owner, amount) VALUES (1, 'a', '7')")
    (pots.folder / "0002_colours.py").write_text(COUNTS)
    upgrade(engine, pots)
    assert said(engine, "SELECT number, owner, colour FROM pot") == [(1, "a", "red")]
    assert "pot" in inspect(engine).get_table_names()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE pot RENAME COLUMN owner TO holder", "in pot column holder is"),
        ("ALTER TABLE pot ADD COLUMN colour VARCHAR(9)", r"in pot column colour is VARCHAR\(length=9\) NULL, not there"),
        ("DROP INDEX pot_rich", "in pot index pot_rich is missing"),
        ("DROP INDEX pot_rich; CREATE INDEX pot_rich ON pot (amount)", "in pot index pot_rich is"),
        ("DROP INDEX pot_rich; CREATE UNIQUE INDEX pot_rich ON pot (amount) WHERE number > 5", "in pot index pot_rich is"),
    ],
)
def test_tables_that_are_nobodys_revision_are_refused(pots: Line, engine: Engine, change: str, sentence: str) -> None:
    upgrade(engine, pots)
    forget_version(engine)
    put(engine, *change.split(";"))
    with pytest.raises(Invalid, match=f"The database's pots tables were made by another version of Piecework .{sentence}"):
        upgrade(engine, pots)
    assert not inspect(engine).has_table("pots_version")


def test_a_newer_versions_database_is_refused(pots: Line, engine: Engine) -> None:
    newer = pots.folder / "0002_colours.py"
    newer.write_text(COUNTS)
    upgrade(engine, pots)
    newer.unlink()
    with pytest.raises(Invalid, match="pots tables are at revision 0002, and this Piecework knows none after 0001"):
        upgrade(engine, pots)


def test_other_tables_in_the_database_stay_what_they_are(pots: Line, engine: Engine) -> None:
    put(engine, "CREATE TABLE diary (page integer)", "INSERT INTO diary VALUES (3)")
    upgrade(engine, pots)
    assert said(engine, "SELECT page FROM diary") == [(3,)]
