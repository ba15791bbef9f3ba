"""What the coordinator remembers. The indexer's mirror lies in the same database and is only read.

Hashes, addresses, signatures and job ids are lower-case hex text with 0x. On-chain facts (a job is open, a slot is paid, a batch
is settled) are never copied here: `backend.store.mirror` derives them when they are asked for, so a reorg can't leave them stale.
"""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Text, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from backend.store.tables import fields
from backend.store.tables.content import Attachment, Blob, ContentKey, Draft, UnitLoad
from backend.store.tables.fairness import (
    AnswerSignal,
    Detection,
    Finding,
    FindingReview,
    Prediction,
    RejectionRelease,
    ReviewTally,
    Sharing,
)
from backend.store.tables.keys import ApiKey, IdempotencyKey
from backend.store.tables.mturk import (
    MTurkCall,
    MTurkEvent,
    MTurkHit,
    MTurkHitType,
    MTurkKey,
    MTurkLayout,
    MTurkPart,
    MTurkPastWorker,
    MTurkReviewRun,
)
from backend.store.tables.notices import Delivery, Notice, NoticeCursor, Webhook
from backend.store.tables.operators import OperatorKey, OperatorTip, SignedFunding, SignedGrant
from backend.store.tables.people import Block, Bonus, Message, Mute, Thread
from backend.store.tables.qualifications import Qualification, QualificationGrant, QualificationRequest
from backend.store.tables.quality import (
    AnswerLabel,
    AnswerReport,
    Attester,
    GoldSeen,
    GoldUnit,
    JobConsensus,
    JobRouting,
    JobRules,
    Nullifier,
    RoutedUnit,
    UnitConsensus,
    WorkerSkill,
)
from backend.store.tables.recourse import Evidence, Lookout, WatchNote
from backend.store.tables.reviews import Review
from backend.store.tables.settlement import Attempt, LaneState
from backend.store.tables.work import AnswerDraft, JobListing, JobPace, JobWord, JobWorker


class Home(SQLModel, table=True):
    """The one escrow that this database belongs to; a process that serves another refuses to start."""

    __tablename__ = "coordinator_home"
    id: int = Field(primary_key=True)
    chain_id: int = fields.big()
    genesis_hash: str = Field(max_length=66)
    escrow: str = Field(max_length=42)


class SiweNonce(SQLModel, table=True):
    """A sign-in that was begun; the row goes when it is used, so it is used once."""

    __tablename__ = "siwe_nonce"
    nonce: str = Field(primary_key=True, max_length=32)
    expires_at: datetime = fields.instant(index=True)


class AccountSession(SQLModel, table=True):
    """A bearer token's hash and whose it is."""

    __tablename__ = "account_session"
    token_hash: str = Field(primary_key=True, max_length=66)
    account: str = Field(max_length=42, index=True)
    created_at: datetime = fields.instant()
    expires_at: datetime = fields.instant(index=True)
    user_agent: str | None = Field(default=None, max_length=200)
    """What opened it, in its own words; sessions of before this was kept have none."""


class AccountPreference(SQLModel, table=True):
    """How an account wants its settlements: wallet (pushed) or ledger (credited)."""

    __tablename__ = "account_preference"
    account: str = Field(primary_key=True, max_length=42)
    payout: str = Field(max_length=6)


