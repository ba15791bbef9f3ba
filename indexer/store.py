"""What handlers write into: the rows of one transaction, and the balances and jobs they stand on."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import SQLModel

from indexer import tables
from indexer.chain import AnswerRefused
from indexer.decode import Position


_JOB = tables.Job.__table__.columns  # type: ignore[attr-defined]
_JOB_PRICE = select(_JOB.requester, _JOB.token, _JOB.reward, _JOB.fee).where(
    *(_JOB[name] == bindparam(name) for name in ("chain_id", "escrow", "job"))
)
_ENTRY = tables.LedgerEntry.__table__.columns  # type: ignore[attr-defined]
_NEWEST_BALANCE = (
    select(_ENTRY.balance)
    .where(*(_ENTRY[name] == bindparam(name) for name in ("chain_id", "escrow", "account", "token")))
    .order_by(*(_ENTRY[name].desc() for name in ("block_number", "log_index", "sequence")))
    .limit(1)
)
"""Both are built once: a settlement asks the second for every worker it credits."""


@dataclass(frozen=True, slots=True)
class JobPrice:
    """What handlers must know of a job: base units of `token` that a slot pays its worker and owes the protocol."""

    requester: str
    token: str
    reward: int
    fee: int

    @property
    def slot(self) -> int:
        """Base units that a slot locks."""
        return self.reward + self.fee


class Store:
    """Collects rows in the order of the chain; nothing is written before the mirror does.

    The connection's transaction must already be rid of every row from the first collected block on: what it finds there is
    what the new rows follow.
    """

    def __init__(self, connection: Connection, chain_id: int, escrow: str) -> None:
        self._connection, self._chain_id, self._escrow = connection, chain_id, escrow
        self._balances: dict[tuple[str, str], int] = {}
        self._jobs: dict[str, JobPrice] = {}
        self._sequence: tuple[Position | None, int] = (None, 0)
        self.rows: dict[type[SQLModel], list[dict[str, Any]]] = {}

    def keys(self, at: Position) -> dict[str, Any]:
        """The columns that every row of an event has."""
        return {
            "chain_id": self._chain_id,
            "block_number": at.block_number,
            "log_index": at.log_index,
            "escrow": self._escrow,
            "transaction_hash": at.transaction_hash,
        }

    def add(self, table: type[SQLModel], at: Position, **values: Any) -> None:
        """One row."""
        self.extend(table, [self.keys(at) | values])

    def extend(self, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
        """Many rows, each with the columns of `keys`."""
        self.rows.setdefault(table, []).extend(rows)

    def post(self, job: str, price: JobPrice) -> None:
        """Remembers a job whose row isn't written yet."""
        self._jobs[job] = price

    def job(self, at: Position, job: str) -> JobPrice:
        """A job that was posted before.

        Raises:
            AnswerRefused: it wasn't, so the node must have kept its `JobPosted` from us.
        """
        if job not in self._jobs:
            known = {"chain_id": self._chain_id, "escrow": self._escrow, "job": job}
            found = self._connection.execute(_JOB_PRICE, known).first()
            if found is None:
                raise AnswerRefused(f"Block {at.block_number} has an event of job {job}, which was never posted.")
            self._jobs[job] = JobPrice(*found)
        return self._jobs[job]

    def credit(self, at: Position, account: str, token: str, amount: int, reason: str, job: str | None = None) -> None:
        """Base units come into a ledger balance; nothing is written for 0."""
        self._move(at, account, token, amount, 0, reason, job)

    def debit(self, at: Position, account: str, token: str, amount: int, reason: str, job: str | None = None) -> None:
        """Base units leave a ledger balance.

        Raises:
            AnswerRefused: there is less in it, so the node must have kept an event from us.
        """
        self._move(at, account, token, 0, amount, reason, job)

    def _move(
        self, at: Position, account: str, token: str, credit: int, debit: int, reason: str, job: str | None
    ) -> None:
        if credit == debit:
            return
        balance = self._balance(account, token) + credit - debit
        if balance < 0:
            raise AnswerRefused(f"Block {at.block_number} takes more out of the ledger of {account} than came into it.")
        self._balances[account, token] = balance
        moved = {"account": account, "token": token, "credit": credit, "debit": debit, "balance": balance}
        self.add(tables.LedgerEntry, at, sequence=self._next(at), reason=reason, job=job, **moved)

    def _next(self, at: Position) -> int:
        before, sequence = self._sequence
        self._sequence = (at, sequence + 1 if before == at else 0)
        return self._sequence[1]

    def _balance(self, account: str, token: str) -> int:
        """The newest entry's balance."""
        key = (account, token)
        if key not in self._balances:
            owner = {"chain_id": self._chain_id, "escrow": self._escrow, "account": account, "token": token}
            self._balances[key] = self._connection.execute(_NEWEST_BALANCE, owner).scalar() or 0
        return self._balances[key]
