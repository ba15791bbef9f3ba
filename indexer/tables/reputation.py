"""What workers were paid by whom for the first time, and what became of their slots that were contested."""

from sqlalchemy import Index
from sqlmodel import Field

from indexer.tables.columns import CLUSTERED, DerivedRow, big


class WorkerPatron(DerivedRow, table=True):
    """The first payment of a requester to a worker in a token."""

    __tablename__ = "mirror_worker_patron"
    __table_args__ = (Index("mirror_worker_patron_worker", "worker", "token", "chain_id"), CLUSTERED)
    worker: str = Field(primary_key=True, max_length=42)
    token: str = Field(max_length=42)
    requester: str = Field(max_length=42)


class WorkerGrievance(DerivedRow, table=True):
    """Every event about a worker's contested slots, with how many came to what by then; the newest row of a worker is its record."""

    __tablename__ = "mirror_worker_grievance"
    __table_args__ = (
        Index("mirror_worker_grievance_newest", "worker", "chain_id", "block_number", "log_index"),
        CLUSTERED,
    )
    worker: str = Field(primary_key=True, max_length=42)
    contested: int = big()
    conceded: int = big()
    """Paid after all, without an appeal."""
    reclaimed: int = big()
    """Lost, because nobody appealed."""
    appealed: int = big()
    won: int = big()
    """Of the appealed, with those that the requester didn't defend."""
    lost: int = big()
