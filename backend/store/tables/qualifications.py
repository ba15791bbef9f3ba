"""Qualifications: what requesters vouch for, and may ask of whoever takes their jobs."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Qualification(SQLModel, table=True):
    """A kind of qualification; its owner alone grants it."""

    __tablename__ = "qualification"
    __table_args__ = (
        Index("qualification_owner", "owner", "id"),
        Index("qualification_name_once", "owner", "name", unique=True, **fields.where("retired_at IS NULL")),
    )
    id: str = Field(primary_key=True, max_length=34)
    owner: str = Field(max_length=42)
    name: str = Field(max_length=200)
    description: str = Field(sa_type=Text)
    keywords: str = Field(sa_type=Text)
    active: bool
    """Whether it may be requested and granted now."""
    requestable: bool
    """Whether workers may ask for it."""
    auto_value: int | None = Field(default=None)
    """Who asks is granted this at once; NULL leaves it to the owner."""
    retry_seconds: int | None = fields.big(default=None)
    """When one may ask again after a refusal; NULL for never."""
    test: str | None = Field(default=None, sa_type=Text)
    answer_key: str | None = Field(default=None, sa_type=Text)
    """For the owner alone."""
    test_seconds: int | None = fields.big(default=None)
    created_at: datetime = fields.instant()
    retired_at: datetime | None = fields.instant(default=None)


class QualificationGrant(SQLModel, table=True):
    """That an account has a qualification, or had it."""

    __tablename__ = "qualification_grant"
    __table_args__ = (Index("qualification_grant_account", "account", "qualification"),)
    qualification: str = Field(primary_key=True, max_length=34)
    account: str = Field(primary_key=True, max_length=42)
    value: int | None = Field(default=None)
    locale: str | None = Field(default=None, max_length=16)
    """Country, or country and subdivision: US, US-PA."""
    granted_at: datetime = fields.instant()
    revoked_at: datetime | None = fields.instant(default=None)
    reason: str | None = Field(default=None, sa_type=Text)
    """Why it was revoked; its worker sees it."""


class QualificationRequest(SQLModel, table=True):
    """That an account asks for a qualification; granting it drops the row, and asking anew after a refusal replaces it."""

    __tablename__ = "qualification_request"
    __table_args__ = (
        UniqueConstraint("qualification", "account"),
        Index("qualification_request_waiting", "qualification", "id", **fields.where("refused_at IS NULL")),
    )
    id: str = Field(primary_key=True, max_length=34)
    qualification: str = Field(max_length=34)
    account: str = Field(max_length=42, index=True)
    answer: str = Field(sa_type=Text)
    """What it says for itself: a text, or the test's answers."""
    created_at: datetime = fields.instant()
    refused_at: datetime | None = fields.instant(default=None)
    reason: str | None = Field(default=None, sa_type=Text)
