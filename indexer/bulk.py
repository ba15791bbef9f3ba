"""Inserts many rows in one go: binary COPY on PostgreSQL, executemany on SQLite, three times as fast as the ORM's or Core's own way."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Connection, Dialect, Integer, LargeBinary, Table
from sqlalchemy.exc import DBAPIError

from piecework.sql import Uint256, sortable

Bind = Callable[[Any], Any]


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows inside the connection's transaction.

    Args:
        rows: tuples with a value for every column, in the order of the table's columns.
    """
    if not rows:
        return
    values = _bound(rows, _binds(table, connection.dialect))
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(values))
    else:
        _require_narrow(table, rows)
        statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
        _copy(connection, statement, _types(table, connection.dialect), values)


@cache
def _binds(table: Table, dialect: Dialect) -> tuple[tuple[int, Bind], ...]:
    """The columns, by position, whose values the driver doesn't take as they are."""
    found = []
    for position, column in enumerate(table.columns):
        if isinstance(column.type, Uint256):
            bind: Bind | None = _text if dialect.name == "sqlite" else None
        elif isinstance(column.type, LargeBinary):
            bind = None
        else:
            bind = column.type.dialect_impl(dialect).bind_processor(dialect)
        if bind is not None:
            found.append((position, bind))
    return tuple(found)


@lru_cache(maxsize=4096)
def _text(value: int | None) -> str | None:
    return None if value is None else sortable(value)


def _bound(rows: Sequence[tuple[Any, ...]], binds: tuple[tuple[int, Bind], ...]) -> Iterable[tuple[Any, ...]]:
    if not binds:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    for position, bind in binds:
        columns[position] = map(bind, columns[position])
    return zip(*columns, strict=True)


@cache
def _types(table: Table, dialect: Dialect) -> tuple[str, ...]:
    """What PostgreSQL calls each column's type: as bytes a value costs half of what its text does, but must be of the very type."""
    return tuple(column.type.compile(dialect).lower().partition("(")[0] for column in table.columns)


def _require_narrow(table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """The driver cuts off what is over 32 bits where only so many go into a column; everything else that is too large it refuses."""
    for position in _narrow(table):
        values = list(map(itemgetter(position), rows))
        if not -(2**31) <= min(values) <= max(values) < 2**31:
            raise OverflowError(f"{table.columns[position]} can't hold {max(values)}.")


@cache
def _narrow(table: Table) -> tuple[int, ...]:
    """The columns of 32 bits, by position."""
    kinds = [column.type for column in table.columns]
    return tuple(at for at, kind in enumerate(kinds) if isinstance(kind, Integer) and not isinstance(kind, BigInteger))


def _copy(connection: Connection, statement: str, types: Sequence[str], values: Iterable[tuple[Any, ...]]) -> None:
    dialect = connection.dialect
    try:
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in values:
                copy.write_row(row)
    except dialect.loaded_dbapi.Error as error:  # what SQLAlchemy makes of its own statements' errors
        raise DBAPIError.instance(statement, {}, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
