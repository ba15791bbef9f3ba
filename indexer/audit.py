"""Compares the mirror with the chain by another way than the one it was written by.

For every block of the canonical chain the escrow's logs are asked for by the block's hash and decoded by the ABI's own decoder, and
held against the tables: the logs as a multiset on (block_hash, log_index, transaction_hash, topics, data), the rows that events
speak of by themselves value by value, and every other row by its place: none may be of a block or log that isn't on the chain.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlmodel import SQLModel

from indexer import tables
from indexer.expected import Expected, expected
from indexer.metered import stored_point
from indexer.standing import Point
from indexer.walk import WalkedBlock, WalkedLog, walk
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Invalid
from piecework.sql import reading

PARTIAL = (tables.LedgerEntry, tables.OperatorAllowance)
"""Tables that hold more rows than those whose events are compared by value."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of a comparison.

    Attributes:
        first, last: the blocks that were compared.
        logs: how many logs of the escrow are in them.
        differences: a sentence each, in the order of the chain.
    """

    first: int
    last: int
    logs: int
    differences: tuple[str, ...]


def audit(
    engine: Engine, deployment: Deployment, rpc: Rpc, first: int, last: int, step: Callable[[int], None] = lambda blocks: None
) -> Audit:
    """Compares blocks `first` to `last`; `step` hears how many more blocks are done.

    What differs is looked at twice, so that a reorg which the indexer follows in between is no difference.

    Raises:
        Invalid: the mirror hasn't come that far, or it is another chain.
        Unavailable: the node doesn't answer, or the chain was reorganised meanwhile.
    """
    deployment.check(rpc)
    first = max(first, deployment.start_block)
    cursor = _cursor(engine, deployment, first, last)
    logs, differences = 0, _cursor_differences(rpc, cursor)
    for blocks in walk(rpc, deployment, first, last):
        found = _compare(engine, deployment, blocks)
        if found:
            (blocks,) = walk(rpc, deployment, blocks[0].number, blocks[-1].number)
            found = _compare(engine, deployment, blocks)
        differences += found
        logs += sum(len(block.logs) for block in blocks)
        step(len(blocks))
    return Audit(first, last, logs, tuple(differences))


def _cursor(engine: Engine, deployment: Deployment, first: int, last: int) -> Point:
    cursor = stored_point(engine, deployment)
    if cursor is None:
        raise Invalid(f"The database doesn't mirror the escrow {deployment.escrow} on chain {deployment.chain_id}.")
    if not first <= last <= cursor.number:
        raise Invalid(f"There are no blocks {first} to {last} to compare: the mirror has {deployment.start_block} to {cursor.number}.")
    return cursor


def _cursor_differences(rpc: Rpc, cursor: Point) -> list[str]:
    """The cursor is a block of the chain, and so not above its head."""
    block = rpc.call("eth_getBlockByNumber", hex(cursor.number), False)
    if block is None:
        return [f"The mirror is at block {cursor.number}, which is above the chain's head."]
    if block["hash"] != cursor.hash:
        return [f"The mirror is at block {cursor.number} with hash {cursor.hash}, but the chain has {block['hash']} there."]
    return []


def _compare(engine: Engine, deployment: Deployment, blocks: Sequence[WalkedBlock]) -> list[str]:
    logs = [log for block in blocks for log in block.logs]
    own = (deployment.chain_id, deployment.escrow, blocks[0].number, blocks[-1].number)
    with reading(engine).begin() as connection:
        rows = Rows(connection, *own)
        return [
            *_block_differences(blocks, rows),
            *_event_differences(logs, rows),
            *_place_differences(logs, rows),
            *_value_differences(expected(logs), rows),
            *_payment_differences(expected(logs), rows),
        ]


class Rows:
    """One deployment's rows of some blocks, as one transaction sees them."""

    def __init__(self, connection: Connection, chain_id: int, escrow: str, first: int, last: int) -> None:
        self._connection, self._chain_id, self._escrow, self._first, self._last = connection, chain_id, escrow, first, last

    def of(self, table: type[SQLModel], *names: str, number: str = "block_number") -> Sequence[Any]:
        """Some columns of a table's rows, in the order of the chain."""
        columns = table.__table__.columns  # type: ignore[attr-defined]
        own = (columns.chain_id == self._chain_id, columns.escrow == self._escrow)
        query = select(*(columns[name] for name in names)).where(*own, columns[number].between(self._first, self._last))
        return self._connection.execute(query.order_by(columns[number])).all()


