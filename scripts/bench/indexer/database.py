"""An empty database of either kind, read from outside while the indexer writes.

PostgreSQL is the tests' own: on a socket, and it doesn't wait for the disk.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from scripts.bench.indexer.process import cpu_seconds
from tests.support import postgres

KINDS = ("sqlite", "postgresql")
ABSENT = (sqlite3.OperationalError, psycopg.errors.UndefinedTable)
"""What a reader meets who comes before the tables."""


@dataclass(frozen=True)
class Database:
    """One database.

    Attributes:
        url: as SQLAlchemy takes it.
        server: the process whose children do the work; None where it is the indexer itself.
    """

    kind: str
    url: str
    server: int | None

    @contextmanager
    def reading(self) -> Iterator[Callable[[str], int | None]]:
        """A function that asks for one integer; None as long as the table isn't there or is empty."""
        with closing(self._connection()) as connection:

            def integer(query: str) -> int | None:
                try:
                    row = connection.execute(query).fetchone()
                except ABSENT:
                    return None
                return None if row is None or row[0] is None else int(row[0])

            yield integer

    def cpu_seconds(self) -> float:
        """Processor time of its server until now; 0 where there is none."""
        return cpu_seconds(self.server) if self.server else 0

    def _connection(self) -> sqlite3.Connection | psycopg.Connection:
        url = make_url(self.url)
        if self.kind == "sqlite":
            return sqlite3.connect(str(url.database), timeout=10, isolation_level=None)
        return psycopg.connect(host=str(url.query["host"]), user=url.username, dbname=url.database, autocommit=True)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[Database]:
    """A new one; a server of PostgreSQL is one for the whole bench."""
    if kind == "postgresql":
        server = postgres.server()
        pid = (server.folder / "data" / "postmaster.pid").read_text().partition("\n")[0]
        yield Database(kind, server.database(), int(pid))
        return
    path = folder / "mirror.db"
    for old in folder.glob("mirror.db*"):
        old.unlink()
    yield Database(kind, f"sqlite:///{path}", None)
