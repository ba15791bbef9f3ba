"""What stands behind a coordinator's word: the events of `CoordinatorBond`, which is the escrow's neighbour."""

from sqlmodel import Field

from indexer.tables.columns import CLUSTERED, DerivedRow, EventRow, amount, big, by_order


class BondEntry(DerivedRow, table=True):
    """Every change of a coordinator's bond, with the bond and its lock after it; the newest row of a coordinator and token is its
    bond."""

    __tablename__ = "mirror_bond_entry"
    __table_args__ = (by_order("mirror_bond_entry_newest", "coordinator", "token"), CLUSTERED)
    coordinator: str = Field(max_length=42)
    token: str = Field(max_length=42)
    reason: str = Field(max_length=9)
    """bonded, locked (the lock moved, no money), withdrawn or claimed."""
    account: str = Field(max_length=42)
    """Who paid it in, whom it was paid out to, or the worker that claimed; the coordinator itself where the lock moved."""
    credit: int = amount()
    debit: int = amount()
    """Of a claim both what the worker got and what was burnt."""
    bond: int = amount()
    locked_until: int = amount()
    """Unix seconds; any uint64, which is more than a database's integer."""


class BondClaim(EventRow, table=True):
    """`EquivocationPaid`: a coordinator gave one slot to two accounts, and one of them was paid for it from the bond."""

    __tablename__ = "mirror_bond_claim"
    __table_args__ = CLUSTERED
    job: str = Field(max_length=66, index=True)
    """Its terms need not be on the chain."""
    coordinator: str = Field(max_length=42, index=True)
    worker: str = Field(max_length=42, index=True)
    token: str = Field(max_length=42)
    slot: int = big()
    paid: int = amount()
    burnt: int = amount()
