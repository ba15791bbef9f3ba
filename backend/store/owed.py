"""What the escrow owes by its own events: ledger balances, and what jobs still hold. Added up from one block to another, so that
nothing is added twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, tuple_
from sqlmodel import col

from backend.store import mirror
from indexer.tables import Job, JobWord, LedgerEntry

AT_ONCE = 5_000

_ENTRIES = (
    select(LedgerEntry.block_number, LedgerEntry.log_index, LedgerEntry.sequence, LedgerEntry.credit, LedgerEntry.debit)
    .where(
        *mirror.own(LedgerEntry),
        col(LedgerEntry.token) == bindparam("token"),
        tuple_(col(LedgerEntry.block_number), col(LedgerEntry.log_index), col(LedgerEntry.sequence))
        > tuple_(bindparam("block"), bindparam("log"), bindparam("place")),
        col(LedgerEntry.block_number) <= bindparam("last"),
    )
    .order_by(col(LedgerEntry.block_number), col(LedgerEntry.log_index), col(LedgerEntry.sequence))
    .limit(AT_ONCE)
)
_WORDS = (
    select(JobWord.job, JobWord.block_number, JobWord.log_index, JobWord.locked, JobWord.deposits, JobWord.stakes)
    .join(Job, and_(col(Job.job) == col(JobWord.job), col(Job.token) == bindparam("token")))
    .where(
        *mirror.own(JobWord),
        tuple_(col(JobWord.block_number), col(JobWord.log_index)) > tuple_(bindparam("block"), bindparam("log")),
        col(JobWord.block_number) <= bindparam("last"),
    )
    .order_by(col(JobWord.block_number), col(JobWord.log_index))
    .limit(AT_ONCE)
)
_BEFORE = (
    select(JobWord.locked, JobWord.deposits, JobWord.stakes)
    .where(
        *mirror.own(JobWord),
        col(JobWord.job) == bindparam("job"),
        tuple_(col(JobWord.block_number), col(JobWord.log_index)) < tuple_(bindparam("block"), bindparam("log")),
    )
    .order_by(col(JobWord.block_number).desc(), col(JobWord.log_index).desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Owed:
    """Base units of one token: in ledger balances, and in jobs (locked for slots, deposits and stakes)."""

    balances: int = 0
    jobs: int = 0

    @property
    def total(self) -> int:
        return self.balances + self.jobs

    def __add__(self, other: "Owed") -> "Owed":
        return Owed(self.balances + other.balances, self.jobs + other.jobs)


def between(connection: Connection, token: str, after: int, last: int) -> Owed:
    """How what is owed changed in the blocks after `after` up to `last`."""
    return Owed(_balances(connection, token, after, last), _jobs(connection, token, after, last))


def _balances(connection: Connection, token: str, after: int, last: int) -> int:
    total, at = 0, (after, 2**31 - 1, 2**31 - 1)
    while True:
        block, log, place = at
        values = {"token": token, "block": block, "log": log, "place": place, "last": last}
        rows = connection.execute(_ENTRIES, values).all()
        total += sum(row.credit - row.debit for row in rows)
        if len(rows) < AT_ONCE:
            return total
        at = (rows[-1].block_number, rows[-1].log_index, rows[-1].sequence)


def _jobs(connection: Connection, token: str, after: int, last: int) -> int:
    total, at = 0, (after, 2**31 - 1)
    while True:
        rows = connection.execute(_WORDS, {"token": token, "block": at[0], "log": at[1], "last": last}).all()
        held: dict[str, int] = {}
        for row in rows:
            if row.job not in held:
                total -= _before(connection, row)
            held[row.job] = _money(row)
        total += sum(held.values())
        if len(rows) < AT_ONCE:
            return total
        at = (rows[-1].block_number, rows[-1].log_index)


def _before(connection: Connection, row: Row[Any]) -> int:
    found: Sequence[Row[Any]] = connection.execute(
        _BEFORE, {"job": row.job, "block": row.block_number, "log": row.log_index}
    ).all()
    return _money(found[0]) if found else 0


def _money(row: Row[Any]) -> int:
    return int(row.locked + row.deposits + row.stakes)
