"""Jobs of which other answers decide than in their last fit, because something of them was contested, or won back, on the chain, or
because a reorg took that away."""

from sqlalchemy import Connection, bindparam, func, literal_column, select, union_all, update
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import AnswerLabel, JobConsensus, Posting
from indexer.tables import AppealPhase, Concession, SlotStep

_touched = union_all(
    *(
        select(col(table.job).label("job"), col(table.block_number).label("block"))
        .where(*mirror.own(table), col(table.block_number).between(bindparam("first"), bindparam("last")), *only)
        for table, *only in ((SlotStep, col(SlotStep.state) != "opened"), (Concession,), (AppealPhase,))
    )
).subquery()
DISPUTED = (
    select(JobConsensus.posting, JobConsensus.rejected, JobConsensus.disputed, func.max(_touched.c.block).label("block"))
    .select_from(_touched)
    .join(Posting, col(Posting.job) == _touched.c.job)
    .join(JobConsensus, col(Posting.number) == col(JobConsensus.posting))
    .group_by(col(JobConsensus.posting), col(JobConsensus.rejected), col(JobConsensus.disputed))
)
REMEMBERED = select(JobConsensus.posting, JobConsensus.rejected).where(
    literal_column("job_consensus.disputed IS NOT NULL"), col(JobConsensus.disputed) >= bindparam("first")
)
_REMEMBER = update(JobConsensus).where(col(JobConsensus.posting) == bindparam("b_of")).values(disputed=bindparam("b_block"))
_REJECTED = (
    select(func.count())
    .select_from(AnswerLabel)
    .where(col(AnswerLabel.posting) == bindparam("of"), col(AnswerLabel.slot).in_(select(slots.REFUSED.subquery().c.slot)))
)


def changed(connection: Connection, first: int, last: int) -> list[int]:
    """The postings with a contest or its end in blocks `first` to `last` that nobody had seen there, and those that have or had one there and
    of whose answers not as many are rejected as in the last fit. Remembers where it was, so that it is missed if a reorg takes it away."""
    before = {row.posting: row.rejected for row in connection.execute(REMEMBERED, {"first": first})}
    there = connection.execute(DISPUTED, {"first": first, "last": last}).all()
    moved = [{"b_of": row.posting, "b_block": row.block} for row in there if row.disputed != row.block]
    if moved:
        connection.execute(_REMEMBER, moved)
    known = before | {row.posting: row.rejected for row in there}
    new = {row["b_of"] for row in moved}
    return [of for of, rejected in known.items() if of in new or connection.execute(_REJECTED, {"of": of}).scalar_one() != rejected]
