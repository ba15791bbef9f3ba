"""A mirror's tables as anybody sees them: by SQL alone, without a line of the indexer's."""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text

OWN = {"mirror_block", "mirror_deployment"}
"""What says how far the mirror is; a mirror that saw the reorgs keeps other old blocks than one that didn't."""

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
            rows = connection.execute(text("SELECT head_number, head_hash FROM mirror_deployment")).all()
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def blocks(self) -> dict[int, str]:
        """The hash of every block that is kept, by its number."""
        with self.engine.connect() as connection:
            return {int(number): str(name) for number, name in connection.execute(text("SELECT number, hash FROM mirror_block"))}

    def dump(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Every row of every table and view, as a multiset; the first row-like entry of each names its columns."""
        with self.engine.connect() as connection:
            return {name: _rows(connection, name) for name in self.names(connection)}

    def keys(self) -> dict[str, set[tuple[int, int, str]]]:
        """By table: the places on the chain (block number, log index, transaction hash) that its rows come from."""
        wanted, found = ("block_number", "log_index", "transaction_hash"), {}
        with self.engine.connect() as connection:
            for name in self.names(connection):
                columns = connection.execute(text(f"SELECT * FROM {name} LIMIT 0")).keys()
                if set(wanted) <= set(columns):
                    rows = connection.execute(text(f"SELECT DISTINCT {', '.join(wanted)} FROM {name}"))
                    found[name] = {(int(block), int(index), _hex(hash_)) for block, index, hash_ in rows}
        return found

    def highest(self) -> int:
        """The highest block that any row is of; -1 without rows."""
        with self.engine.connect() as connection:
            tops = [
                connection.execute(text(f"SELECT max(block_number) FROM {name}")).scalar()
                for name in self.names(connection)
                if "block_number" in connection.execute(text(f"SELECT * FROM {name} LIMIT 0")).keys()
            ]
        return max((int(top) for top in tops if top is not None), default=-1)

    def query(self, statement: str) -> list[Any]:
        """A statement's rows."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement)))

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


def _rows(connection: Connection, name: str) -> Counter[tuple[Any, ...]]:
    result = connection.execute(text(f"SELECT * FROM {name}"))
    return Counter([tuple(result.keys()), *map(tuple, result)])


def _hex(value: Any) -> str:
    return value if isinstance(value, str) else "0x" + bytes(value).hex()
