"""Takes a database through a line's revisions, with rows in all its tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Engine, LargeBinary, MetaData, String, Table, func, insert, select

from piecework.migrations.lines import Line
from piecework.migrations.revise import advance

ROWS = 3
CONSTANT = ("mirror_byte",)
"""Tables that a revision fills, and nobody else."""


def tables(connection: Connection, line: Line) -> list[Table]:
    """A line's tables as the database has them now; no other line may be there."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != line.version_table]


def counts(connection: Connection, found: list[Table]) -> dict[str, int]:
    """How many rows each table has."""
    return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in found}


def fill(connection: Connection, found: list[Table], revision: int) -> None:
    """Puts rows into every table, other ones at every revision."""
    for table in found:
        if table.name in CONSTANT:
            continue
        rows = [{column.name: _value(column, revision * ROWS + row) for column in table.columns} for row in range(ROWS)]
        connection.execute(insert(table), rows)


def _value(column: Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, String):
        return f"{number:0{min(kind.length or 8, 8)}d}"
    if isinstance(kind, DateTime):
        return datetime(2026, 1, 1, tzinfo=UTC if kind.timezone else None)
    if isinstance(kind, LargeBinary):
        return bytes([number])
    return number % 2 == 1 if kind.python_type is bool else number


def walk(engine: Engine, line: Line) -> None:
    """From revision to revision, with other rows put in at each; none may get lost."""
    before: dict[str, int] = {}
    for at, revision in enumerate(line.revisions):
        with engine.begin() as connection:
            advance(connection, line, revision)
            found = tables(connection, line)  # reading what tables there are takes longer than all else
            after = counts(connection, found)
            assert {name: after.get(name, count) for name, count in before.items()} == before
            fill(connection, found, at)
            before = counts(connection, found)
