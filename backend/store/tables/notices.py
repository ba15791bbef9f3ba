"""What accounts are told, and how it is carried to their programs."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Notice(SQLModel, table=True):
    """One event for one account, written with what caused it.

    Readers go by `number`, which the one elected postman gives afterwards: of two transactions on two machines the later number could
    else become visible first, and whoever had read on would never see the other.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("notice_unnumbered", "id", **fields.where("number IS NULL")),
        Index("notice_of_account", "account", "number"),
    )
    id: int | None = Field(default=None, primary_key=True)
    number: int | None = fields.big(default=None, unique=True)
    account: str = Field(max_length=42)
    kind: str = Field(max_length=24)
    subject: str = Field(sa_type=Text)
    """JSON object: what it is about."""
    fact: str | None = Field(default=None, max_length=200, unique=True)
    """What of the chain it says, in words that a reorg doesn't change, so that each fact is told once."""
    created_at: datetime = fields.instant()


class NoticeCursor(SQLModel, table=True):
    """How far those have looked who tell: the postman and the watchtower through the mirror's blocks (they look again as far back as a
    reorg may reach), the herald through answers."""

    __tablename__ = "notice_cursor"
    name: str = Field(primary_key=True, max_length=16)
    block_number: int = fields.big()
    """Of `chain` and `lookouts` a block, of `answers` microseconds since 1970, of `lookouts looked` seconds."""


class Webhook(SQLModel, table=True):
    """Where an account wants its notices posted, or mailed."""

    __tablename__ = "webhook"
    id: str = Field(primary_key=True, max_length=34)
    account: str = Field(max_length=42, index=True)
    url: str = Field(sa_type=Text)
    """https://…, or mailto: and an address."""
    secret: str = Field(max_length=64)
    """whsec_ and base64 of 24 bytes; signs, so it can't be kept as a hash."""
    kinds: str = Field(sa_type=Text)
    """JSON list."""
    disabled: str | None = Field(default=None, sa_type=Text)
    """Why nothing is posted any more."""
    wrong_codes: int | None = Field(default=None)
    """Of an address that isn't confirmed yet, how often a wrong code was given; NULL for all others."""
    failing_since: datetime | None = fields.instant(default=None)
    created_at: datetime = fields.instant()


class Delivery(SQLModel, table=True):
    """One notice on its way to one webhook."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_due", "next_at", **fields.where("state = 'waiting'")),
        Index("delivery_of_webhook", "webhook", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    webhook: str = Field(max_length=34)
    message: str = Field(max_length=40)
    """The id that the receiver sees, the same at every attempt."""
    body: str = Field(sa_type=Text)
    state: str = Field(max_length=9)
    """waiting, delivered or failed."""
    attempts: int = Field(default=0)
    said: str | None = Field(default=None, sa_type=Text)
    """What came of the last attempt."""
    next_at: datetime = fields.instant()
    created_at: datetime = fields.instant()
