"""What the coordinator remembers of disputes: evidence by its hash, and what the watchtower did or left."""

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
