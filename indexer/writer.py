"""One writer a database: who holds the lock mirrors, everybody else stops with a sentence.

The compare-and-set of the cursor would keep a second one from doing harm; the lock keeps the two from taking turns.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, func, select

from piecework.domain.errors import Conflict

LOCK = 0x6D6972726F72  # any number, the same for every indexer
PATIENCE_SECONDS = 3.0
"""A server may notice late that the one before was killed."""


@contextmanager
def sole_writer(engine: Engine) -> Iterator[None]:
    """Holds the writer's lock for as long as the block runs; the system frees it when the process dies.

    Raises:
        Conflict: another indexer holds it.
    """
    lock = _file_lock if engine.dialect.name == "sqlite" else _session_lock
    with lock(engine):
        yield


@contextmanager
def _session_lock(engine: Engine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _wait(lambda: connection.execute(select(func.pg_try_advisory_lock(LOCK))).scalar())
        try:
            yield
        finally:
            connection.invalidate()  # closes the session, and with it the lock, even where the server doesn't answer

@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    if engine.url.database in (None, "", ":memory:"):
        yield  # nobody else can open it
        return
    descriptor = os.open(f"{engine.url.database}.indexer-lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _wait(lambda: _flock(descriptor))
        yield
    finally:
        os.close(descriptor)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(locked: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not locked():
        if time.monotonic() > deadline:
            raise Conflict("Another indexer already writes into this database; only one may. This one stops.")
        time.sleep(0.1)
