"""The mirror: the escrow's events as SQL tables.

`mirror_event` has every log as it was; the other tables say what it means. Rows of events are keyed by where the chain has them,
(chain_id, block_number, log_index, escrow), and set by values, never by increments: mirroring a block again writes the same rows,
and a reorg deletes the rows of the blocks that are gone. Hashes and addresses are
lower-case hex text with 0x; amounts are base units. The indexer alone writes here; the backend reads.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from indexer.tables.bonds import BondClaim, BondEntry
from indexer.tables.columns import CLUSTERED as _CLUSTERED
from indexer.tables.columns import DerivedRow as _Derived
from indexer.tables.columns import EventRow as _Event
from indexer.tables.columns import amount as _amount
from indexer.tables.columns import big as _big
from indexer.tables.columns import by_order as _by_order
from indexer.tables.reputation import WorkerGrievance, WorkerPatron
from piecework.sql import Instant


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


class Event(_Event, table=True):
    """Every log of the escrow, as the chain has it."""

    __tablename__ = "mirror_event"
    __table_args__ = _CLUSTERED
    name: str = Field(max_length=32)
    topics: bytes = Field(sa_type=LargeBinary)
    """32 bytes each, the event's own first."""
    data: bytes = Field(sa_type=LargeBinary)


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


class JobWord(_Derived, table=True):
    """Every event that changes a job's word or its money, with both after it, and with what is known of its requester by then.

    The newest row of a job is its state, the newest row of a requester its record.
    """

    __tablename__ = "mirror_job_word"
    __table_args__ = (
        _by_order("mirror_job_word_newest", "job"),
        Index("mirror_job_word_requester", "requester", "chain_id", "block_number", "log_index"),
        _CLUSTERED,
    )
    job: str = Field(max_length=66)
    funded: int = _big()
    """Money was locked for them."""
    taken: int = _big()
    """Not free any more."""
    resolved: int = _big()
    """Their money has left the job."""
    closed: bool
    locked: int = _amount()
    """Base units that are still in the job, rewards and fees."""
    paid_out: int = _amount()
    """To workers, deposits aside."""
    fees: int = _amount()
    refunded: int = _amount()
    """To the requester: cancelled, reclaimed, lost by a worker's appeal, or free at the close; deposits aside."""
    deposits: int = _amount()
    """Held for slots that are contested now."""
    stakes: int = _amount()
    """Held for appeals that haven't ended."""
    requester: str = Field(max_length=42)
    requester_paid: int = _big()
    """Slots that it paid workers for, in all its jobs, however it came to that."""
    requester_contested: int = _big()
    requester_conceded: int = _big()
    """Of the contested: paid after all, before an appeal."""
    requester_appealed: int = _big()
    requester_overturned: int = _big()
    """Of the appealed: the worker won, by a ruling or because nobody defended."""
    requester_upheld: int = _big()
    requester_reclaimed: int = _big()
    """Of the contested: taken back, because nobody appealed."""
    requester_timed: int = _big()
    """Paid slots that were opened before; a settlement takes no time that the chain would know of."""
    requester_seconds: int = _big()
    """From opening to pay, added up over these slots."""


class SettledBatch(_Event, table=True):
    """`BatchSettled`, as it was paid: slots that weren't free any more read 0 in `places`."""

    __tablename__ = "mirror_batch"
    __table_args__ = _CLUSTERED
    job: str = Field(max_length=66)
    batch: str = Field(max_length=66, index=True)
    first_slot: int = _big()
    worker_count: int
    answer_root: str = Field(max_length=66)
    places: bytes = Field(sa_type=LargeBinary)


RUN = 64
"""Slots of a run: the first begins with slot 0. A settlement has a row for each run that it pays slots of."""


class SlotRun(SQLModel, table=True):
    """Slots of one run that one event paid or cancelled; `SlotPayment` is how to read it."""

    __tablename__ = "mirror_slot_run"
    __table_args__ = _CLUSTERED
    job: str = Field(primary_key=True, max_length=66)
    run: int = _big(primary_key=True)
    """Its slots divided by `RUN`."""
    chain_id: int = _big(primary_key=True)
    block_number: int = _big(primary_key=True)
    log_index: int = Field(primary_key=True)
    escrow: str = Field(max_length=42)
    first_slot: int = _big()
    places: str = Field(max_length=2 * RUN)
    """Two hex digits a slot from the first one on: 00 for one that this event didn't pay, else the `place` of the `WorkerPayment`."""


