"""What was said about answers, by whom and when."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Review(SQLModel, table=True):
    """One decision about one submission. Rows are only ever added; what holds now stands in the assignment."""

    __tablename__ = "review"
    __table_args__ = (Index("review_of_assignment", "assignment", "number"), Index("review_of_posting", "posting", "number"))
    number: int | None = Field(default=None, primary_key=True)
    posting: int
    assignment: str = Field(max_length=34)
    before: str = Field(max_length=9)
    """The assignment's state until then."""
    verdict: str = Field(max_length=9)
    """approved, rejected, undone; or overdue, where the job's delay passed without a word and nobody may approve in its requester's
    name."""
    code: str | None = Field(default=None, max_length=64)
    """Which of the job's criteria a rejection names."""
    reason: str | None = Field(default=None, sa_type=Text)
    reviewer: str | None = Field(default=None, max_length=42)
    """The requester, its operator, or nobody where time decided."""
    created_at: datetime = fields.instant()
