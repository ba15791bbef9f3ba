"""What the requester interface of Mechanical Turk needs besides jobs and assignments."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields

_REVIEWABLE = fields.where("may_be_reviewable AND disposed_at IS NULL")


class MTurkKey(SQLModel, table=True):
    """An access key of an account. Its secret is derived from its id, and kept nowhere."""

    __tablename__ = "mturk_key"
    access_key_id: str = Field(primary_key=True, max_length=20)
    account: str = Field(max_length=42, index=True)
    operator: str = Field(max_length=42)
    """The address whose allowance on the chain is the most that this key can spend."""
    name: str = Field(max_length=100)
    created_at: datetime = fields.instant()
    expires_at: datetime = fields.instant()
    revoked_at: datetime | None = fields.instant(default=None)


class MTurkCall(SQLModel, table=True):
    """A call that changed something, and its answer: the SDK sends a call again when it heard nothing."""

    __tablename__ = "mturk_call"
    access_key_id: str = Field(primary_key=True, max_length=20)
    mark: str = Field(primary_key=True, max_length=64)
    body_hash: str = Field(max_length=64)
    answer: str = Field(sa_type=Text)
    created_at: datetime = fields.instant(index=True)


class MTurkHitType(SQLModel, table=True):
    """What HITs have in common; the same values have the same id."""

    __tablename__ = "mturk_hit_type"
    id: str = Field(primary_key=True, max_length=30)
    requester: str = Field(max_length=42, index=True)
    title: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    keywords: str = Field(sa_type=Text)
    reward_cents: int = fields.big()
    assignment_seconds: int
    auto_approval_seconds: int
    qualifications: str = Field(sa_type=Text)
    """JSON list in the form of the interface."""
    notification: str | None = Field(default=None, sa_type=Text)
    """JSON: the notification in the form of the interface, and whether it is active; None where none was ever set."""
    created_at: datetime = fields.instant()


class MTurkHit(SQLModel, table=True):
    """A HIT. Its counters and most of its status are derived from its assignments."""

    __tablename__ = "mturk_hit"
    __table_args__ = (
        Index("mturk_hit_of_requester", "requester", "number"),
        Index("mturk_hit_of_type", "hit_type", "number"),
        Index("mturk_hit_token", "requester", "token"),
        Index("mturk_hit_policies_due", "number", **fields.where("policies_due")),
        Index("mturk_hit_expiring", "expires_at", **fields.where("offered")),
        Index("mturk_hit_living", "expires_at", **fields.where("disposed_at IS NULL")),
        Index("mturk_hit_reviewable", "requester", "reviewing", "number", **_REVIEWABLE),
        Index("mturk_hit_reviewable_of_type", "hit_type", "reviewing", "number", **_REVIEWABLE),
    )
    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(max_length=30, unique=True)
    requester: str = Field(max_length=42)
    access_key_id: str = Field(max_length=20)
    hit_type: str = Field(max_length=30)
    question: str = Field(sa_type=Text)
    layout: str | None = Field(default=None, max_length=64)
    annotation: str | None = Field(default=None, sa_type=Text)
    policies: str | None = Field(default=None, sa_type=Text)
    """JSON: the review policies as they were given."""
    token: str | None = Field(default=None, max_length=64)
    most_assignments: int = fields.big()
    reviewing: bool = False
    offered: bool = True
    """Whether its free slots are on the market; false once it has expired or was disposed of."""
    may_be_reviewable: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether nobody could take it when an answer was submitted last, or its end or its slots were changed. True where it is reviewable."""
    policies_due: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether something happened to it since its review policies were run; never where it has none."""
    reviewed: int = 0
    """How many submissions it had when plurality was looked at last."""
    expires_at: datetime = fields.instant()
    created_at: datetime = fields.instant()
    disposed_at: datetime | None = fields.instant(default=None)


class MTurkPart(SQLModel, table=True):
    """Slots of a HIT: reserved money that waits for a funding transaction, then a unit of a job."""

    __tablename__ = "mturk_part"
    __table_args__ = (
        Index("mturk_part_of_hit", "hit"),
        Index("mturk_part_waiting", "id", **fields.where("posting IS NULL")),
        Index("mturk_part_unsettled", "requester", **fields.where("NOT settled")),
        Index("mturk_part_withdrawn", "id", **fields.where("withdrawn > 0")),
        Index("mturk_part_unit", "posting", "position"),
    )
    id: int | None = Field(default=None, primary_key=True)
    hit: str = Field(max_length=30)
    requester: str = Field(max_length=42)
    hit_type: str = Field(max_length=30)
    slots: int = fields.big()
    token: str | None = Field(default=None, max_length=64)
    """UniqueRequestToken of the call that added these slots."""
    operator: str = Field(max_length=42)
    """Who pays for them, by its allowance."""
    posting: int | None = None
    position: int | None = None
    settled: bool = False
    """Whether their money is locked, or was given up."""
    withdrawn: int = fields.big(default=0)
    """Free slots that are off the market, and not cancelled yet."""
    cancelled: int = fields.big(default=0)
    """Slots that were given back to the requester."""
    created_at: datetime = fields.instant()


class MTurkLayout(SQLModel, table=True):
    """A page with variables, for many HITs."""

    __tablename__ = "mturk_layout"
    id: str = Field(primary_key=True, max_length=64)
    requester: str = Field(max_length=42, index=True)
    name: str = Field(max_length=100)
    html: str = Field(sa_type=Text)
    frame_height: int
    created_at: datetime = fields.instant()


class MTurkEvent(SQLModel, table=True):
    """Something that a HIT type's owner wants to hear of, until it was delivered."""

    __tablename__ = "mturk_event"
    __table_args__ = (Index("mturk_event_due", "due_at"),)
    number: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=24)
    notification: str = Field(sa_type=Text)
    """JSON: where it goes, as it was set when it happened."""
    hit_type: str = Field(max_length=30)
    hit: str = Field(max_length=30)
    assignment: str | None = Field(default=None, max_length=30)
    at: datetime = fields.instant()
    due_at: datetime = fields.instant()
    attempts: int = 0


class MTurkReviewRun(SQLModel, table=True):
    """What a review policy found and did; kept as ListReviewPolicyResultsForHIT shows it."""

    __tablename__ = "mturk_review"
    __table_args__ = (Index("mturk_review_of_hit", "hit", "number"),)
    number: int | None = Field(default=None, primary_key=True)
    hit: str = Field(max_length=30)
    level: str = Field(max_length=10)
    kind: str = Field(max_length=6)
    """result or action."""
    entry: str = Field(sa_type=Text)
    """JSON in the form of the interface."""
    created_at: datetime = fields.instant()


class MTurkPastWorker(SQLModel, table=True):
    """What a requester's files say of a worker of Mechanical Turk, until it claims that it was this one, and who it is then."""

    __tablename__ = "mturk_past_worker"
    __table_args__ = (UniqueConstraint("requester", "account", name="mturk_past_worker_once"), Index("mturk_past_worker_id", "old_id"))
    requester: str = Field(primary_key=True, max_length=42)
    old_id: str = Field(primary_key=True, max_length=64)
    assignments: str = Field(sa_type=Text)
    """JSON list of the SHA-256 (hex) of the ids of what it did, sorted."""
    block: str | None = Field(default=None, sa_type=Text)
    """Why it was blocked; None if it wasn't."""
    grants: str = Field(sa_type=Text)
    """JSON: value by id of the requester's qualifications."""
    account: str | None = Field(default=None, max_length=42)
    claimed_at: datetime | None = fields.instant(default=None)