class Byte(SQLModel, table=True):
    """The numbers from 0 to 255, each with its two hex digits: what the view counts and reads places with."""

    __tablename__ = "mirror_byte"
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digits: str = Field(max_length=2, unique=True)


class WorkerPayment(_Derived, table=True):
    """`WorkersPaid`: what one worker got by one settlement or opening, and `AppealEnded`: what it won. Rewards, not deposits."""

    __tablename__ = "mirror_worker_payment"
    __table_args__ = (
        Index(
            "mirror_worker_payment_newest",
            *("worker", "token", "chain_id", "block_number", "log_index", "place"),
        ),
        _CLUSTERED,
    )
    place: int = Field(primary_key=True)
    """In the table of the `WorkersPaid`; 1 for an appeal, which has none."""
    job: str = Field(max_length=66)
    worker: str = Field(max_length=42)
    token: str = Field(max_length=42)
    slots: int = _big()
    slot_amount: int = _amount()
    """Base units a slot: the reward; for cancelled ones what went back to the requester, reward and fee."""
    amount: int = _amount()
    outcome: str = Field(max_length=9)
    """pushed (into the worker's wallet), credited (in the ledger) or cancelled (back to the requester)."""
    first_slot: int = _big()
    last_slot: int = _big()
    """Between these two are the slots that it was for."""
    slots_total: int = _big()
    """This and the three below: of this worker and token up to and with this payment, what was cancelled aside. So the newest row of
    a worker and token is what it has earned."""
    amount_total: int = _amount()
    jobs_total: int = _big()
    requesters_total: int = _big()


class LedgerEntry(_Derived, table=True):
    """Every change of a ledger balance, with the balance after it; the newest row of an account and token is its balance."""

    __tablename__ = "mirror_ledger_entry"
    __table_args__ = (
        Index("mirror_ledger_entry_account", "chain_id", "account", "token", "block_number", "log_index", "sequence"),
        _CLUSTERED,
    )
    sequence: int = Field(primary_key=True)
    """Orders the changes that one event makes."""
    account: str = Field(max_length=42)
    token: str = Field(max_length=42)
    reason: str = Field(max_length=16)
    """deposited, locked, earned, cancelled, refunded, fee, tip, contest_deposit, appeal_stake, withdrawn, or relay_fee."""
    job: str | None = Field(default=None, max_length=66)
    credit: int = _amount()
    debit: int = _amount()
    balance: int = _amount()


class LedgerWithdrawal(_Event, table=True):
    """`Withdrawn`: money that left the ledger, and who carried it."""

    __tablename__ = "mirror_withdrawal"
    __table_args__ = (Index("mirror_withdrawal_transaction", "transaction_hash"), _CLUSTERED)
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


class Opening(_Event, table=True):
    """`BatchOpened`: a batch on the chain, with the slots that it took. With its job it is all that later calls hand in."""

    __tablename__ = "mirror_opening"
    __table_args__ = (Index("mirror_opening_opened", "opened_at"),)
    job: str = Field(max_length=66, index=True)
    opening: str = Field(max_length=66, index=True)
    batch: str = Field(max_length=66, index=True)
    first_slot: int = _big()
    workers: str = Field(sa_type=Text)
    """JSON list of addresses, by place."""
    answer_root: str = Field(max_length=66)
    places: bytes = Field(sa_type=LargeBinary)
    slots: int
    opened_at: int = _big()
    """Unix seconds, as the escrow has it; the review window runs from here."""


class _OfOpening(_Event):
    job: str = Field(max_length=66, index=True)
    opening: str = Field(max_length=66, index=True)
    places: bytes = Field(sa_type=LargeBinary)
    """The slots of it that this is about."""
    slots: int


class Finalization(_OfOpening, table=True):
    """`OpeningFinalized`: an opening's slots that nobody contested were paid."""

    __tablename__ = "mirror_finalization"


