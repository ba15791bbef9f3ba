"""Jobs of which other answers decide than in their last fit, because something of them was contested, or won back, on the chain."""

from sqlalchemy import Connection, bindparam, func, select, union_all
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import AnswerLabel, JobConsensus, Posting
from indexer.tables import AppealPhase, Concession, SlotStep

_touched = union_all(
    *(
        select(col(table.job)).where(*mirror.own(table), col(table.block_number).between(bindparam("first"), bindparam("last")))
        for table in (SlotStep, Concession, AppealPhase)
    )
)
DISPUTED = (
    select(JobConsensus.posting, JobConsensus.rejected)
    .join(Posting, col(Posting.number) == col(JobConsensus.posting))
    .where(col(Posting.job).in_(_touched))
)
_REJECTED = (
    select(func.count())
    .select_from(AnswerLabel)
    .where(col(AnswerLabel.posting) == bindparam("of"), col(AnswerLabel.slot).in_(select(slots.REFUSED.subquery().c.slot)))
)


def changed(connection: Connection, first: int, last: int) -> list[int]:
    """The postings with a contest or its end in blocks `first` to `last` of whose answers not as many are rejected as in the last fit."""
    rows = connection.execute(DISPUTED, {"first": first, "last": last}).all()
    return [posting for posting, rejected in rows if connection.execute(_REJECTED, {"of": posting}).scalar_one() != rejected]
