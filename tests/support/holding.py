"""A database that is slow because somebody else holds what is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from piecework.sql import open_engine


@contextmanager
def held(database_url: str, table: str) -> Iterator[None]:
    """Nobody else writes into the table (on SQLite: into the database) for as long as the block runs."""
    engine = open_engine(database_url)
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
            yield
            transaction.rollback()
    finally:
        engine.dispose()
