"""What the settler remembers beside the outbox: every version of a transaction, and how each lane is doing."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Attempt(SQLModel, table=True):
    """A signed version of an outbox row's transaction. All of a row have its nonce and its calldata and differ in their fees, so the
    chain takes one of them at most; whichever it is, is known by its hash."""

    __tablename__ = "attempt"
    transaction_hash: str = Field(primary_key=True, max_length=66)
    outbox: int = Field(index=True)
    raw: str = Field(sa_type=Text)
    max_fee: int = fields.amount()
    """Wei a gas, at most."""
    max_tip: int = fields.amount()
    """Of that, wei a gas for whoever includes it."""
    created_at: datetime = fields.instant()


class LaneState(SQLModel, table=True):
    """How a lane of the outbox is doing, as its settler said last; other processes show it."""

    __tablename__ = "lane_state"
    lane: str = Field(primary_key=True, max_length=42)
    state: str = Field(max_length=8)
    """working, waiting (it goes on by itself) or halted (somebody must look)."""
    detail: str = Field(sa_type=Text)
    account: str = Field(max_length=42)
    balance: int | None = fields.amount(default=None)
    """Wei that the lane's key has for gas."""
    holder: str = Field(max_length=36)
    updated_at: datetime = fields.instant()
