"""The coordinator's database: its writer, its readers, and whose it is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from backend.store import once
from backend.store.tables import Home
from backend.store.writer import Work, Writer
from piecework.domain.errors import Invalid
from piecework.migrations.lines import COORDINATOR, MIRROR
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine, reading

log = logging.getLogger(__name__)
_UNSAFE = "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name"


class Store:
    """One database.

    Args:
        url: SQLAlchemy URL, see `piecework.sql.open_engine`.
        lease_seconds: how long a lease in it lasts that nobody renews.
    """

    def __init__(self, url: str, lease_seconds: float = 6) -> None:
        self.engine, self.lease_seconds = open_engine(url), lease_seconds
        self._reading = reading(self.engine)
        prepare(self.engine)
        _warn_of_power_cuts(self.engine)
        self._writer = Writer(self.engine)

    async def write(self, work: Work) -> Any:
        """Runs work in the writer's next transaction and waits for its commit, see `Writer.write`."""
        return await self._writer.write(work) if (claim := once.claim.get()) is None else await self._write_once(claim, work)

    def write_now(self, work: Work) -> Any:
        """`write` for threads."""
        claim = once.claim.get()
        if claim is None or claim.claimed:
            return self._writer.write_now(work)
        result = self._writer.write_now(lambda connection: (claim.write(connection), work(connection))[1])
        claim.claimed = True
        return result

    async def _write_once(self, claim: once.Claim, work: Work) -> Any:
        """The first that a request with a key writes, with the key."""
        if claim.claimed:
            return await self._writer.write(work)
        result = await self._writer.write(lambda connection: (claim.write(connection), work(connection))[1])
        claim.claimed = True
        return result

    @property
    def writer(self) -> Writer:
        """Who writes, for its numbers; work goes through `write`."""
        return self._writer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A short transaction that takes no lock and sees one state."""
        with self._reading.begin() as connection:
            yield connection

    def belong_to(self, chain_id: int, genesis_hash: str, escrow: str) -> None:
        """Claims an empty database for one escrow.

        Raises:
            Invalid: it is another escrow's.
        """
        self.write_now(lambda connection: _claim(connection, chain_id, genesis_hash, escrow))

    def close(self) -> None:
        """Finishes what waits to be written and lets the database go."""
        self._writer.stop()
        self.engine.dispose()


def prepare(engine: Engine) -> None:
    """Brings all tables up to this version, the mirror's too: whoever starts first makes them for both.

    Raises:
        Invalid: they are a newer version's, or of none that is known.
    """
    upgrade(engine, MIRROR, COORDINATOR)


def _warn_of_power_cuts(engine: Engine) -> None:
    """Says what a server of PostgreSQL must not be told and no client can ask of it."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            off = connection.exec_driver_sql(_UNSAFE).scalars().all()
        if off:
            log.warning("A power cut can take acknowledged answers with it: this PostgreSQL has %s off.", " and ".join(off))


def _claim(connection: Connection, chain_id: int, genesis_hash: str, escrow: str) -> None:
    mine = (chain_id, genesis_hash, escrow)
    row = connection.execute(select(Home.chain_id, Home.genesis_hash, Home.escrow)).one_or_none()
    if row is None:
        connection.execute(insert(Home), {"id": 1, "chain_id": chain_id, "genesis_hash": genesis_hash, "escrow": escrow})
    elif tuple(row) != mine:
        raise Invalid(
            f"This database belongs to the escrow {row.escrow} on chain {row.chain_id}, not to {escrow} on {chain_id}; "
            "use another database or the deployment file it was made with."
        )
