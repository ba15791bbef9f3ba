"""What anybody can look at: jobs, disputes and requesters as the mirror has them, page by page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select, tuple_
from sqlmodel import col

from backend.store import mirror
from indexer.tables import Block, Contest, Job, JobWord

Place = tuple[int, int]
"""Block and log."""
END: Place = (2**62, 0)


def _timed(table: Any) -> Any:
    return and_(
        col(Block.chain_id) == col(table.chain_id), col(Block.escrow) == col(table.escrow), col(Block.number) == col(table.block_number)
    )


def _newest_first(table: Any) -> Any:
    key = (col(table.block_number), col(table.log_index))
    return (
        select(table, Block.timestamp_at)
        .join(Block, _timed(table))
        .where(*mirror.own(table), tuple_(*key) < tuple_(bindparam("block"), bindparam("log")))
        .order_by(*(part.desc() for part in key))
        .limit(bindparam("most"))
    )


_JOBS, _CONTESTS = _newest_first(Job), _newest_first(Contest)
_WORD = (
    select(JobWord)
    .where(*mirror.own(JobWord), col(JobWord.job) == bindparam("job"))
    .order_by(col(JobWord.block_number).desc(), col(JobWord.log_index).desc())
    .limit(1)
)
_NEXT_REQUESTER = select(func.min(col(Job.requester))).where(*mirror.own(Job), col(Job.requester) > bindparam("after"))


def jobs(connection: Connection, requester: str | None, before: Place, most: int) -> Sequence[Row[Any]]:
    """Posted jobs with their terms and time, newest first; of one requester or of all."""
    statement = _JOBS if requester is None else _JOBS.where(col(Job.requester) == requester)
    return connection.execute(statement, {"block": before[0], "log": before[1], "most": most}).all()


def word(connection: Connection, job: str) -> Row[Any]:
    """Where a job's slots and money are now."""
    return connection.execute(_WORD, {"job": job}).one()


def contests(connection: Connection, before: Place, most: int) -> Sequence[Row[Any]]:
    """Contests with their time, newest first."""
    return connection.execute(_CONTESTS, {"block": before[0], "log": before[1], "most": most}).all()


def requesters(connection: Connection, after: str, most: int) -> list[str]:
    """Requesters by address, each found by one step in an index."""
    found: list[str] = []
    while len(found) < most:
        following = connection.execute(_NEXT_REQUESTER, {"after": found[-1] if found else after}).scalar()
        if following is None:
            break
        found.append(following)
    return found
