"""One writer with group commit: what waits is done in one transaction and acknowledged after its one commit.

A durable commit costs a disk flush whatever it holds, so a hundred requests that share one cost little more than a single one. Each
piece of work stands behind a savepoint: one that fails is undone alone and its error goes to its caller alone.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from piecework.domain.errors import Conflict, Unavailable
from piecework.operation.exposition import Histogram

log = logging.getLogger(__name__)

Work = Callable[[Connection], Any]
MOST_AT_ONCE = 128
ATTEMPTS = 3
_SETTINGS = (
    "SET LOCAL enable_sort = off; SET LOCAL jit = off; SET LOCAL lock_timeout = 500; "
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)
"""For PostgreSQL. A writer takes the first row in the order of an index: of a table that was filled a moment ago there are no statistics,
and it would rather be sorted whole, 60 ms for the next unit of 6,000 instead of 0.3. Where it must sort all the same its plan counts as a
costly one, which would be compiled first: a tenth of a second and more for a row. And it waits half a second for a row that another
process holds, so that two which wait for each other don't hold up everybody for long. And what is acknowledged is on disk: a server
that is told not to wait for that could lose receipts in a power cut. What waits for more than that, for a second server, stays as it is."""
_BEGIN, _NEXT = "SAVEPOINT work", ("RELEASE SAVEPOINT work", "SAVEPOINT work")
_UNDO = "ROLLBACK TO SAVEPOINT work"
"""Undoes what was done since the savepoint, which stays."""
RETRYABLE = ("40P01", "40001", "55P03")
"""PostgreSQL's words for: another transaction was in the way, try again."""
NO_WRITES = "The database doesn't take writes at the moment; try again."
ITS_OWN = ("53", "57", "58")
"""PostgreSQL's classes for: no room, somebody intervened, the system failed."""
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class _Entry:
    """One piece of work and what came of it."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Work, future: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.work, self.future, self.loop = work, future, loop
        self.result: Any = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        """Hands the outcome to the caller; on the caller's own loop if it has one."""
        if self.future.done():
            return  # the caller was cancelled and isn't there any more
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Counts:
    """What a writer has done since it began; its thread counts, anybody reads.

    Attributes:
        commits: seconds that its transactions took.
        works: pieces of work that were committed or failed by themselves.
        again: how often one was tried again because another process was in its way.
        lost: how many were given up for that.
        refused: transactions and pieces of work that the database refused.
    """

    def __init__(self) -> None:
        self.commits = Histogram(COMMIT_SECONDS)
        self.works = self.again = self.lost = self.refused = 0


class Writer:
    """Runs work on one connection, in one thread, in the order in which it came.

    Args:
        engine: where to write.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.counts = Counts()
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work) -> Any:
        """Does `work` and returns its result once it is durable.

        Raises:
            what `work` raises; nothing of it is kept then.
            Unavailable: the database doesn't answer; nothing was written as far as anyone was told.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._queue.put(_Entry(work, future, loop))
        return await future

    def write_now(self, work: Work) -> Any:
        """`write` for threads."""
        future: Future[Any] = Future()
        self._queue.put(_Entry(work, future, None))
        return future.result()

    def stop(self) -> None:
        """Finishes what waits, then ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            entries, running = self._waiting()
            if entries:
                self._commit(entries)
                _deliver(entries)

    def _waiting(self) -> tuple[list[_Entry], bool]:
        """Everything that waits now, at least one and at most MOST_AT_ONCE; False behind it when the writer shall end."""
        first = self._queue.get()
        if first is None:
            return [], False
        entries = [first]
        while len(entries) < MOST_AT_ONCE:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is None:
                return entries, False
            entries.append(entry)
        return entries, True

    @property
    def waiting(self) -> int:
        """Pieces of work that wait for their turn."""
        return self._queue.qsize()

    def _commit(self, entries: list[_Entry]) -> None:
        began = time.monotonic()
        try:
            with self._engine.begin() as connection:
                marks = _Marks(connection)
                marks.begin()
                for entry in entries:
                    _perform(connection, marks, entry, self.counts)
            self.counts.commits.observe(time.monotonic() - began)
            self.counts.works += len(entries)
        except Exception as error:  # the thread must outlive whatever it was, or every later request would wait for ever
            self.counts.refused += 1
            log.error("the database refused a transaction: %s", error, exc_info=not isinstance(error, SQLAlchemyError))
            for entry in entries:
                entry.error = Unavailable(NO_WRITES)


class _Marks:
    """The savepoints of a transaction. They go to the driver: SQLAlchemy's way costs more than the savepoint, and PostgreSQL takes
    several statements on one way."""

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.connection.cursor().execute
        self._postgres = connection.dialect.name == "postgresql"

    def begin(self) -> None:
        self._send(*([_SETTINGS] if self._postgres else []), _BEGIN)

    def next(self) -> None:
        """Keeps what was done so far from being undone alone."""
        self._send(*_NEXT)

    def undo(self) -> None:
        self._send(_UNDO)

    def _send(self, *statements: str) -> None:
        if self._postgres:
            self._execute("; ".join(statements), prepare=False)
            return
        for statement in statements:
            self._execute(statement)


def _perform(connection: Connection, marks: _Marks, entry: _Entry, counts: Counts) -> None:
    """Runs one piece of work behind a savepoint; again if another process was in its way."""
    for _ in range(ATTEMPTS):
        try:
            entry.result, entry.error = entry.work(connection), None
            marks.next()
            return
        except Exception as error:  # whatever it is goes to the caller that brought the work
            entry.error = error
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            marks.undo()
            if not _in_the_way(error):
                if _is_its_own(error):
                    counts.refused += 1
                    log.error("the database refused a piece of work: %s", error)
                    entry.error = Unavailable(NO_WRITES)
                return
            counts.again += 1
    counts.lost += 1
    taken = isinstance(entry.error, IntegrityError)  # what it wanted is somebody else's; a lock is free again in a moment
    entry.error = Conflict("Somebody else was quicker; try again.") if taken else Unavailable("Others write the same at this moment; try again.")


def _in_the_way(error: Exception) -> bool:
    if isinstance(error, IntegrityError):
        return True
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) in RETRYABLE


def _is_its_own(error: Exception) -> bool:
    """Whether it is the database's trouble, a full disk perhaps, and not the work's."""
    if not isinstance(error, OperationalError):
        return False
    state, code = getattr(error.orig, "sqlstate", None), getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return state[:2] in ITS_OWN if state else code != sqlite3.SQLITE_ERROR


def _deliver(entries: list[_Entry]) -> None:
    """Wakes each caller's loop once for all that it waits for."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Entry]] = {}
    for entry in entries:
        if entry.loop is None:
            entry.resolve()
        else:
            by_loop.setdefault(entry.loop, []).append(entry)
    for loop, ready in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, ready)
        except RuntimeError:  # the loop has ended, and its requests with it
            log.warning("%d requests ended before their write was acknowledged", len(ready))


def _resolve(entries: list[_Entry]) -> None:
    for entry in entries:
        entry.resolve()
