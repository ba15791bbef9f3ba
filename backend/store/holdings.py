"""What a worker holds, in SQL: receipts by age, and the batches that name it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select
from sqlmodel import col

from backend.store.tables import Assignment, Posting, SignedBatch
from indexer.tables import Job

_RECEIPTS = (
    select(
        Assignment.id,
        Assignment.posting,
        Assignment.slot,
        Assignment.commitment,
        Assignment.receipt,
        Assignment.salt,
        Assignment.answer,
    )
    .where(
        col(Assignment.worker) == bindparam("worker"),
        col(Assignment.id) > bindparam("after"),
        col(Assignment.receipt).is_not(None),
        or_(col(Assignment.committed_at) >= bindparam("since"), col(Assignment.revealed_at) >= bindparam("since")),
    )
    .order_by(col(Assignment.id))
    .limit(bindparam("most"))
)
_mine = (
    select(col(Assignment.batch)).where(col(Assignment.worker) == bindparam("worker"), col(Assignment.batch).is_not(None)).distinct()
)
_BATCHES = (
    select(SignedBatch, Posting.job)
    .join(Posting, col(Posting.number) == col(SignedBatch.posting))
    .where(
        col(SignedBatch.digest).in_(_mine),
        col(SignedBatch.digest) > bindparam("after"),
        or_(col(SignedBatch.created_at) >= bindparam("since"), col(SignedBatch.approved_at) >= bindparam("since")),
    )
    .order_by(col(SignedBatch.digest))
    .limit(bindparam("most"))
)
_POSTINGS = select(Posting).where(col(Posting.number).in_(bindparam("numbers", expanding=True)))
_BLOCKS = select(Job.job, Job.block_number).where(col(Job.job).in_(bindparam("jobs", expanding=True)))


def receipts(connection: Connection, worker: str, since: datetime, after: str, most: int) -> Sequence[Row[Any]]:
    """A worker's receipts that were given, or whose answers were revealed, since then; after the assignment `after`."""
    values = {"worker": worker, "since": since, "after": after, "most": most}
    return connection.execute(_RECEIPTS, values).all()


def batches(connection: Connection, worker: str, since: datetime, after: str, most: int) -> Sequence[Row[Any]]:
    """Batches with an answer of the worker's that were signed or approved since then; after the digest `after`."""
    values = {"worker": worker, "since": since, "after": after, "most": most}
    return connection.execute(_BATCHES, values).all()


def jobs(connection: Connection, numbers: Sequence[int]) -> list[tuple[Row[Any], int | None]]:
    """Postings by number, each with the block in which the chain has it."""
    rows = connection.execute(_POSTINGS, {"numbers": list(numbers)}).all()
    blocks = {job: block for job, block in connection.execute(_BLOCKS, {"jobs": [row.job for row in rows]})}
    return [(row, blocks.get(row.job)) for row in rows]