def _block_differences(blocks: Sequence[WalkedBlock], rows: Rows) -> Iterator[str]:
    names = ("number", "hash", "parent_hash", "timestamp_at", "log_count")
    stored = {row.number: row for row in rows.of(tables.Block, *names, number="number")}
    for block in blocks:
        row = stored.get(block.number)
        if row is None:
            if block.logs:
                yield f"Block {block.number} holds {len(block.logs)} logs and is missing from mirror_block."
        elif row.hash != block.hash:
            yield f"Block {block.number} is {row.hash} in mirror_block, a dead block: the chain has {block.hash} there."
        elif (row.parent_hash, int(row.timestamp_at.timestamp())) != (block.parent_hash, block.timestamp):
            yield f"Block {block.number} has another parent or time in mirror_block than on the chain."
        elif row.log_count != len(block.logs):
            yield f"Block {block.number} holds {len(block.logs)} logs, not {row.log_count} as mirror_block says."


def _event_differences(logs: Sequence[WalkedLog], rows: Rows) -> Iterator[str]:
    hashes = dict(rows.of(tables.Block, "number", "hash", number="number"))
    names = ("block_number", "log_index", "transaction_hash", "topics", "data")
    stored = Counter((hashes.get(row.block_number), *row) for row in rows.of(tables.Event, *names))
    walked = Counter((log.block_hash, *(getattr(log, name) for name in names)) for log in logs)
    for key in sorted(walked - stored, key=_order):
        yield f"Log {key[2]} of block {key[1]} is missing from mirror_event, or differs there."
    for key in sorted(stored - walked, key=_order):
        yield f"mirror_event has a log {key[2]} of block {key[1]} that the chain doesn't have so."


def _order(key: tuple[Any, ...]) -> tuple[int, int]:
    return key[1], key[2]


def _place_differences(logs: Sequence[WalkedLog], rows: Rows) -> Iterator[str]:
    """No row is of a dead block."""
    transactions = {(log.block_number, log.log_index): log.transaction_hash for log in logs}
    for table in tables.EVENT_TABLES:
        name = str(table.__tablename__)
        said = "transaction_hash" in table.__table__.columns  # type: ignore[attr-defined]
        for place, *transaction in {
            ((row[0], row[1]), *row[2:])
            for row in rows.of(table, "block_number", "log_index", *(["transaction_hash"] if said else []))
        }:
            if place not in transactions or (said and transactions[place] != transaction[0]):
                yield f"{name} has a row of log {place[1]} of block {place[0]}, which isn't ours on this chain."


def _value_differences(wanted: Expected, rows: Rows) -> Iterator[str]:
    for table, by_place in wanted.rows.items():
        names = sorted({name for row in by_place.values() for name in row})
        stored: dict[Any, list[Any]] = {}
        for row in rows.of(table, "block_number", "log_index", *names):
            stored.setdefault((row.block_number, row.log_index), []).append(row)
        for place, values in by_place.items():
            if not any(all(getattr(row, name) == value for name, value in values.items()) for row in stored.get(place, [])):
                yield f"{table.__tablename__} doesn't say of log {place[1]} of block {place[0]} what the log says."
        for place in stored.keys() - by_place.keys() if table not in PARTIAL else ():
            yield f"{table.__tablename__} has a row of log {place[1]} of block {place[0]}, which says no such thing."


def _payment_differences(wanted: Expected, rows: Rows) -> Iterator[str]:
    names = ("block_number", "log_index", "place", "worker", "slots")
    stored: dict[Any, dict[int, tuple[str, int]]] = {}
    for row in rows.of(tables.WorkerPayment, *names):
        stored.setdefault((row.block_number, row.log_index), {})[row.place] = (row.worker, row.slots)
    for place, paid in wanted.paid.items():
        if stored.get(place, {}) != paid:
            yield f"mirror_worker_payment has other workers or slots than log {place[1]} of block {place[0]} paid."
    if wanted.slots:
        found = rows.of(tables.SlotPayment, "job", "slot", "worker", "transaction_hash")
        slots = {(row.job, row.slot): (row.worker, row.transaction_hash) for row in found}
        for key, paid_by in wanted.slots.items():
            if slots.get(key) != paid_by:
                yield f"mirror_slot_payment doesn't say that slot {key[1]} of job {key[0]} was paid to {paid_by[0]}."
