"""Loads: the units of a draft, streamed in from a file, all or nothing.

An upload is spooled to disk as it comes and then read row by row in a thread: each unit goes into the content store, its row and its
Merkle leaf into the database, some thousands at a time. Nothing of it counts before the last row; what was killed on the way is swept.
"""

import json
import logging
import secrets
from asyncio import Future, get_running_loop, shield, to_thread, wait
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from jsonschema_rs import Validator
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from backend.services import unit_files
from backend.services.content_keys import ContentKeys
from backend.services.postings import unit_row
from backend.services.spool import spooled
from backend.services.unit_files import Reading, RowFault
from backend.store import job_drafts, postings, unit_loads
from backend.store.content import Contents, UnitWriter
from backend.store.database import Store
from piecework.domain import merkle
from piecework.domain.answers import compiled, first_error, sentence_of
from piecework.domain.content import canonical_json, text_leaf
from piecework.domain.errors import Conflict, Invalid, NotFound, PieceworkError, Unavailable
from piecework.domain.templates import TEMPLATES

log = logging.getLogger(__name__)

MOST_BYTES = 4 << 30
MOST_UNITS = 10_000_000
MOST_SLOTS = 2**31 - 1
CHUNK = 2_000
"""Units a transaction: enough that its commit doesn't count, few enough that nobody waits for it."""
AT_ONCE = 2
SAMPLE = 100
"""Units of a draft that are shown at once."""
PATIENCE = timedelta(minutes=2)
"""After how long without a sign of life a load is taken for killed."""


class _Ending(Exception):
    """The process ends; the sweep of another takes what was read."""


class _Dropped(Exception):
    """The draft went, or other units came, while these were read."""


