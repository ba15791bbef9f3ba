"""Inserts many rows in one go: binary COPY on PostgreSQL, executemany on SQLite, three times as fast as the ORM's or Core's own way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
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
    values = _binder(table, connection.dialect)(rows)
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        _execute(connection, f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)
    else:
        _require_narrow(table, rows)
        statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
        _copy(connection, statement, _types(table, connection.dialect), values)


@cache
def _binder(table: Table, dialect: Dialect) -> Callable[[Iterable[tuple[Any, ...]]], Iterable[tuple[Any, ...]]]:
    """Makes of rows what the driver takes.

    It is compiled for the table, as one expression that takes a row apart and puts it together again: that takes a third less than
    to make columns of rows and rows of columns, and holds one row at a time.
    """
    binds = _binds(table, dialect)
    if not binds:
        return iter
    values = [f"value_{position}" for position in range(len(table.columns))]
    bound = [f"bind_{position}({value})" if position in binds else value for position, value in enumerate(values)]
    rows = f"lambda rows: (({', '.join(bound)},) for ({', '.join(values)},) in rows)"
    return eval(rows, {f"bind_{position}": bind for position, bind in binds.items()})


@cache
def _binds(table: Table, dialect: Dialect) -> dict[int, Bind]:
    """The columns, by position, whose values the driver doesn't take as they are."""
    found = {}
    for position, column in enumerate(table.columns):
        if isinstance(column.type, Uint256):
            bind: Bind | None = _text if dialect.name == "sqlite" else None
        elif isinstance(column.type, LargeBinary):
            bind = None
        else:
            bind = column.type.dialect_impl(dialect).bind_processor(dialect)
        if bind is not None:
            found[position] = bind
    return found


@lru_cache(maxsize=4096)
def _text(value: int | None) -> str | None:
    return None if value is None else sortable(value)


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


def _execute(connection: Connection, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
    """The driver's own executemany takes rows one by one as they are made; SQLAlchemy's would have a list of them all."""
    with _translated(connection.dialect, statement), closing(connection.connection.cursor()) as cursor:
        cursor.executemany(statement, values)


def _copy(connection: Connection, statement: str, types: Sequence[str], values: Iterable[tuple[Any, ...]]) -> None:
    with (
        _translated(connection.dialect, statement),
        connection.connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.set_types(types)
        for row in values:
            copy.write_row(row)


@contextmanager
def _translated(dialect: Dialect, statement: str) -> Iterator[None]:
    """What SQLAlchemy makes of its own statements' errors."""
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(statement, {}, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