class Contest(_OfOpening, table=True):
    """`SlotsContested`: slots of an opening that the requester's side won't pay for."""

    __tablename__ = "mirror_contest"
    contested_by: str = Field(max_length=42)
    reason: str = Field(max_length=66)
    """Its hash."""


class Concession(_OfOpening, table=True):
    """`ContestConceded`: contested slots were credited after all, with their deposits."""

    __tablename__ = "mirror_concession"


class Reclaim(_OfOpening, table=True):
    """`SlotsReclaimed`: contested slots that nobody appealed went back to the requester."""

    __tablename__ = "mirror_reclaim"


class Appeal(_Event, table=True):
    """`Appealed`: a worker's contested slots, at a stake. `mirror_appealed_opening` says which; with them it is all that later
    calls hand in."""

    __tablename__ = "mirror_appeal"
    job: str = Field(max_length=66, index=True)
    appeal: str = Field(max_length=66, index=True)
    worker: str = Field(max_length=42, index=True)
    sponsor: str = Field(max_length=42)
    request: str = Field(max_length=66)
    """Struct hash of the `AppealRequest`."""
    slots: int
    appealed_at: int = _big()
    """Unix seconds, as the escrow has it."""


class AppealedOpening(_Event, table=True):
    """One opening of an appeal, with the slots that are appealed in it."""

    __tablename__ = "mirror_appealed_opening"
    position: int = Field(primary_key=True)
    appeal: str = Field(max_length=66, index=True)
    opening: str = Field(max_length=66, index=True)
    places: bytes = Field(sa_type=LargeBinary)


_PENDING = text("phase = 'pending'")