class Posting(SQLModel, table=True):
    """A job as its requester described it; its units lie in the object `content` of the content store."""

    __tablename__ = "posting"
    __table_args__ = (Index("posting_closes", "closes_at"), Index("posting_operator", "operator"))
    number: int | None = Field(default=None, primary_key=True)
    job: str = Field(max_length=66, unique=True)
    requester: str = Field(max_length=42, index=True)
    operator: str = Field(max_length=42)
    token: str = Field(max_length=42)
    reward: int = fields.amount()
    fee: int = fields.amount()
    coordinator: str = Field(max_length=42)
    arbitrator: str = Field(max_length=42)
    arbitrator_extra_data: str
    contest_deposit: int = fields.amount()
    appeal_stake: int = fields.amount()
    closes_at: int = fields.big()
    """Unix seconds, as the terms have it."""
    review_window: int = fields.big()
    appeal_window: int = fields.big()
    content_hash: str = Field(max_length=66)
    salt: str = Field(max_length=66)
    manifest_length: int
    """Bytes of the manifest where it is the first line of `content`, as it was before jobs had drafts; 0 where it stands here."""
    manifest: str | None = Field(default=None, sa_type=Text)
    """Canonical JSON; `content_hash` is its hash."""
    content: str = Field(max_length=200)
    units: int
    slots: int = fields.big()
    answers_per_worker: int
    """To one unit."""
    per_worker_limit: int | None = Field(default=None)
    """Most answers of one worker to the whole job; None for no limit."""
    assignment_seconds: int
    auto_approval_seconds: int | None = Field(default=None)
    """After how long an answer that nobody has reviewed counts as approved; None for never."""
    criteria: str = Field(sa_type=Text, sa_column_kwargs={"default": "[]"})
    """For what an answer may be rejected: JSON list of {code, text}. Empty: for any reason."""
    qualifications: str = Field(sa_type=Text, sa_column_kwargs={"default": "[]"})
    """Who may answer: JSON list of {qualification, comparator, values, guards}."""
    overlap: str | None = Field(default=None, sa_type=Text)
    """JSON {least, confidence_bps}: a unit is asked until it is so sure, at most as often as it has slots. NULL: always as often."""
    gold: str | None = Field(default=None, sa_type=Text)
    """JSON {share_bps, first, least_bps, pass_right, good_bps}: how known units are mixed in. NULL: not at all."""
    signals: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether it takes signals of how its answers come about, from workers who share them."""
    ai_policy: str = Field(max_length=9, sa_column_kwargs={"default": "allowed"})
    """forbidden, assisted or allowed."""
    created_at: datetime = fields.instant()


class Unit(SQLModel, table=True):
    """One piece of work and where its content stands in the file. It owns the slots from `first_slot` on."""

    __tablename__ = "unit"
    __table_args__ = (
        Index("unit_free", "posting", "position", **fields.where("free > 0")),
        Index("unit_again", "posting", "position", **fields.where("free > 0 AND handed = slots")),
        Index("unit_ranked", "posting", "rank", "position", **fields.where("free > 0 AND rank IS NOT NULL")),
    )
    posting: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    first_slot: int = fields.big()
    slots: int = fields.big()
    leaf: str = Field(max_length=66)
    content_offset: int = fields.big()
    content_length: int
    handed: int = fields.big()
    """Slots from the first on that were handed out at least once."""
    free: int = fields.big()
    """Slots that may be handed out now."""
    withheld: int = fields.big(default=0, sa_column_kwargs={"server_default": "0"})
    """Slots that nobody holds and nobody is given now, because the unit has or awaits the answers that it needs."""
    wanted: int | None = fields.big(default=None)
    """How many answers it shall have or await now; NULL for as many as it has slots. Slots beyond are withheld. −1 of a known unit, whose
    slots are all withheld until the gold policy gives one; −2 of one that the requester's model labels."""
    rank: int | None = fields.big(default=None)
    """In a job that asks where an answer is worth most: the least is asked next. NULL in all others, which go by position."""


LIVE = "state NOT IN ('returned', 'expired')"
_UNREVIEWED = "state = 'revealed' AND overdue_at IS NULL AND review_until IS NOT NULL"


class Assignment(SQLModel, table=True):
    """One slot in the hands of one worker, from reservation to batch."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index("assignment_slot_once", "posting", "slot", unique=True, **fields.where(LIVE)),
        Index("assignment_of_worker", "posting", "worker", "unit"),
        Index("assignment_by_state", "posting", "state", "id"),
        Index("assignment_own", "worker", "id"),
        Index("assignment_due", "expires_at", **fields.where("state = 'reserved'")),
        Index("assignment_revealed", "revealed_at", **fields.where("revealed_at IS NOT NULL")),
        Index("assignment_approved", "posting", "reviewed_at", **fields.where("state = 'approved'")),
        Index("assignment_unreviewed", "review_until", **fields.where(_UNREVIEWED)),
    )
    id: str = Field(primary_key=True, max_length=34)
    posting: int
    unit: int
    slot: int = fields.big()
    worker: str = Field(max_length=42)
    state: str = Field(max_length=9)
    """reserved, committed, revealed, approved, rejected, batched; or returned, expired. Paid is the mirror's word."""
    commitment: str | None = Field(default=None, max_length=66)
    receipt: str | None = Field(default=None, max_length=132)
    """The coordinator's signature of the batch of one."""
    answer: str | None = Field(default=None, sa_type=Text)
    """Canonical JSON."""
    salt: str | None = Field(default=None, max_length=66)
    reason: str | None = Field(default=None, sa_type=Text)
    reason_code: str | None = Field(default=None, max_length=64)
    batch: str | None = Field(default=None, max_length=66)
    created_at: datetime = fields.instant()
    expires_at: datetime = fields.instant()
    ended_at: datetime | None = fields.instant(default=None)
    """When it was returned or abandoned."""
    committed_at: datetime | None = fields.instant(default=None)
    revealed_at: datetime | None = fields.instant(default=None)
    review_until: datetime | None = fields.instant(default=None)
    """When the job's delay for a review of it is over; NULL where the job has none."""
    reviewed_at: datetime | None = fields.instant(default=None)
    overdue_at: datetime | None = fields.instant(default=None)
    """When the job's delay for a review had passed and nobody could approve in the requester's name: a slot to open, so that silence
    pays."""


