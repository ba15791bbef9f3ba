"""The developers' command writes the step from the newest revision to the models."""

import pytest
from sqlalchemy import Column, Engine, Index, Integer, LargeBinary, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlmodel.sql.sqltypes import AutoString

from piecework.migrations.lines import Line
from piecework.migrations.upgrade import upgrade
from piecework.sql import Instant, Uint256
from scripts.migration import write
from tests.migrations.walk import counts, tables, walk


def changed(required: bool = False) -> MetaData:
    """The pots of tomorrow: with columns more, and nobody's index."""
    metadata = MetaData()
    Table(
        "pot",
        metadata,
        Column("number", Integer, primary_key=True),
        Column("owner", AutoString(42), nullable=False, unique=True),
        Column("amount", Uint256, nullable=False),
        Column("limit", Uint256, nullable=not required),
        Column("seen_at", Instant),
    )
    Table("lid", metadata, Column("pot", Integer, primary_key=True), Column("shape", LargeBinary), Index("lid_shape", "shape"))
    return metadata


def test_the_revision_that_is_written_makes_the_models(pots: Line, engine: Engine) -> None:
    path = write(pots, changed(), "lids and limits")
    assert path is not None and path.name == "0002_lids_and_limits.py"
    assert "'limit', UINT256" in path.read_text() and "'seen_at', INSTANT" in path.read_text()
    walk(engine, pots)
    with engine.begin() as connection:
        assert counts(connection, tables(connection, pots)) == {"lid": 3, "pot": 6}
    assert write(pots, changed(), "again") is None


def test_amounts_go_through_a_change_of_their_table_to_the_last_digit(pots: Line, engine: Engine) -> None:
    """SQLite makes the table anew."""
    upgrade(engine, pots)
    most = 2**256 - 1
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO pot (number, owner, amount) VALUES (1, 'a', '{most}')"))
    write(pots, changed(), "lids")
    upgrade(engine, pots)
    with engine.begin() as connection:
        assert int(connection.execute(text("SELECT amount FROM pot")).scalar_one()) == most


def test_a_revision_that_old_rows_break_is_noticed(pots: Line, engine: Engine) -> None:
    write(pots, changed(required=True), "limits for all")
    with pytest.raises(DBAPIError):
        walk(engine, pots)
