"""A mirror's tables as anybody sees them: by SQL alone, without a line of the indexer's."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text

OWN = {"mirror_block", "mirror_deployment"}
"""What says how far the mirror is; a mirror that saw the reorgs keeps other old blocks than one that didn't."""

PLACE = ("block_number", "log_index", "transaction_hash")
READER = "reader"
"""How PostgreSQL knows our own connections, which no trouble is meant for."""


class Tables:
    """One database of a mirror.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        named = {} if url.startswith("sqlite") else {"application_name": READER}
        self.engine: Engine = create_engine(url, connect_args=named)

    def cursor(self) -> tuple[int, str] | None:
        """The number and hash of the last block that is mirrored; None before there is one."""
        with self.engine.connect() as connection:
            return _cursor(connection)

    def state(self) -> tuple[tuple[int, str] | None, int, dict[int, str]]:
        """All of one moment, for a commit of somebody who is dead by now may still come in: the cursor, the highest block that
        any row is of (-1 without rows), and the hash of every block that is kept, by its number."""
        with self._moment() as connection:
            return _cursor(connection), self._highest(connection), _blocks(connection)

    def blocks(self) -> dict[int, str]:
        """The hash of every block that is kept, by its number."""
        with self.engine.connect() as connection:
            return _blocks(connection)

    def dump(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Every row of every table and view, as a multiset; the first row-like entry of each names its columns."""
        with self.engine.connect() as connection:
            return {name: _rows(connection, name) for name in self.names(connection)}

    def places(self) -> dict[str, set[tuple[Any, ...]]]:
        """By table: where on the chain its rows come from, as block number, log index and, where it says so, transaction hash."""
        found = {}
        with self.engine.connect() as connection:
            for name in self.names(connection):
                columns = connection.execute(text(f"SELECT * FROM {name} LIMIT 0")).keys()
                if {"block_number", "log_index"} <= set(columns):
                    wanted = [column for column in PLACE if column in columns]
                    rows = connection.execute(text(f"SELECT DISTINCT {', '.join(wanted)} FROM {name}"))
                    found[name] = {(int(row[0]), int(row[1]), *map(_hex, row[2:])) for row in rows}
        return found

    def events(self) -> Counter[tuple[Any, ...]]:
        """The raw events: block number, log index, transaction hash, topics and data, bytes as 0x hex."""
        rows = self.query("SELECT block_number, log_index, transaction_hash, topics, data FROM mirror_event")
        return Counter((int(row[0]), int(row[1]), *map(_hex, row[2:])) for row in rows)

    def indexes(self) -> set[str]:
        """The names of all indexes of the mirror's tables."""
        query = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name LIKE 'mirror%'"
        if self.engine.dialect.name == "postgresql":
            query = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename LIKE 'mirror%'"
        return {str(name) for (name,) in self.query(query)}

    def lacks_indexes(self) -> bool:
        """Whether some of them are still to be made."""
        return bool(self.query("SELECT 1 FROM mirror_deferred_index LIMIT 1"))

    def query(self, statement: str) -> list[Any]:
        """A statement's rows."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement)))

    def amount(self, value: Any) -> int:
        """A uint256: on SQLite its digits stand behind their number, in two digits."""
        return int(value[2:]) if isinstance(value, str) else int(value)

    def names(self, connection: Connection) -> list[str]:
        """The mirror's tables and views, but those of its own state."""
        if self.engine.dialect.name == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        else:
            query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        names = (str(name) for name in connection.execute(text(query)).scalars())
        return sorted(name for name in names if name.startswith("mirror_") and name not in OWN)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        with self.engine.connect() as plain:
            alone = self.engine.dialect.name == "sqlite"
            connection = plain if alone else plain.execution_options(isolation_level="REPEATABLE READ")
            if alone:
                connection.exec_driver_sql("BEGIN")
            yield connection

    def _highest(self, connection: Connection) -> int:
        tops = [
            connection.execute(text(f"SELECT max(block_number) FROM {name}")).scalar()
            for name in self.names(connection)
            if "block_number" in connection.execute(text(f"SELECT * FROM {name} LIMIT 0")).keys()
        ]
        return max((int(top) for top in tops if top is not None), default=-1)


def _cursor(connection: Connection) -> tuple[int, str] | None:
    rows = connection.execute(text("SELECT head_number, head_hash FROM mirror_deployment")).all()
    return (int(rows[0][0]), str(rows[0][1])) if rows else None


def _blocks(connection: Connection) -> dict[int, str]:
    return {int(number): _hex(name) for number, name in connection.execute(text("SELECT number, hash FROM mirror_block"))}


def _rows(connection: Connection, name: str) -> Counter[tuple[Any, ...]]:
    result = connection.execute(text(f"SELECT * FROM {name}"))
    return Counter([tuple(result.keys()), *map(tuple, result)])


def _hex(value: Any) -> str:
    return value if isinstance(value, str) else "0x" + bytes(value).hex()
