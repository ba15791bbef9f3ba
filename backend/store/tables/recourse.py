"""What the coordinator remembers of disputes: evidence by its hash, what the watchtower looks at and when, and what it did or left."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Evidence(SQLModel, table=True):
    """What somebody says about a contest or an appeal; its hash goes on the chain, so it can't be changed afterwards."""

    __tablename__ = "evidence"
    hash: str = Field(primary_key=True, max_length=66)
    """keccak256 of `document`."""
    author: str = Field(max_length=42, index=True)
    document: str = Field(sa_type=Text)
    """Canonical JSON: text, attachments, and what it is about."""
    created_at: datetime = fields.instant()


class Lookout(SQLModel, table=True):
    """When the watchtower looks at an opening or appeal of ours. Whether something is due then is asked of the mirror."""

    __tablename__ = "lookout"
    __table_args__ = (Index("lookout_look_at", "look_at"),)
    kind: str = Field(primary_key=True, max_length=10)
    """finalize, reclaim or conclude."""
    subject: str = Field(primary_key=True, max_length=66)
    """The opening's id, or the appeal's."""
    due_at: int = fields.big()
    """Unix seconds of the chain from when on there may be something to do."""
    look_at: int | None = fields.big(default=None)
    """When to look next; NULL once nothing is left to be done."""
    looks: int
    """How often it was looked at since it was due."""


class WatchNote(SQLModel, table=True):
    """One line of the watchtower's log: a call that it queued, or one that it left and why."""

    __tablename__ = "watch_note"
    __table_args__ = (
        Index("watch_note_left_once", "kind", "subject", unique=True, **fields.where("outbox IS NULL")),
        Index("watch_note_outbox", "outbox"),
    )
    number: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=10)
    """open, finalize, reclaim or conclude."""
    subject: str = Field(max_length=80)
    """The posting's number for an opening that is to be made; an opening's id; an appeal's id."""
    job: str = Field(max_length=66)
    slots: int = fields.big()
    amount: int = fields.amount()
    """Base units of the job's token that are at stake."""
    gas: int = fields.big()
    """What it was thought to cost when it was decided, with what must follow it."""
    said: str = Field(sa_type=Text)
    outbox: int | None = Field(default=None)
    """The intent that it became; NULL for what was left."""
    created_at: datetime = fields.instant()