class UnitLoads:
    """Receives, reads and sweeps loads.

    Args:
        store, contents: where units are kept.
        keys: of units that are sealed.
        spool: a folder on this machine for uploads.
        clock: the time, aware.
    """

    def __init__(
        self, store: Store, contents: Contents, keys: ContentKeys, spool: Path, clock: Callable[[], datetime]
    ) -> None:
        self._store, self._contents, self._keys, self._spool, self._clock = store, contents, keys, spool, clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "load")
        self._alive: dict[int, Path] = {}
        self._ending = Event()
        self._said_at = clock()
        spool.mkdir(parents=True, exist_ok=True)

    async def receive(
        self, draft: Row[Any], template: str, reading: Reading, parts: AsyncIterator[bytes], key: bytes | None, patience: float
    ) -> Row[Any]:
        """Takes an upload; the load as it is after `patience` seconds, or as soon as it is finished.

        Args:
            draft: whose units they are.
            template: that they must fit.
            reading: how the file is read.
            parts: its bytes.
            key: seals the units, 32 bytes.

        Raises:
            Invalid: the upload is too large, or the key is none.
            RowFault: the file has a row that is wrong.
            Conflict: the draft was frozen or dropped meanwhile.
        """
        path = self._spool / f"{secrets.token_hex(16)}.upload"
        try:
            await spooled(path, parts, MOST_BYTES, f"A file of units has at most {MOST_BYTES} bytes.")
            number = await self._store.write(lambda c: self._begin(c, draft, template, key))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._alive[number] = path
        running = get_running_loop().run_in_executor(self._threads, self._load, number, draft.id, template, reading, path, key)
        return await self._outcome(number, running, patience)

    async def _outcome(self, number: int, running: "Future[None]", patience: float) -> Row[Any]:
        done, _ = await wait([shield(running)], timeout=patience)
        if done:
            running.result()
        return await to_thread(self.one, number)

    def one(self, number: int) -> Row[Any]:
        """A load.

        Raises:
            NotFound: there is none.
        """
        with self._store.read() as connection:
            row = unit_loads.one(connection, number)
        if row is None:
            raise NotFound("These units were replaced or dropped.")
        return row

    def newest_of(self, draft: str) -> Row[Any] | None:
        """The load of a draft that began last, whatever became of it."""
        with self._store.read() as connection:
            return unit_loads.newest_of(connection, draft)

    def sample(self, draft: Row[Any], most: int) -> list[dict[str, Any]]:
        """The first units of a draft, {content, slots}; none before they are loaded."""
        if draft.load is None:
            return []
        with self._store.read() as connection:
            load, rows = unit_loads.one(connection, draft.load), postings.units(connection, draft.load, -1, min(most, SAMPLE))
        read = self._contents.unit
        place = "" if load is None else load.content
        return [
            {"content": json.loads(read(place, row.content_offset, row.content_length)), "slots": row.slots} for row in rows
        ]

    def _begin(self, connection: Connection, draft: Row[Any], template: str, key: bytes | None) -> int:
        now, number = self._clock(), unit_loads.next_number(connection)
        found = job_drafts.one(connection, draft.id)
        if found is None or found.job is not None:
            raise Conflict("The draft was prepared for funding or dropped; its units stay as they are.")
        for other in unit_loads.of_draft(connection, draft.id):
            if other != found.load:
                unit_loads.drop(connection, other, now)  # the newest upload counts
        content = self._keys.place(number, key is not None)
        unit_loads.begin(
            connection, {"number": number, "draft": draft.id, "template": template, "content": content, "created_at": now, "moved_at": now}
        )
        if key is not None:
            self._keys.keep(connection, number, key)
        return number

    def _load(self, number: int, draft: str, template: str, reading: Reading, path: Path, key: bytes | None) -> None:
        try:
            place = self.one(number).content
            writer = self._contents.writer(place, key)
            try:
                forest = self._read(number, template, reading, path, writer)
                writer.close()
            except BaseException:
                writer.abort()
                raise
            root, nodes = "0x" + forest.root().hex(), b"".join(forest.nodes())
            self._store.write_now(lambda c: self._finish(c, number, draft, root, nodes))
        except _Ending:
            raise Unavailable("The process that read these units ends; load them again.") from None
        except _Dropped:
            self._give_up(number, None)
            raise Conflict("The draft was prepared, dropped, or given other units while these were read.") from None
        except PieceworkError as error:
            self._give_up(number, error)
            raise
        except Exception:
            self._give_up(number, Invalid("Something went wrong here while the units were read; it is in the log."))
            raise
        finally:
            self._alive.pop(number, None)
            path.unlink(missing_ok=True)

    def _read(self, number: int, template: str, reading: Reading, path: Path, writer: UnitWriter) -> merkle.Forest:
        forest, fits, chunk, slots = merkle.Forest(), _validator(template), list[dict[str, Any]](), 0
        with path.open("rb") as file:
            for position, (content, asked) in enumerate(unit_files.units(file, reading)):
                text = _checked(position, content, asked, fits)
                offset, length = writer.add(text)
                leaf = text_leaf(text, asked)
                forest.add(leaf)
                chunk.append(unit_row(position, slots, asked, leaf, offset, length))
                slots += asked
                if position >= MOST_UNITS or slots > MOST_SLOTS:
                    raise RowFault(position + 1, f"A job has at most {MOST_UNITS} units and {MOST_SLOTS} slots.")
                if len(chunk) == CHUNK:
                    self._add(number, chunk, slots, file.tell())
                    chunk = []
            if chunk:
                self._add(number, chunk, slots, file.tell())
        if not slots:
            raise Invalid("The file has no units.")
        return forest

    def _add(self, number: int, chunk: list[dict[str, Any]], slots: int, size: int) -> None:
        if self._ending.is_set():
            raise _Ending
        if not self._store.write_now(lambda c: unit_loads.add(c, number, chunk, slots, size, self._clock())):
            raise _Dropped

    def _finish(self, connection: Connection, number: int, draft: str, root: str, nodes: bytes) -> None:
        now, before = self._clock(), job_drafts.one(connection, draft)
        if not unit_loads.finish(connection, number, root, nodes, now) or not job_drafts.loaded(connection, draft, number, now):
            raise _Dropped
        if before is not None and before.load is not None:
            unit_loads.drop(connection, before.load, now)

    def _give_up(self, number: int, error: PieceworkError | None) -> None:
        """Drops what a load had; its record stays, with what was wrong."""
        row, column = (error.row, error.column) if isinstance(error, RowFault) else (None, None)
        try:
            if error is not None:
                self._store.write_now(lambda c: unit_loads.fault(c, number, error.sentence, row, column))
            self._clear(number)
        except (PieceworkError, SQLAlchemyError) as trouble:
            log.warning("units that failed wait for the sweep: %s", trouble)

    def _clear(self, number: int) -> None:
        with self._store.read() as connection:
            load = unit_loads.one(connection, number)
        if load is None:
            return
        for start in range(load.rows // CHUNK * CHUNK, -1, -CHUNK):
            self._store.write_now(lambda c, at=start: unit_loads.forget_rows(c, number, at))
        self._contents.shelf.remove(load.content)
        if load.state == "dropped":
            self._store.write_now(lambda c: unit_loads.forget(c, number))
        else:
            self._store.write_now(lambda c: unit_loads.fail(c, number, self._clock()))

    def sweep(self) -> bool:
        """Clears away one load that was dropped, or whose process was killed; False when there is none. Those of this process are
        said to be alive: one that waits for its turn, or for a slow store, doesn't move."""
        now, alive = self._clock(), sorted(self._alive)
        if alive and now - self._said_at > PATIENCE / 4:
            self._store.write_now(lambda c: unit_loads.touch(c, alive, now))
            self._said_at = now
        with self._store.read() as connection:
            row = unit_loads.stale(connection, self._clock() - PATIENCE)
        if row is None:
            return False
        if row.state == "loading":
            sentence = "The process that read these units ended; load them again."
            self._store.write_now(lambda c: unit_loads.interrupt(c, row.number, sentence))
        self._clear(row.number)
        return True

    def stop(self) -> None:
        """Ends what is being read, at its next lot; it is swept later. Nothing of it may write when the store is closed."""
        self._ending.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for path in self._alive.values():
            path.unlink(missing_ok=True)  # of what never had its turn


def _validator(template: str) -> Validator | None:
    schema = TEMPLATES[template].unit if template in TEMPLATES else {}
    return compiled(schema) if schema else None


def _checked(position: int, content: Any, slots: int, fits: Validator | None) -> bytes:
    """A unit as canonical JSON.

    Raises:
        RowFault: it isn't one.
    """
    if not 1 <= slots <= MOST_SLOTS:
        raise RowFault(position + 1, f"It asks for {slots} answers; ask for at least one.")
    error = None if fits is None else first_error(fits, content)
    if error is not None:
        raise RowFault(position + 1, f"It isn't what the template shows: {sentence_of(error)}.", _top(error))
    try:
        return canonical_json(content)
    except Invalid as wrong:
        raise RowFault(position + 1, wrong.sentence) from None


def _top(error: Any) -> str | None:
    """The unit's field that a fault is in."""
    path = list(error.instance_path)
    return str(path[0]) if path else None
