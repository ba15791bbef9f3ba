"""Keys by which the coordinator acts for a requester, within the allowance that the requester gave each on the chain."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class OperatorKey(SQLModel, table=True):
    """An operator of an account. Its private key is derived from the service's own and `seed`, and kept nowhere."""

    __tablename__ = "operator_key"
    __table_args__ = (Index("operator_key_ends", "ends_at", **fields.where("ends_at IS NOT NULL")),)
    address: str = Field(primary_key=True, max_length=42)
    account: str = Field(max_length=42, index=True)
    name: str = Field(max_length=100)
    seed: str = Field(max_length=64)
    created_at: datetime = fields.instant()
    revoked_at: datetime | None = fields.instant(default=None)
    """From then on the coordinator doesn't use it; the allowance on the chain is the account's to take back."""
    most_spendable: int | None = fields.amount(default=None)
    """Base units: the most that it could spend since that was last low."""
    low_at: datetime | None = fields.instant(default=None)
    """When its account was told that little is left; NULL while there is more."""
    ends_at: int | None = fields.amount(default=None)
    """Unix seconds: until when it may spend; NULL where it may spend nothing."""


class SignedGrant(SQLModel, table=True):
    """An allowance that its requester signed, to be relayed; `id` is its EIP-712 digest."""

    __tablename__ = "operator_grant"
    id: str = Field(primary_key=True, max_length=66)
    requester: str = Field(max_length=42, index=True)
    operator: str = Field(max_length=42)
    token: str = Field(max_length=42)
    allowance: int = fields.amount()
    expires_at: int = fields.amount()
    nonce: int = fields.amount()
    deadline: int = fields.amount()
    signature: str = Field(sa_type=Text)
    outbox: int = Field(index=True)
    created_at: datetime = fields.instant()


class SignedFunding(SQLModel, table=True):
    """Money for a job that its requester authorized (EIP-3009), to be relayed; `id` is the job's, which is the authorization's nonce."""

    __tablename__ = "signed_funding"
    id: str = Field(primary_key=True, max_length=66)
    valid_before: int = fields.big()
    """Unix seconds."""
    signature: str = Field(max_length=132)
    outbox: int = Field(index=True)
    created_at: datetime = fields.instant()


class OperatorTip(SQLModel, table=True):
    """Money from a requester's ledger to a worker's, to be sent by an operator: a bonus."""

    __tablename__ = "operator_tip"
    id: str = Field(primary_key=True, max_length=66)
    """Also the `note` on the chain: what it is for, hashed."""
    giver: str = Field(max_length=42, index=True)
    operator: str = Field(max_length=42)
    receiver: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    amount: int = fields.amount()
    outbox: int = Field(index=True)
    created_at: datetime = fields.instant()

