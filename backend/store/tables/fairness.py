"""What is kept so that people are treated fairly: how reviews went, whether a requester's many rejections were looked at, and what
detectors say of workers, which is never more than a word."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class ReviewTally(SQLModel, table=True):
    """How many answers of a job, or of a requester's jobs, are approved and rejected now."""

    __tablename__ = "review_tally"
    subject: str = Field(primary_key=True, max_length=66)
    """A job's id or a requester's address."""
    approved: int = fields.big()
    rejected: int = fields.big()


class RejectionRelease(SQLModel, table=True):
    """That a requester asks to reject more of a job than goes without a look, and what the one who looked says."""

    __tablename__ = "rejection_release"
    __table_args__ = (Index("rejection_release_waiting", "asked_at", **fields.where("decided_at IS NULL")),)
    posting: int = Field(primary_key=True)
    why: str = Field(sa_type=Text)
    asked_at: datetime = fields.instant()
    decided_by: str | None = Field(default=None, max_length=42)
    released: bool = Field(default=False)
    said: str | None = Field(default=None, sa_type=Text)
    decided_at: datetime | None = fields.instant(default=None)


class AnswerSignal(SQLModel, table=True):
    """How an answer came about, as its worker's page showed it before it was sent. No key, no text."""

    __tablename__ = "answer_signal"
    __table_args__ = (Index("answer_signal_of_worker", "worker"),)
    posting: int = Field(primary_key=True)
    slot: int = fields.big(primary_key=True)
    worker: str = Field(max_length=42)
    seconds: float
    letters: int
    pasted_share: float
    focus_losses: int
    rhythm: float | None = Field(default=None)


class Sharing(SQLModel, table=True):
    """That an account shares no such signals, whatever its program sends."""

    __tablename__ = "sharing_refused"
    account: str = Field(primary_key=True, max_length=42)


class Prediction(SQLModel, table=True):
    """What a requester's model says of a unit, and how sure it says it is."""

    __tablename__ = "prediction"
    posting: int = Field(primary_key=True)
    unit: int = Field(primary_key=True)
    label: str = Field(sa_type=Text)
    confidence: float


class Detection(SQLModel, table=True):
    """When a job's detectors run next and ran last."""

    __tablename__ = "detection"
    __table_args__ = (Index("detection_due", "due_at", **fields.where("due_at IS NOT NULL")),)
    posting: int = Field(primary_key=True)
    due_at: datetime | None = fields.instant(default=None)
    ran_at: datetime | None = fields.instant(default=None)
    left_out: str | None = Field(default=None, sa_type=Text)
    """What was not looked at, and why."""


class Finding(SQLModel, table=True):
    """One detector's word on one worker in a job."""

    __tablename__ = "finding"
    __table_args__ = (Index("finding_of_worker", "worker", "posting"), Index("finding_of_job", "posting", "worker"))
    number: int | None = Field(default=None, primary_key=True)
    posting: int
    worker: str = Field(max_length=42)
    detector: str = Field(max_length=16)
    evidence: str = Field(sa_type=Text)
    false_positive_rate: float
    """Share of honest workers whom the detector flags, as measured."""
    p: float | None = Field(default=None)


class FindingReview(SQLModel, table=True):
    """What a person says who looked at the findings on a worker. It stands for the detectors that it saw, while they say anything."""

    __tablename__ = "finding_review"
    posting: int = Field(primary_key=True)
    worker: str = Field(primary_key=True, max_length=42)
    verdict: str = Field(max_length=9)
    """cleared or confirmed."""
    reason: str = Field(sa_type=Text)
    reviewer: str = Field(max_length=42)
    seen: str = Field(default="[]", sa_type=Text, sa_column_kwargs={"server_default": "[]"})
    """JSON list of [detector, evidence], as it was looked at."""
    created_at: datetime = fields.instant()
