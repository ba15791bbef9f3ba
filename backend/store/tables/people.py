"""What passes between requesters and workers: blocks, mutes, messages, bonuses."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Block(SQLModel, table=True):
    """A requester gives a worker no more of its jobs' slots. What the worker holds and has earned stays as it is."""

    __tablename__ = "block"
    __table_args__ = (Index("block_newest", "requester", "created_at", "worker"),)
    requester: str = Field(primary_key=True, max_length=42)
    worker: str = Field(primary_key=True, max_length=42, index=True)
    reason: str = Field(sa_type=Text)
    """Shown to the worker."""
    created_at: datetime = fields.instant()


class Mute(SQLModel, table=True):
    """A worker takes no messages from a requester, other than about answers that it has given."""

    __tablename__ = "mute"
    worker: str = Field(primary_key=True, max_length=42)
    requester: str = Field(primary_key=True, max_length=42)
    created_at: datetime = fields.instant()


class Thread(SQLModel, table=True):
    """What a requester and a worker write to each other about one job."""

    __tablename__ = "message_thread"
    __table_args__ = (
        Index("message_thread_once", "posting", "worker", unique=True),
        Index("message_thread_requester", "requester", "id"),
        Index("message_thread_worker", "worker", "id"),
    )
    id: str = Field(primary_key=True, max_length=34)
    posting: int
    requester: str = Field(max_length=42)
    worker: str = Field(max_length=42)
    requester_read: int = Field(default=0)
    """The number of the last message that the requester has read; the worker's below."""
    worker_read: int = Field(default=0)
    created_at: datetime = fields.instant()


class Message(SQLModel, table=True):
    """One message, plain text."""

    __tablename__ = "message"
    __table_args__ = (Index("message_of_thread", "thread", "number"), Index("message_of_sender", "sender", "created_at"))
    number: int | None = Field(default=None, primary_key=True)
    thread: str = Field(max_length=34)
    sender: str = Field(max_length=42)
    assignment: str | None = Field(default=None, max_length=34)
    """What it is about, if not the job as a whole."""
    text: str = Field(sa_type=Text)
    created_at: datetime = fields.instant()


class Bonus(SQLModel, table=True):
    """A tip that a requester means to give. Whether it was given is the mirror's word: a tip with this `note`."""

    __tablename__ = "bonus"
    __table_args__ = (
        Index("bonus_of_worker", "worker", "note"),
        Index("bonus_of_requester", "requester", "note"),
        Index("bonus_newest", "requester", "created_at", "note"),
    )
    note: str = Field(primary_key=True, max_length=66)
    """keccak256 of what it is and of the requester's own word for it; goes on the chain."""
    requester: str = Field(max_length=42)
    worker: str = Field(max_length=42)
    assignment: str = Field(max_length=34)
    token: str = Field(max_length=42)
    amount: int = fields.amount()
    reason: str = Field(sa_type=Text)
    created_at: datetime = fields.instant()
