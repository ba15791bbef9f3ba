"""The mirror's one transaction: rows, block hashes and cursor move together or not at all."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from indexer import decode, tables
from indexer.bulk import insert_rows
from indexer.chain import AnswerRefused, Header, Log, Span
from indexer.events import Event
from indexer.handlers import handle
from indexer.store import Memory, Store
from piecework.chain.deployment import Deployment
from piecework.domain.errors import Conflict
from piecework.migrations import deferred
from piecework.sql import reading

log = logging.getLogger("indexer")

MOST_UNINDEXED = 2_000_000
"""Events after which indexes are made all the same: each takes seconds then, in which nobody else writes into a SQLite file."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the mirror has come: its last block."""

    head_number: int
    head_hash: str


class Mirror:
    """The rows of one deployment.

    Args:
        engine: the database, with its tables.
        deployment: whose rows.
        window: how many blocks below the head keep their hashes, so that a reorg that deep is found.
    """

    def __init__(self, engine: Engine, deployment: Deployment, window: int) -> None:
        self._engine, self._window = engine, window
        self._chain_id, self._escrow, self._bond = deployment.chain_id, deployment.escrow, deployment.bond
        self._start_block = deployment.start_block
        self._memory = Memory()
        self._lacks_indexes, self._unindexed = True, 0  # as long as nobody has looked

    def cursor(self) -> Cursor:
        """Where the mirror stands."""
        table = tables.Deployment
        query = select(table.head_number, table.head_hash).where(*self._own(table))  # type: ignore[call-overload]
        with reading(self._engine).begin() as connection:
            return Cursor(*connection.execute(query).one())

    def hashes(self, first: int) -> dict[int, str]:
        """The mirrored blocks' hashes from block `first` on, by number; older blocks are known only where they hold events."""
        table = tables.Block
        query = select(table.number, table.hash).where(*self._own(table), table.number >= first)  # type: ignore[call-overload]
        with reading(self._engine).begin() as connection:
            return {number: block_hash for number, block_hash in connection.execute(query)}

    def defer_indexes(self, before: Cursor) -> None:
        """A long past comes next: if the tables are empty, they do without their indexes until `make_indexes`. As long as every fact
        is remembered (`Memory.is_whole`), nothing is looked up by them."""
        if before.head_number >= self._start_block:
            return
        with self._engine.begin() as connection:
            if _is_empty(connection):
                self._lacks_indexes, count = True, deferred.defer(connection)
                self._indexes_left(count)
                log.info("%d indexes are made once the mirror is level", count, extra={"event": "deferred", "indexes": count})

    def make_indexes(self) -> None:
        """Makes what lacks, each in a transaction of its own; nothing where nothing lacks.

        It is called before anything is looked up, and by the next process where this one doesn't come to it.
        """
        if not self._lacks_indexes:
            return
        with reading(self._engine).begin() as connection:
            count = deferred.left(connection)
        began = time.monotonic()
        for left in range(count, 0, -1):
            self._indexes_left(left)
            with self._engine.begin() as connection:
                deferred.make_one(connection)
        self._indexes_left(0)
        self._lacks_indexes, self._unindexed = False, 0
        if count:
            seconds = round(time.monotonic() - began, 1)
            log.info("%d indexes made in %.1f s", count, seconds, extra={"event": "indexed", "indexes": count, "seconds": seconds})

    def _indexes_left(self, count: int) -> None:
        """How many indexes are still to be made, for whoever wants to know."""

    def write(self, span: Span, before: Cursor) -> Cursor:
        """Makes `span` what the mirror knows from its first block on; on a clean append nothing has to go for it.

        Args:
            span: verified; its first block follows a block that the mirror has.
            before: where the mirror stands, as far as the caller knows.

        Returns:
            Where the mirror stands now.

        Raises:
            Conflict: it doesn't stand at `before`; nothing was written.
            AnswerRefused: the logs can't be the escrow's; nothing was written.
        """
        try:
            return self._write(span, before)
        except IntegrityError as error:
            self._memory.forget()
            raise AnswerRefused(f"The node's blocks {span.first} to {span.head.number} say something twice.") from error
        except BaseException:
            self._memory.forget()
            raise

    def _write(self, span: Span, before: Cursor) -> Cursor:
        follows = span.first == before.head_number + 1
        if not follows:
            self._memory.forget()
        self._memory.bound()
        if span.first != self._start_block and not (self._memory.is_whole and self._unindexed < MOST_UNINDEXED):
            self.make_indexes()
        events = list(decode.events(span.logs, self._bond))  # before there is a transaction that others would wait for
        event_rows = self._event_rows(span.logs)
        with self._engine.begin() as connection:
            self._move_cursor(connection, before, span.head)
            if not follows:
                self._delete(connection, span.first)
            elif span.first == self._start_block:
                self._memory.begin()
            self._write_events(connection, span, events, event_rows)
            self._write_blocks(connection, span, before)
        self._unindexed += len(span.logs)
        return Cursor(span.head.number, span.head.hash)

    def _write_events(
        self, connection: Connection, span: Span, events: Sequence[Event], event_rows: Sequence[tuple[Any, ...]]
    ) -> None:
        times = {header.number: header.timestamp for header in span.headers}
        store = Store(connection, self._chain_id, self._escrow, times, self._memory)
        for event in events:
            handle(event, store)
        store.extend(tables.Event, event_rows)
        for table, rows in store.rows.items():
            insert_rows(connection, table.__table__, rows)  # type: ignore[attr-defined]

    def _event_rows(self, logs: Sequence[Log]) -> list[tuple[Any, ...]]:
        """Every log as it was; its name is empty if neither escrow nor bond has such an event."""
        chain_id, escrow, names, raw = self._chain_id, self._escrow, decode.names(), bytes.fromhex
        return [
            (
                *(chain_id, log.block_number, log.log_index, escrow, log.transaction_hash),
                names.get(log.topics[0], "") if log.topics else "",
                raw("".join(log.topics).replace("0x", "")),
                raw(log.data[2:]),
            )
            for log in logs
        ]

    def _move_cursor(self, connection: Connection, before: Cursor, head: Header) -> None:
        """Compare and set: it fences a second indexer, and serialises this transaction with every other writer's."""
        table = tables.Deployment
        still = (table.head_number == before.head_number, table.head_hash == before.head_hash)
        moved = connection.execute(
            update(table)
            .where(*self._own(table), *still)  # type: ignore[arg-type]
            .values(
                next_block=head.number + 1,
                head_number=head.number,
                head_hash=head.hash,
                head_timestamp_at=instant(head),
            )
        )
        if moved.rowcount != 1:
            raise Conflict("Another indexer has moved this database's cursor; only one may write. This one stops.")

    def _delete(self, connection: Connection, first: int) -> None:
        self._delete_slots(connection, first)
        for table in tables.EVENT_TABLES:
            connection.execute(delete(table).where(*self._own(table), table.block_number >= first))  # type: ignore[arg-type]
        block = tables.Block
        connection.execute(delete(block).where(*self._own(block), block.number >= first))  # type: ignore[arg-type]

    def _delete_slots(self, connection: Connection, first: int) -> None:
        """Those of the payments that go: each knows between which slots of its job they are."""
        payment, run = tables.WorkerPayment, tables.SlotRun
        between = (payment.job, func.min(payment.first_slot), func.max(payment.last_slot))
        gone = select(*between).where(*self._own(payment), payment.block_number >= first)  # type: ignore[call-overload]
        for job, low, high in connection.execute(gone.group_by(payment.job, payment.block_number)).all():
            runs = col(run.run).between(tables.run_of(low), tables.run_of(high))
            connection.execute(delete(run).where(*self._own(run), run.job == job, runs, run.block_number >= first))  # type: ignore[arg-type]

    def _write_blocks(self, connection: Connection, span: Span, before: Cursor) -> None:
        """Keeps the blocks within the window and those with events; what was below the window before was tidied before."""
        counts: dict[int, int] = {}
        for log in span.logs:
            counts[log.block_number] = counts.get(log.block_number, 0) + 1
        oldest = span.head.number - self._window
        kept = [header for header in span.headers if header.number >= oldest or header.number in counts]
        rows = [(*self._key().values(), *block_row(header, counts.get(header.number, 0)).values()) for header in kept]
        insert_rows(connection, tables.Block.__table__, rows)  # type: ignore[attr-defined]
        table = tables.Block
        tidy = min(before.head_number, span.head.number) - self._window
        outdated = (table.number >= tidy, table.number < oldest, table.log_count == 0)
        connection.execute(delete(table).where(*self._own(table), *outdated))  # type: ignore[arg-type]

    def _key(self) -> dict[str, Any]:
        return {"chain_id": self._chain_id, "escrow": self._escrow}

    def _own(self, table: Any) -> tuple[Any, Any]:
        return (table.chain_id == self._chain_id, table.escrow == self._escrow)


def _is_empty(connection: Connection) -> bool:
    """Whether nothing is mirrored yet, and nobody but us is about to."""
    deployments = connection.execute(select(func.count()).select_from(tables.Deployment)).scalar_one()
    return deployments == 1 and connection.execute(select(tables.Event.chain_id).limit(1)).one_or_none() is None  # type: ignore[call-overload]


def instant(header: Header) -> datetime:
    """A block's time."""
    return datetime.fromtimestamp(header.timestamp, UTC)


def block_row(header: Header, log_count: int) -> dict[str, Any]:
    """A block's columns besides its deployment's."""
    return {
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "timestamp_at": instant(header),
        "log_count": log_count,
    }
