"""Keys by which a requester's programs speak for an account."""

from datetime import datetime

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
