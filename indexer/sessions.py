"""The indexer's connections to the database, one engine a life of the loop."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from indexer.prepare import open_database

CONNECT_SECONDS = 10
"""How long a PostgreSQL server may take to let somebody in."""

_END_GHOSTS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE starts_with(application_name, :process) AND application_name <> :life"
)


class Sessions:
    """Engines of one process on one database.

    A connection that broke unnoticed may live on at the server, with its locks; so each life's sessions carry a name of their own,
    and the next life ends what the ones before have left.
    """

    def __init__(self, database_url: str) -> None:
        self._url, self._lives = database_url, 0
        self._process = f"piecework-indexer-{secrets.token_hex(6)}-"

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        """An engine for one life; its connections end with the block."""
        self._lives += 1
        engine = open_database(self._named())
        try:
            if engine.dialect.name == "postgresql" and self._lives > 1:
                with engine.begin() as connection:
                    connection.execute(_END_GHOSTS, {"process": self._process, "life": self._life})
            yield engine
        finally:
            engine.dispose()

    @property
    def _life(self) -> str:
        return f"{self._process}{self._lives}"

    def _named(self) -> str:
        if not self._url.startswith("postgres"):
            return self._url
        options = {"application_name": self._life, "connect_timeout": str(CONNECT_SECONDS)}
        return make_url(self._url).update_query_dict(options).render_as_string(hide_password=False)
