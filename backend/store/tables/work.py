"""What the coordinator remembers of who works on a job, how, and how fast."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class JobWorker(SQLModel, table=True):
    """One worker in one job: where it goes on, what it holds, and what it gave back.

    Its row is written by that worker's requests alone, so processes that share a database don't wait for one another.
    """

    __tablename__ = "job_worker"
    __table_args__ = (Index("job_worker_worker", "worker", "posting"),)
    posting: int = Field(primary_key=True)
    worker: str = Field(primary_key=True, max_length=42)
    cursor: int = fields.big()
    """Position of the unit that it was given last; it is looked for the next one behind it."""
    held: int = fields.big()
    """Its assignments that were neither returned nor abandoned, whatever became of them."""
    returned: int = fields.big()
    abandoned: int = fields.big()
    """Those whose time ran out before an answer was committed to."""
    lost_seconds: int = fields.big()
    """How long slots were reserved that it returned or abandoned."""


class AnswerDraft(SQLModel, table=True):
    """What a worker has written so far, for itself alone; it goes when the answer is revealed or the slot given back."""

    __tablename__ = "answer_draft"
    assignment: str = Field(primary_key=True, max_length=34)
    draft: str = Field(sa_type=Text)
    """JSON, as it was sent."""
    saved_at: datetime = fields.instant()


class JobPace(SQLModel, table=True):
    """How long an answer of a job takes, measured from the reservation to the commitment over its newest answers."""

    __tablename__ = "job_pace"
    __table_args__ = (Index("job_pace_hourly", "hourly", "posting"), Index("job_pace_due", "due_at", **fields.where("due_at IS NOT NULL")))
    posting: int = Field(primary_key=True)
    answers: int
    """How many were measured."""
    median_seconds: int
    hourly: int = fields.amount()
    """Base units of the job's token that the reward comes to in an hour at that pace."""
    measured_at: datetime = fields.instant()
    due_at: datetime | None = fields.instant(default=None)
    """When it is measured again; NULL once the job is closed."""


class JobListing(SQLModel, table=True):
    """What jobs are searched by and the terms don't say. It repeats the manifest, which never changes."""

    __tablename__ = "job_listing"
    __table_args__ = (
        Index("job_listing_reward", "reward", "posting"),
        Index("job_listing_estimated", "estimated_hourly", "posting"),
    )
    posting: int = Field(primary_key=True)
    template: str = Field(max_length=64)
    ai_policy: str = Field(max_length=16)
    """Empty where the job says nothing."""
    reward: int = fields.amount()
    estimated_hourly: int | None = fields.amount(default=None)
    """Base units an hour, if an answer takes as long as its requester says."""


class JobWord(SQLModel, table=True):
    """A word in a job's title, keywords or instructions."""

    __tablename__ = "job_word"
    word: str = Field(primary_key=True, max_length=64)
    posting: int = Field(primary_key=True)