class AppealPhase(_Event, table=True):
    """Every step of an appeal, with all that is known after it; the newest row of an appeal is where it stands."""

    __tablename__ = "mirror_appeal_phase"
    __table_args__ = (
        _by_order("mirror_appeal_phase_newest", "appeal"),
        Index("mirror_appeal_phase_dispute", "arbitrator", "dispute_id"),
        Index("mirror_appeal_phase_pending", "since_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )
    job: str = Field(max_length=66)
    appeal: str = Field(max_length=66)
    phase: str = Field(max_length=8)
    """pending, defended, ruled or done."""
    since_at: int = _big()
    """Unix seconds."""
    arbitrator: str | None = Field(default=None, max_length=42)
    dispute_id: int | None = _amount(default=None)
    cost: int | None = _amount(default=None)
    """Wei that the arbitrator was paid."""
    ruling: int | None = _amount(default=None)
    """As it was given: 2 is for the requester, anything else for the worker."""
    winner: str | None = Field(default=None, max_length=9)
    """worker or requester, once it is done."""


class Evidence(_Event, table=True):
    """`MetaEvidence` and `Evidence` (ERC-1497) of an appeal."""

    __tablename__ = "mirror_evidence"
    appeal: str = Field(max_length=66, index=True)
    kind: str = Field(max_length=8)
    """meta (what the requester's side says is to be read first) or evidence."""
    party: str | None = Field(default=None, max_length=42)
    content: bytes = Field(sa_type=LargeBinary)
    """An address of the content; meant as UTF-8, but nobody checks."""


class SlotStep(_Derived, table=True):
    """What became of a slot that wasn't simply settled; the newest row of a slot is its state, unless it is paid by now."""

    __tablename__ = "mirror_slot_step"
    __table_args__ = (Index("mirror_slot_step_job_slot", "job", "slot", "block_number", "log_index"), _CLUSTERED)
    slot: int = _big(primary_key=True)
    job: str = Field(max_length=66)
    worker: str = Field(max_length=42, index=True)
    opening: str = Field(max_length=66, index=True)
    state: str = Field(max_length=9)
    """opened, contested, appealed, or refunded (to the requester: reclaimed, or ruled so)."""


class OperatorAllowance(_Event, table=True):
    """Every change of what an operator may spend of a requester's balance; the newest row of the three is what is left."""

    __tablename__ = "mirror_operator_allowance"
    __table_args__ = (_by_order("mirror_operator_allowance_newest", "requester", "operator", "token"),)
    requester: str = Field(max_length=42)
    operator: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    spent: int = _amount()
    """Base units that this event spent; 0 where the requester set the allowance."""
    allowance: int = _amount()
    expires_at: int = _amount()
    """Unix seconds; any uint64, which is more than a database's integer."""


class Tip(_Event, table=True):
    """`Tipped`: base units from one ledger balance to another."""

    __tablename__ = "mirror_tip"
    __table_args__ = (
        Index("mirror_tip_newest", "sender", "token", "chain_id", "block_number", "log_index", "position"),
    )
    position: int = Field(primary_key=True)
    sender: str = Field(max_length=42)
    receiver: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    amount: int = _amount()
    note: str = Field(max_length=66)
    """32 bytes that say what for."""
    sent_count: int = _big()
    """Tips of this sender in this token up to and with this one."""
    sent_total: int = _amount()


class DeferredIndex(SQLModel, table=True):
    """An index that a first backfill does without, until it is made at its end (`piecework.migrations.deferred`)."""

    __tablename__ = "mirror_deferred_index"
    name: str = Field(primary_key=True, max_length=63)
    ddl: str = Field(sa_type=Text)
    """The statement that makes it."""


EVENT_TABLES: tuple[type[_Derived], ...] = (
    Event,
    Job,
    Funding,
    Close,
    JobWord,
    SettledBatch,
    WorkerPayment,
    LedgerEntry,
    LedgerWithdrawal,
    ProtocolFee,
    Opening,
    Finalization,
    Contest,
    Concession,
    Reclaim,
    Appeal,
    AppealedOpening,
    AppealPhase,
    Evidence,
    SlotStep,
    OperatorAllowance,
    Tip,
    WorkerPatron,
    WorkerGrievance,
    BondEntry,
    BondClaim,
)
"""Everything that a reorg deletes from the fork on."""

TABLES: tuple[type[SQLModel], ...] = (Deployment, Block, SlotRun, Byte, DeferredIndex, *EVENT_TABLES)
"""All tables of the mirror."""


class SlotPayment(SQLModel, table=True):
    """A view: which worker was paid for which slot by which transaction. Who asks for a slot says its run too (`run_of`), which is what
    the key has.

    `log_index` is that of the `WorkersPaid`, or of the `AppealEnded` that the worker won.
    """

    __tablename__ = "mirror_slot_payment"
    job: str = Field(primary_key=True, max_length=66)
    slot: int = _big(primary_key=True)
    run: int = _big()
    chain_id: int = _big()
    escrow: str = Field(max_length=42)
    block_number: int = _big()
    log_index: int
    transaction_hash: str = Field(max_length=66)
    worker: str = Field(max_length=42)
    amount: int = _amount()
    """The reward; for a cancelled slot what went back to the requester, reward and fee."""
    outcome: str = Field(max_length=9)
    """pushed (into the worker's wallet), credited (in the ledger) or cancelled (back to the requester)."""


def run_of(slot: Any) -> Any:
    """The run of a slot, of a number as of a column."""
    return slot // RUN


VIEWS = {
    str(SlotPayment.__tablename__): f"""
        SELECT r.job, r.first_slot + n.number AS slot, r.run, r.chain_id, r.escrow, r.block_number, r.log_index, e.transaction_hash,
               p.worker, p.slot_amount AS amount, p.outcome
          FROM mirror_slot_run r
          JOIN mirror_byte n ON n.number < length(r.places) / 2
          JOIN mirror_byte b ON b.digits = substr(r.places, 2 * n.number + 1, 2)
          JOIN mirror_worker_payment p ON p.chain_id = r.chain_id AND p.block_number = r.block_number AND p.log_index = r.log_index
           AND p.escrow = r.escrow AND p.place = b.number + 0 AND p.job = r.job
           AND r.run BETWEEN p.first_slot / {RUN} AND p.last_slot / {RUN}
          JOIN mirror_event e ON e.chain_id = r.chain_id AND e.block_number = r.block_number AND e.log_index = r.log_index
           AND e.escrow = r.escrow"""
}
"""The SELECT of each; from a worker's payments the condition on the runs leads to its slots, from a run the key to its payments. The 0
that is added keeps SQLite from trying a run with every payment of a settlement, instead of asking for each place by its key."""
