"""What the chain says, as the indexer has mirrored it. Read only: every on-chain state is derived here at the moment of asking."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, literal, select
from sqlmodel import col

from backend.store.tables import Home, Posting, SignedBatch
from indexer.tables import (
    Close,
    Deployment,
    Funding,
    Job,
    JobWord,
    LedgerEntry,
    LedgerWithdrawal,
    OperatorAllowance,
    ProtocolFee,
    SettledBatch,
    SlotPayment,
    WorkerPayment,
    run_of,
)


def own(table: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Rows of the escrow that this database's coordinator serves; the mirror may have others beside it. A job's id or a batch's digest
    binds the escrow already."""
    chain_id, escrow = (select(col(column)).scalar_subquery() for column in (Home.chain_id, Home.escrow))
    return (col(table.chain_id) == chain_id, col(table.escrow) == escrow)


def is_slot(table: Any, slot: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """Rows of a slot in a job's payments, whose key has its run, or in its steps."""
    return [col(table.slot) == slot, *([col(table.run) == run_of(slot)] if table is SlotPayment else [])]


def _funded(job: ColumnElement[str]) -> ColumnElement[int]:
    funded = select(func.max(col(Funding.first_slot) + col(Funding.slots))).where(col(Funding.job) == job)
    return func.coalesce(funded.scalar_subquery(), 0)


def job_state(job: ColumnElement[str], slots: ColumnElement[int]) -> ColumnElement[str]:
    """draft, open or closed. A job whose funding doesn't cover all its slots yet stays a draft, so that nobody works for a slot
    without money."""
    return case(
        (exists().where(col(Close.job) == job), "closed"),
        (and_(exists().where(col(Job.job) == job), _funded(job) >= slots), "open"),
        else_="draft",
    )


posting_state = job_state(col(Posting.job), col(Posting.slots))
"""The state of a row of `posting`."""

job_is_closed = exists().where(col(Close.job) == col(Posting.job))

batch_settlement = (
    select(col(SettledBatch.transaction_hash))
    .where(col(SettledBatch.batch) == col(SignedBatch.digest))
    .limit(1)
    .scalar_subquery()
)
"""The transaction that settled a row of `batch`, or NULL."""

_JOB_NOW = select(
    job_state(bindparam("job"), bindparam("slots")).label("state"),
    select(col(Deployment.head_timestamp_at)).where(*own(Deployment)).scalar_subquery().label("head_at"),
)
_FEE = (
    select(col(ProtocolFee.fee_bps))
    .where(*own(ProtocolFee))
    .order_by(col(ProtocolFee.block_number).desc(), col(ProtocolFee.log_index).desc())
    .limit(1)
)
_HEAD = select(Deployment.next_block, Deployment.head_number, Deployment.head_hash, Deployment.head_timestamp_at).where(
    *own(Deployment)
)
_BALANCES = (
    select(LedgerEntry.token, LedgerEntry.balance)
    .where(*own(LedgerEntry), col(LedgerEntry.account) == bindparam("account"))
    .order_by(
        col(LedgerEntry.block_number).desc(), col(LedgerEntry.log_index).desc(), col(LedgerEntry.sequence).desc()
    )
)
_BALANCE = _BALANCES.with_only_columns(LedgerEntry.balance).where(col(LedgerEntry.token) == bindparam("token")).limit(1)
_ALLOWANCE = (
    select(OperatorAllowance.allowance, OperatorAllowance.expires_at)
    .where(
        *own(OperatorAllowance),
        col(OperatorAllowance.requester) == bindparam("by"),
        col(OperatorAllowance.operator) == bindparam("operator"),
        col(OperatorAllowance.token) == bindparam("token"),
    )
    .order_by(col(OperatorAllowance.block_number).desc(), col(OperatorAllowance.log_index).desc())
    .limit(1)
)
_RELAYED = (
    select(LedgerWithdrawal.token, func.count())
    .where(
        *own(LedgerWithdrawal),
        col(LedgerWithdrawal.owner) == bindparam("account"),
        col(LedgerWithdrawal.relayer) != bindparam("account"),
    )
    .group_by(col(LedgerWithdrawal.token))
)
_EARNED = (
    select(WorkerPayment.slots_total, WorkerPayment.amount_total)
    .where(
        *own(WorkerPayment),
        col(WorkerPayment.worker) == bindparam("account"),
        col(WorkerPayment.token) == bindparam("token"),
    )
    .order_by(
        col(WorkerPayment.block_number).desc(),
        col(WorkerPayment.log_index).desc(),
        col(WorkerPayment.place).desc(),
    )
    .limit(1)
)
_SETTLED = select(SettledBatch.batch).where(col(SettledBatch.batch).in_(bindparam("digests", expanding=True)))
_WITHDRAWN = select(literal(1)).where(col(LedgerWithdrawal.transaction_hash) == bindparam("hash")).limit(1)
_LOCKED = select(
    select(col(JobWord.locked))
    .where(col(JobWord.job) == col(Posting.job))
    .order_by(col(JobWord.block_number).desc(), col(JobWord.log_index).desc())
    .limit(1)
    .correlate(Posting)
    .scalar_subquery()
).where(col(Posting.requester) == bindparam("by"), col(Posting.token) == bindparam("token"))
_FUNDED = select(literal(1)).where(col(Funding.job) == bindparam("job")).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """How far the mirror has come: the first block that it lacks, and the last one it has with its time."""

    next_block: int
    number: int
    hash: str
    timestamp_at: datetime


def head(connection: Connection) -> Head | None:
    """The mirror's head; None before it has begun."""
    row = connection.execute(_HEAD).one_or_none()
    return None if row is None else Head(*row)


def fee_bps(connection: Connection) -> int:
    """The protocol's fee for jobs posted now."""
    return int(connection.execute(_FEE).scalar() or 0)


def job_now(connection: Connection, job: str, slots: int) -> tuple[str, datetime]:
    """A job's state, and the time on the chain (the epoch before the mirror has begun)."""
    row = connection.execute(_JOB_NOW, {"job": job, "slots": slots}).one()
    return row.state, row.head_at or datetime.fromtimestamp(0, UTC)


def now(connection: Connection, here: float) -> int:
    """Unix seconds by the chain, or by ours (`here`) if its last block is older."""
    newest = head(connection)
    return max(int(here), int(newest.timestamp_at.timestamp())) if newest else int(here)


def balances(connection: Connection, account: str) -> dict[str, int]:
    """Base units by token in the account's ledger: of each token the newest entry."""
    newest: dict[str, int] = {}
    for token, balance in connection.execute(_BALANCES, {"account": account}):
        newest.setdefault(token, balance)
    return newest


def balance(connection: Connection, account: str, token: str) -> int:
    """Base units of one token in the account's ledger."""
    return int(connection.execute(_BALANCE, {"account": account, "token": token}).scalar() or 0)


def allowance(connection: Connection, requester: str, operator: str, token: str) -> tuple[int, int]:
    """Base units that an operator may still spend of a requester's balance, and the Unix second at which that ends."""
    row = connection.execute(_ALLOWANCE, {"by": requester, "operator": operator, "token": token}).one_or_none()
    return (0, 0) if row is None else (row.allowance, row.expires_at)


def relayed(connection: Connection, account: str) -> dict[str, int]:
    """How many withdrawals of the account others carried, by token."""
    return {token: count for token, count in connection.execute(_RELAYED, {"account": account})}


def earned(connection: Connection, account: str, token: str) -> tuple[int, int]:
    """Slots paid to a worker, and the base units of `token` for them."""
    row = connection.execute(_EARNED, {"account": account, "token": token}).one_or_none()
    return (0, 0) if row is None else (row.slots_total, row.amount_total)


def settled(connection: Connection, digests: list[str]) -> set[str]:
    """Those of the batches that the chain has settled."""
    return set(connection.execute(_SETTLED, {"digests": digests}).scalars())


def withdrawn(connection: Connection, transaction_hash: str) -> bool:
    """Whether the mirror has a withdrawal of that transaction."""
    return connection.execute(_WITHDRAWN, {"hash": transaction_hash}).scalar() is not None


def is_funded(connection: Connection, job: str) -> bool:
    """Whether the mirror has seen money locked for a job."""
    return connection.execute(_FUNDED, {"job": job}).scalar() is not None


def locked(connection: Connection, requester: str, token: str) -> int:
    """Base units that are locked in a requester's jobs."""
    rows = connection.execute(_LOCKED, {"by": requester, "token": token}).scalars()
    return sum(amount for amount in rows if amount is not None)
