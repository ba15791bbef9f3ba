"""One writer a deployment: who holds its lock mirrors it, everybody else stops with a sentence.

The compare-and-set of the cursor keeps a second one from doing harm, and fences one that was paused while another took over; the
lock keeps the two from taking turns. Indexers of several deployments share a database.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select

from piecework.chain.deployment import Deployment
from piecework.domain.errors import Conflict

PATIENCE_SECONDS = 3.0
"""A server may notice late that the one before was killed."""


@contextmanager
def sole_writer(engine: Engine, deployment: Deployment) -> Iterator[None]:
    """Holds the deployment's lock for as long as the block runs; the system frees it when the process dies.

    Raises:
        Conflict: another indexer holds it.
    """
    lock = _file_lock if engine.dialect.name == "sqlite" else _session_lock
    with lock(engine, deployment):
        yield


def has_writer(engine: Engine, deployment: Deployment) -> bool:
    """Whether an indexer holds the deployment's lock now."""
    lock = _file_lock if engine.dialect.name == "sqlite" else _session_lock
    if engine.dialect.name == "sqlite" and not lock_path(engine, deployment).exists():
        return False
    try:
        with lock(engine, deployment, patience_seconds=0):
            return False
    except Conflict:
        return True


def lock_number(deployment: Deployment) -> int:
    """The deployment's advisory lock on PostgreSQL: 64 bits with a sign, as unlikely to be another's as a hash is."""
    digest = hashlib.sha256(f"indexer {deployment.chain_id} {deployment.escrow}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def lock_path(engine: Engine, deployment: Deployment) -> Path:
    """The deployment's lock beside a SQLite file."""
    return Path(f"{engine.url.database}.{deployment.chain_id}-{deployment.escrow}.indexer-lock")


@contextmanager
def _session_lock(engine: Engine, deployment: Deployment, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    attempt = select(func.pg_try_advisory_lock(lock_number(deployment)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            _wait(lambda: connection.execute(attempt).scalar(), deployment, patience_seconds)
            yield
        finally:
            connection.invalidate()  # closes the session, and with it the lock, even where the server doesn't answer


@contextmanager
def _file_lock(engine: Engine, deployment: Deployment, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    if engine.url.database in (None, "", ":memory:"):
        yield  # nobody else can open it
        return
    descriptor = os.open(lock_path(engine, deployment), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _wait(lambda: _flock(descriptor), deployment, patience_seconds)
        yield
    finally:
        os.close(descriptor)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(locked: Callable[[], object], deployment: Deployment, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while not locked():
        if time.monotonic() >= deadline:
            raise Conflict(
                f"Another indexer already writes into this database for {deployment.escrow} on chain {deployment.chain_id}; "
                "only one may. This one stops."
            )
        time.sleep(0.1)
