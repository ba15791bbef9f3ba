"""What the mirror's tables have in common: their kinds of columns, and the columns that say where an event is."""

from typing import Any

from sqlalchemy import Index
from sqlmodel import BigInteger, Field, SQLModel

from piecework.sql import Uint256

CLUSTERED = {"sqlite_with_rowid": False}
"""On SQLite the rows lie in the order of their keys, in one tree instead of two."""


def amount(**options: Any) -> Any:
    """A uint256, most often base units."""
    return Field(sa_type=Uint256, **options)


def big(**options: Any) -> Any:
    """An integer of 64 bits."""
    return Field(sa_type=BigInteger, **options)


def by_order(name: str, *key: str) -> Index:
    """For the newest row of a key. Without the escrow: there is seldom another one on a chain, and its rows are passed over."""
    return Index(name, "chain_id", *key, "block_number", "log_index")


class DerivedRow(SQLModel):
    """Keyed by the event that it was derived from; that event's row says by which transaction."""

    chain_id: int = big(primary_key=True)
    block_number: int = big(primary_key=True)
    log_index: int = Field(primary_key=True)
    escrow: str = Field(primary_key=True, max_length=42)
    """In the key, because after a reorg one deployment's new row may come to lie where another's dead one still is."""


class EventRow(DerivedRow):
    """The same, with the transaction beside it."""

    transaction_hash: str = Field(max_length=66)
