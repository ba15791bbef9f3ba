"""Keys by which a requester's programs speak for an account."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class ApiKey(SQLModel, table=True):
    """An API key's hash, whose it is, and what it may do; the secret was shown once and is kept nowhere."""

    __tablename__ = "api_key"
    id: str = Field(primary_key=True, max_length=34)
    token_hash: str = Field(max_length=66, unique=True)
    account: str = Field(max_length=42, index=True)
    name: str = Field(max_length=100)
    scopes: str = Field(max_length=400)
    """Separated by spaces."""
    created_at: datetime = fields.instant()
    expires_at: datetime = fields.instant()


class IdempotencyKey(SQLModel, table=True):
    """A request that its caller may repeat: written in the transaction of what it did, so that it is done once."""

    __tablename__ = "idempotency_key"
    account: str = Field(primary_key=True, max_length=42)
    key: str = Field(primary_key=True, max_length=100)
    fingerprint: str = Field(max_length=66)
    """SHA-256 of method, path, query and body: the same key for another request is a mistake."""
    status: int | None = Field(default=None)
    """None until the answer is kept, which happens right after it was given."""
    answer: bytes | None = Field(default=None, sa_type=LargeBinary)
    media_type: str = Field(default="", max_length=100)
    created_at: datetime = fields.instant(index=True)
