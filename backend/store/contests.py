"""Rejected answers that somebody opened on the chain and that nobody contested yet, in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, literal, select
from sqlmodel import col

from backend.store import mirror
from backend.store.tables import Assignment, Evidence, OperatorKey, Posting
from indexer.tables import Appeal, AppealPhase, Contest, Finalization, Opening, SlotStep
from piecework.domain.units import NATIVE

_ours = (
    select(Opening.opening, Opening.block_number, Opening.opened_at, Posting.number, Posting.requester, Posting.operator)
    .join(Posting, col(Posting.job) == col(Opening.job))
    .where(
        *mirror.own(Opening),
        col(Opening.block_number) >= bindparam("since"),
        col(Posting.arbitrator) != NATIVE,
        exists().where(col(OperatorKey.address) == col(Posting.operator), col(OperatorKey.revoked_at).is_(None)),
    )
    .order_by(col(Opening.block_number), col(Opening.log_index))
)
_OPEN = _ours.add_columns(Posting.contest_deposit, Posting.token, Posting.review_window)
_REJECTED = (
    select(Assignment.slot, Assignment.reason, Assignment.reason_code, Assignment.worker)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.state) == "rejected",
        exists().where(
            col(SlotStep.job) == col(Posting.job),
            col(SlotStep.slot) == col(Assignment.slot),
            col(SlotStep.worker) == col(Assignment.worker),
            col(SlotStep.opening) == bindparam("opening"),
        ),
        ~exists().where(
            col(SlotStep.job) == col(Posting.job), col(SlotStep.slot) == col(Assignment.slot), col(SlotStep.state) == "contested"
        ),
    )
    .order_by(col(Assignment.slot))
)
_LIVE = (
    select(Opening.opening, Opening.opened_at)
    .where(*mirror.own(Opening), col(Opening.job) == bindparam("job"), col(Opening.opened_at) > bindparam("since"))
    .order_by(col(Opening.block_number), col(Opening.log_index))
    .limit(bindparam("most"))
)
_APPEALED = (
    select(Appeal.appeal, Appeal.slots, Appeal.appealed_at)
    .where(
        *mirror.own(Appeal),
        col(Appeal.job) == bindparam("job"),
        col(Appeal.appealed_at) > bindparam("since"),
        ~exists().where(col(AppealPhase.appeal) == col(Appeal.appeal), col(AppealPhase.phase) != "pending"),
    )
    .order_by(col(Appeal.block_number), col(Appeal.log_index))
    .limit(bindparam("most"))
)
_FINAL = select(literal(1)).where(exists().where(col(Finalization.opening) == bindparam("opening")))
_CONTESTED = (
    select(literal(1))
    .where(exists().where(and_(col(Contest.opening) == bindparam("opening"), col(Contest.reason) == bindparam("reason"))))
)
_DOCUMENT = select(Evidence.document).where(col(Evidence.hash) == bindparam("hash"))


def openings(connection: Connection, since_block: int) -> Sequence[Row[Any]]:
    """Openings from a block on, of jobs with an arbitrator and an operator of ours, the oldest first."""
    return connection.execute(_OPEN, {"since": since_block}).all()


def live(connection: Connection, job: str, since: int, most: int) -> Sequence[Row[Any]]:
    """A job's openings of after `since` (Unix seconds), the oldest first: opening, opened_at."""
    return connection.execute(_LIVE, {"job": job, "since": since, "most": most}).all()


def appealed(connection: Connection, job: str, since: int, most: int) -> Sequence[Row[Any]]:
    """A job's appeals of after `since` that the requester hasn't defended, the oldest first: appeal, slots, appealed_at."""
    return connection.execute(_APPEALED, {"job": job, "since": since, "most": most}).all()


def rejected(connection: Connection, posting: int, opening: str) -> Sequence[Row[Any]]:
    """Rejected answers whose slots an opening took and nobody contested: slot, reason, reason_code, worker."""
    return connection.execute(_REJECTED, {"of": posting, "opening": opening}).all()


def is_final(connection: Connection, opening: str) -> bool:
    """Whether an opening was finalized, so that nothing of it can be contested any more."""
    return connection.execute(_FINAL, {"opening": opening}).first() is not None


def is_contested(connection: Connection, opening: str, reason: str) -> bool:
    """Whether the mirror shows a contest of an opening with a reason's hash."""
    return connection.execute(_CONTESTED, {"opening": opening, "reason": reason}).first() is not None


def document(connection: Connection, hash: str) -> str:
    """What was said, by its hash: canonical JSON."""
    return str(connection.execute(_DOCUMENT, {"hash": hash}).scalar_one())
