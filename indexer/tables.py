"""The mirror: the escrow's events as SQL tables.

Rows of events are keyed by where the chain has them, (chain_id, block_number, log_index), and set by values, never by increments:
mirroring a block again writes the same rows, and a reorg deletes the rows of the blocks that are gone. Hashes and addresses are
lower-case hex text with 0x; amounts are base units. The indexer alone writes here; the backend reads.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import BigInteger, Field, SQLModel

from piecework.sql import Instant, Uint256


def _amount(**options: Any) -> Any:
    return Field(sa_type=Uint256, **options)


def _big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


class Deployment(SQLModel, table=True):
    """One escrow on one chain, and how far the mirror has come.

    The cursor moves in the transaction that writes the rows it has passed.
    """

    __tablename__ = "mirror_deployment"
    chain_id: int = _big(primary_key=True)
    escrow: str = Field(primary_key=True, max_length=42)
    genesis_hash: str = Field(max_length=66)
    start_block: int = _big()
    next_block: int = _big()
    """The first block that is not mirrored yet."""
    head_number: int = _big()
    """The last block that is mirrored."""
    head_hash: str = Field(max_length=66)
    head_timestamp_at: datetime = Field(sa_type=Instant)


class Block(SQLModel, table=True):
    """The hash of every block within reach of a reorg, and of every block that holds an event of ours."""

    __tablename__ = "mirror_block"
    chain_id: int = _big(primary_key=True)
    escrow: str = Field(primary_key=True, max_length=42)
    number: int = _big(primary_key=True)
    hash: str = Field(max_length=66)
    parent_hash: str = Field(max_length=66)
    timestamp_at: datetime = Field(sa_type=Instant)
    log_count: int
    """How many logs of the escrow it holds."""


class _Event(SQLModel):
    chain_id: int = _big(primary_key=True)
    block_number: int = _big(primary_key=True)
    log_index: int = Field(primary_key=True)
    escrow: str = Field(max_length=42)
    transaction_hash: str = Field(max_length=66, index=True)


class Job(_Event, table=True):
    """`JobPosted`: a job and its terms."""

    __tablename__ = "mirror_job"
    job: str = Field(max_length=66, index=True)
    requester: str = Field(max_length=42, index=True)
    operator: str = Field(max_length=42)
    token: str = Field(max_length=42)
    reward: int = _amount()
    fee: int = _amount()
    coordinator: str = Field(max_length=42)
    arbitrator: str = Field(max_length=42)
    arbitrator_extra_data: str
    contest_deposit: int = _amount()
    appeal_stake: int = _amount()
    closes_at: int = _big()
    """Unix seconds, as the terms have it."""
    review_window: int = _big()
    appeal_window: int = _big()
    content_hash: str = Field(max_length=66)
    salt: str = Field(max_length=66)


class Funding(_Event, table=True):
    """`JobPosted` and `JobFunded`: slots that money was locked for."""

    __tablename__ = "mirror_funding"
    job: str = Field(max_length=66, index=True)
    first_slot: int = _big()
    slots: int = _big()
    content_hash: str = Field(max_length=66)
    source: str = Field(max_length=6)
    """ledger or wallet."""


class Close(_Event, table=True):
    """`JobClosed`: what was free went back to the requester."""

    __tablename__ = "mirror_close"
    job: str = Field(max_length=66, index=True)
    slots_refunded: int = _big()


class SettledBatch(_Event, table=True):
    """`BatchSettled`, as it was paid: slots that weren't free any more read 0 in `places`."""

    __tablename__ = "mirror_batch"
    job: str = Field(max_length=66, index=True)
    batch: str = Field(max_length=66, index=True)
    first_slot: int = _big()
    worker_count: int
    answer_root: str = Field(max_length=66)
    places: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class SlotPayment(_Event, table=True):
    """Which worker was paid for which slot by which transaction; `log_index` is that of the `BatchSettled`."""

    __tablename__ = "mirror_slot_payment"
    __table_args__ = (Index("mirror_slot_payment_job_slot", "job", "slot"),)
    slot: int = _big(primary_key=True)
    job: str = Field(max_length=66)
    worker: str = Field(max_length=42, index=True)
    amount: int = _amount()
    """The reward; for a cancelled slot what went back to the requester, reward and fee."""
    outcome: str = Field(max_length=9)
    """pushed (into the worker's wallet), credited (in the ledger) or cancelled (back to the requester)."""


class WorkerPayment(_Event, table=True):
    """`WorkersPaid`: what one worker got by one settlement; `log_index` is that of the event."""

    __tablename__ = "mirror_worker_payment"
    place: int = Field(primary_key=True)
    job: str = Field(max_length=66, index=True)
    worker: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    slots: int = _big()
    amount: int = _amount()
    outcome: str = Field(max_length=9)
    """pushed, credited or cancelled."""


class LedgerEntry(_Event, table=True):
    """Every change of a ledger balance, with the balance after it; the newest row of an account and token is its balance."""

    __tablename__ = "mirror_ledger_entry"
    __table_args__ = (
        Index(
            "mirror_ledger_entry_account",
            *("chain_id", "escrow", "account", "token", "block_number", "log_index", "sequence"),
        ),
    )
    sequence: int = Field(primary_key=True)
    """Orders the changes that one event makes."""
    account: str = Field(max_length=42)
    token: str = Field(max_length=42)
    reason: str = Field(max_length=16)
    """deposited, locked, earned, cancelled, refunded, fee, withdrawn, or relay_fee."""
    job: str | None = Field(default=None, max_length=66)
    credit: int = _amount()
    debit: int = _amount()
    balance: int = _amount()


class LedgerWithdrawal(_Event, table=True):
    """`Withdrawn`: money that left the ledger, and who carried it."""

    __tablename__ = "mirror_withdrawal"
    owner: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    receiver: str = Field(max_length=42)
    amount: int = _amount()
    relayer: str = Field(max_length=42)
    relay_fee: int = _amount()


class ProtocolFee(_Event, table=True):
    """`ProtocolFeeSet`: the fee of jobs posted from then on."""

    __tablename__ = "mirror_protocol_fee"
    fee_bps: int
    treasury: str = Field(max_length=42)


EVENT_TABLES: tuple[type[_Event], ...] = (
    Job,
    Funding,
    Close,
    SettledBatch,
    SlotPayment,
    WorkerPayment,
    LedgerEntry,
    LedgerWithdrawal,
    ProtocolFee,
)
"""Everything that a reorg deletes from the fork on."""

TABLES: tuple[type[SQLModel], ...] = (Deployment, Block, *EVENT_TABLES)
"""All tables of the mirror."""
