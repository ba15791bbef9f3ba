"""Jobs before they are posted, the loads that bring their units, and what workers attach to answers."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class Draft(SQLModel, table=True):
    """A job that its requester still describes. Prepared for funding it is frozen, and `job` is the posting's id."""

    __tablename__ = "draft"
    __table_args__ = (Index("draft_own", "requester", "id"),)
    id: str = Field(primary_key=True, max_length=34)
    requester: str = Field(max_length=42)
    version: int
    """Counts the changes, so that two who edit at once don't overwrite each other."""
    described: str = Field(sa_type=Text)
    """What was said so far, JSON."""
    load: int | None = Field(default=None)
    """The complete load whose units the job would have."""
    job: str | None = Field(default=None, max_length=66, unique=True)
    created_at: datetime = fields.instant()
    updated_at: datetime = fields.instant()


class UnitLoad(SQLModel, table=True):
    """Units on their way in: rows of `unit` whose `posting` is `number`, which no job has until the load is complete.

    loading → loaded or failed. What is loading and hasn't moved for a while was killed; it is swept with its rows. A load that
    nobody needs any more is dropped, and gone when its rows are.
    """

    __tablename__ = "unit_load"
    __table_args__ = (Index("unit_load_moving", "moved_at", **fields.where("state IN ('loading', 'dropped')")),)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Also the number of the posting that it becomes: both come from one count."""
    draft: str | None = Field(default=None, max_length=34, index=True)
    """None for one that was dropped."""
    template: str = Field(max_length=64, sa_column_kwargs={"server_default": ""})
    """That its units were held to."""
    state: str = Field(max_length=7)
    content: str = Field(max_length=200)
    """The object with the units in the content store."""
    rows: int
    """How many are in so far."""
    size: int = fields.big()
    """Bytes read so far."""
    slots: int = fields.big()
    units_root: str | None = Field(default=None, max_length=66)
    blocks: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The Merkle nodes ten rows above the leaves, 32 bytes each: one for each 1,024 units. A proof needs no other unit's leaf."""
    error: str | None = Field(default=None, sa_type=Text)
    error_row: int | None = Field(default=None)
    error_column: str | None = Field(default=None, max_length=200)
    created_at: datetime = fields.instant()
    moved_at: datetime = fields.instant()


class ContentKey(SQLModel, table=True):
    """A requester's key for the units of a load, wrapped by the coordinator's own; nothing is left of it when the requester takes it back."""

    __tablename__ = "content_key"
    load: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    wrapped: bytes = Field(sa_type=LargeBinary)
    mark: bytes = Field(sa_type=LargeBinary)
    """Tells whether a key that is given again is the same one."""


class Blob(SQLModel, table=True):
    """A file in the content store that attachments share, by the hash of its bytes."""

    __tablename__ = "blob"
    sha256: str = Field(primary_key=True, max_length=66)
    content: str = Field(max_length=200)
    size: int = fields.big()
    created_at: datetime = fields.instant()


class Attachment(SQLModel, table=True):
    """A file that a worker uploaded for one assignment; its requester sees it once a revealed answer names it."""

    __tablename__ = "attachment"
    __table_args__ = (
        Index("attachment_of_blob", "sha256"),
        Index("attachment_loose", "created_at", **fields.where("NOT named")),
    )
    assignment: str = Field(primary_key=True, max_length=34)
    sha256: str = Field(primary_key=True, max_length=66)
    posting: int
    worker: str = Field(max_length=42)
    media_type: str = Field(max_length=100)
    named: bool
    created_at: datetime = fields.instant()
