"""Indexes that a first backfill does without: they are taken away while the mirror's tables are empty, and made at its end.

An index by account has its next entry on a page of that account's own, so that each transaction writes a page for nearly every
account in it; made at the end, it is sorted once. What was taken away is noted in the same transaction, so that whoever comes after
a kill finds what lacks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Connection, MetaData, String, Table, Text, delete, func, insert, inspect, select
from sqlalchemy import text as sql

from piecework.migrations.statistics import guess

TABLE = Table("mirror_deferred_index", MetaData(), Column("name", String(63), primary_key=True), Column("ddl", Text, nullable=False))
"""What is noted; the mirror's revisions make it."""

LOCK = 0x7069656365  # any number, the same for everybody who changes tables

SORTING_KIB = 8_192

_THERE = {
    "sqlite": "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name LIKE 'mirror\\_%' ESCAPE '\\'",
    "postgresql": """
        SELECT own.relname, pg_get_indexdef(own.oid)
          FROM pg_index i JOIN pg_class own ON own.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         WHERE t.relnamespace = current_schema()::regnamespace AND starts_with(t.relname, 'mirror_') AND NOT i.indisunique""",
}
"""Names and statements of the indexes that hold nobody back from writing something twice."""


def alone(connection: Connection) -> None:
    """From here to the end of the transaction nobody else changes tables; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


def defer(connection: Connection) -> int:
    """Takes the mirror's indexes away, of tables that should be empty; how many are to be made now.

    On PostgreSQL it waits for those who read the tables, while others wait for it; not for long, or it fails.
    """
    alone(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")  # less than the server's patience with a deadlock
    found = connection.execute(sql(_THERE[connection.dialect.name])).all()
    for name, ddl in found:
        connection.execute(insert(TABLE).values(name=name, ddl=ddl))
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return left(connection)


def left(connection: Connection) -> int:
    """How many are still to be made."""
    return connection.execute(select(func.count()).select_from(TABLE)).scalar_one()


def make_one(connection: Connection) -> str | None:
    """Makes the next of them; its name, or None where all are there."""
    alone(connection)
    next_one = connection.execute(select(TABLE.c.name, TABLE.c.ddl).order_by(TABLE.c.name).limit(1)).one_or_none()
    if next_one is None:
        return None
    name, ddl = next_one
    with _little_memory(connection):
        connection.exec_driver_sql(ddl.replace("CREATE INDEX ", "CREATE INDEX IF NOT EXISTS ", 1))  # a backup is restored with them
    connection.execute(delete(TABLE).where(TABLE.c.name == name))
    if not left(connection):
        guess(connection)
    return str(name)


@contextmanager
def _little_memory(connection: Connection) -> Iterator[None]:
    """SQLite sorts in as much memory as it may use for pages, beside them; it takes no longer in less."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{SORTING_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {before}")


def make_all(connection: Connection) -> None:
    """Before a revision changes the tables: it expects what the one before it left."""
    if inspect(connection).has_table(TABLE.name):
        while make_one(connection):
            pass
