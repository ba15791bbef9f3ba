"""What befalls the database: connections that are ended from outside, a file or a table that somebody else holds."""

import random
import sqlite3
import time
from collections.abc import Callable

import psycopg

from scripts.simulate.rows import READER
from tests.support import postgres


class Disturbance:
    """Trouble of one database, of a few hundredths of a second at most."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._url, self._random = url, chance

    def strike(self) -> str:
        """One of the troubles; returns which."""
        kinds = [self._hold_file] if self._url.startswith("sqlite") else [self._terminate, self._terminate, self._lock]
        trouble: Callable[[], None] = self._random.choice(kinds)
        trouble()
        return trouble.__name__.strip("_")

    def _hold_file(self) -> None:
        """Another process's transaction that writes."""
        connection = sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=20, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(self._random.uniform(0, 0.1))
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    def _terminate(self) -> None:
        """Every connection of the indexer is ended by the server, wherever it is."""
        name = self._url.partition("@/")[2].partition("?")[0]
        theirs = f"datname = '{name}' AND application_name <> '{READER}'"
        postgres.server().execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}")

    def _lock(self) -> None:
        """Somebody holds the cursor's table, as a migration would."""
        with psycopg.connect(self._url.replace("+psycopg", "")) as connection:
            connection.execute("SET lock_timeout = '20s'")
            connection.execute("LOCK TABLE mirror_deployment IN ACCESS EXCLUSIVE MODE")
            time.sleep(self._random.uniform(0, 0.1))