class SignedBatch(SQLModel, table=True):
    """A batch that the coordinator signed. Batches of one `roster` share a growing worker table and are settled together."""

    __tablename__ = "batch"
    __table_args__ = (
        UniqueConstraint("posting", "number"),
        Index("batch_unapproved", "posting", **fields.where("approval IS NULL")),
    )
    digest: str = Field(primary_key=True, max_length=66)
    posting: int
    number: int
    roster: int
    first_slot: int = fields.big()
    workers: str = Field(sa_type=Text)
    """JSON list of addresses, by place."""
    places: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer_root: str = Field(max_length=66)
    signature: str = Field(max_length=132)
    slots: int = fields.big()
    amount: int = fields.amount()
    approval: str | None = Field(default=None, sa_type=Text)
    outbox: int | None = Field(default=None, index=True)
    """The transaction that carries it."""
    created_at: datetime = fields.instant()
    approved_at: datetime | None = fields.instant(default=None)


class Withdrawal(SQLModel, table=True):
    """A withdrawal that its owner signed, to be relayed; `id` is its EIP-712 digest."""

    __tablename__ = "withdrawal"
    __table_args__ = (Index("withdrawal_nonce", "owner", "token", "nonce"),)
    id: str = Field(primary_key=True, max_length=66)
    owner: str = Field(max_length=42)
    token: str = Field(max_length=42)
    receiver: str = Field(max_length=42)
    amount: int = fields.amount()
    max_fee: int = fields.amount()
    nonce: int = fields.amount()
    deadline: int = fields.amount()
    signature: str = Field(sa_type=Text)
    outbox: int = Field(index=True)
    created_at: datetime = fields.instant()


class Outbox(SQLModel, table=True):
    """What is to be carried to the chain. The raw transaction is stored before it is sent, so a crash in between sends the same
    bytes again and never a second transaction. Each `lane` is one key's, which sends in the order of its nonces.

    queued → signed (nonce, raw and hash are set; may or may not have been sent) → confirmed or failed.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_one_queued", "kind", "subject", unique=True, **fields.where("state = 'queued'")),
        Index("outbox_nonce_once", "lane", "nonce", unique=True, **fields.where("state IN ('signed', 'confirmed')")),
        Index("outbox_by_state", "state", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    lane: str = Field(default="relayer", max_length=42, sa_column_kwargs={"server_default": "relayer"})
    """Whose key sends it: relayer, coordinator, or an operator's address."""
    kind: str = Field(max_length=10)
    """settlement, withdrawal, grant, funding or gas, by the relayer; post, tip or contest, by an operator; open, finalize, reclaim or conclude, by the coordinator."""
    subject: str = Field(max_length=80)
    """posting:roster of a settlement; id of a withdrawal, a grant, a funding or a tip; a posting's number; operator:wei of gas; the hash of a contest's reason; what `watch_note` says."""
    state: str = Field(max_length=9)
    nonce: int | None = fields.big(default=None)
    raw: str | None = Field(default=None, sa_type=Text)
    transaction_hash: str | None = Field(default=None, max_length=66)
    block_number: int | None = fields.big(default=None)
    gas_used: int | None = fields.big(default=None)
    error: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = fields.instant()
    signed_at: datetime | None = fields.instant(default=None)
    confirmed_at: datetime | None = fields.instant(default=None)


class Lease(SQLModel, table=True):
    """Who may do what only one process may do; taken over when its holder stops renewing it."""

    __tablename__ = "lease"
    name: str = Field(primary_key=True, max_length=16)
    holder: str = Field(max_length=36)
    expires_at: datetime = fields.instant()


OWN_TABLES = tuple(
    model.__table__  # type: ignore[attr-defined]  # SQLModel adds it to every table class
    for model in (
        Home, SiweNonce, AccountSession, AccountPreference, Posting, Unit, Assignment, SignedBatch, Withdrawal, Outbox, Lease,
        Evidence, Lookout, WatchNote, Review, Attempt, LaneState,
        JobWorker, AnswerDraft, JobPace, JobListing, JobWord, Qualification, QualificationGrant,
        QualificationRequest,
        Draft, UnitLoad, ContentKey, Blob, Attachment,
        OperatorKey, SignedGrant, SignedFunding, OperatorTip,
        Block, Mute, Thread, Message, Bonus,
        Notice, NoticeCursor, Webhook, Delivery,
        ApiKey,
        IdempotencyKey,
        AnswerLabel, AnswerReport, JobConsensus, UnitConsensus, WorkerSkill, GoldUnit, GoldSeen, JobRules, Attester, Nullifier, JobRouting, RoutedUnit,
        ReviewTally, RejectionRelease, AnswerSignal, Sharing, Prediction, Detection, Finding, FindingReview,
        MTurkCall, MTurkEvent, MTurkHit, MTurkHitType, MTurkKey, MTurkLayout, MTurkPart, MTurkPastWorker, MTurkReviewRun,
    )
)
"""The tables that only the coordinator writes."""
