"""Blocks, mutes and messages in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, delete, func, insert, or_, select, tuple_, update
from sqlmodel import col

from backend.store.tables import Assignment, Block, Message, Mute, Posting, Thread

# ------------------------------------------------------------------------------------------------ blocks and mutes

_BLOCK = select(Block.reason).where(
    col(Block.requester) == bindparam("by"), col(Block.worker) == bindparam("whom")
)
_UNBLOCK = delete(Block).where(col(Block.requester) == bindparam("by"), col(Block.worker) == bindparam("whom"))
_other = Block.__table__.alias("other")  # type: ignore[attr-defined]
_BLOCKS_BY = (
    select(Block)
    .where(col(Block.requester) == bindparam("of"), col(Block.worker) > bindparam("cursor"))
    .order_by(col(Block.worker))
    .limit(bindparam("most"))
)
_BLOCKS_NEWEST = (
    select(Block)
    .where(col(Block.requester) == bindparam("of"))
    .order_by(col(Block.created_at).desc(), col(Block.worker).desc())
    .limit(bindparam("most"))
)
_before = select(_other.c.created_at, _other.c.worker).where(_other.c.requester == bindparam("of"), _other.c.worker == bindparam("before"))
_BLOCKS_OLDER = _BLOCKS_NEWEST.where(tuple_(col(Block.created_at), col(Block.worker)) < _before.scalar_subquery())
_BLOCKS_OF = (
    select(Block)
    .where(col(Block.worker) == bindparam("of"), col(Block.requester) > bindparam("cursor"))
    .order_by(col(Block.requester))
    .limit(bindparam("most"))
)
_MUTE = select(Mute.created_at).where(col(Mute.worker) == bindparam("by"), col(Mute.requester) == bindparam("whom"))
_UNMUTE = delete(Mute).where(col(Mute.worker) == bindparam("by"), col(Mute.requester) == bindparam("whom"))
_MUTES = select(Mute.requester).where(col(Mute.worker) == bindparam("by")).order_by(col(Mute.requester))
_WORKERS = (
    select(Assignment.worker)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(col(Posting.requester) == bindparam("of"))
    .distinct()
)


def block_reason(connection: Connection, requester: str, worker: str) -> str | None:
    """Why the requester has blocked the worker; None if it hasn't. One look at a key: the accept asks."""
    return connection.execute(_BLOCK, {"by": requester, "whom": worker}).scalar()


def block(connection: Connection, requester: str, worker: str, reason: str, now: datetime) -> bool:
    """Blocks, or gives another reason; whether anything changed."""
    if block_reason(connection, requester, worker) == reason:
        return False
    unblock(connection, requester, worker)
    row = {"requester": requester, "worker": worker, "reason": reason, "created_at": now}
    connection.execute(insert(Block), row)
    return True


def unblock(connection: Connection, requester: str, worker: str) -> bool:
    """Whether there was a block."""
    return connection.execute(_UNBLOCK, {"by": requester, "whom": worker}).rowcount > 0


def blocks(connection: Connection, account: str, as_worker: bool, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Blocks that an account has made, or of it."""
    statement = _BLOCKS_OF if as_worker else _BLOCKS_BY
    return connection.execute(statement, {"of": account, "cursor": cursor, "most": limit}).all()


def newest_blocks(connection: Connection, requester: str, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """Blocks that a requester has made, the newest first; those before the one of the worker `before`."""
    more = {} if before is None else {"before": before}
    return connection.execute(_BLOCKS_OLDER if more else _BLOCKS_NEWEST, {"of": requester, "most": limit} | more).all()


def is_muted(connection: Connection, worker: str, requester: str) -> bool:
    """Whether the worker wants no messages of the requester."""
    return connection.execute(_MUTE, {"by": worker, "whom": requester}).first() is not None


def mute(connection: Connection, worker: str, requester: str, now: datetime) -> None:
    """From now on."""
    if not is_muted(connection, worker, requester):
        connection.execute(insert(Mute), {"worker": worker, "requester": requester, "created_at": now})


def unmute(connection: Connection, worker: str, requester: str) -> None:
    """As it was."""
    connection.execute(_UNMUTE, {"by": worker, "whom": requester})


def mutes(connection: Connection, worker: str) -> Sequence[str]:
    """The requesters that a worker has muted."""
    return connection.execute(_MUTES, {"by": worker}).scalars().all()


def workers_of(connection: Connection, requester: str) -> Sequence[str]:
    """Everybody who ever took a slot of a requester's."""
    return connection.execute(_WORKERS, {"of": requester}).scalars().all()


# ------------------------------------------------------------------------------------------------ messages

_newest = select(func.max(col(Message.number))).where(col(Message.thread) == col(Thread.id)).scalar_subquery()


def _unread(read: ColumnElement[int], sender: ColumnElement[str]) -> ColumnElement[int]:
    fresh = select(func.count()).where(col(Message.thread) == col(Thread.id), col(Message.number) > read, col(Message.sender) == sender)
    return fresh.scalar_subquery()


_THREAD = select(
    Thread,
    Posting.job,
    _newest.label("newest"),
    _unread(col(Thread.requester_read), col(Thread.worker)).label("requester_unread"),
    _unread(col(Thread.worker_read), col(Thread.requester)).label("worker_unread"),
).join(Posting, col(Posting.number) == col(Thread.posting))
_ONE = _THREAD.where(col(Thread.id) == bindparam("wanted"))
_THREADS = (
    _THREAD.where(
        or_(col(Thread.requester) == bindparam("of"), col(Thread.worker) == bindparam("of")),
        col(Thread.id) > bindparam("cursor"),
    )
    .order_by(col(Thread.id))
    .limit(bindparam("most"))
)
_AS_REQUESTER, _AS_WORKER = (
    _THREAD.where(own == bindparam("of"), col(Thread.id) < bindparam("before")).order_by(col(Thread.id).desc()).limit(bindparam("most"))
    for own in (col(Thread.requester), col(Thread.worker))
)
_OF_JOB = select(Thread.id).where(col(Thread.posting) == bindparam("about"), col(Thread.worker) == bindparam("whom"))
_MESSAGES = (
    select(Message)
    .where(col(Message.thread) == bindparam("of"), col(Message.number) > bindparam("cursor"))
    .order_by(col(Message.number))
    .limit(bindparam("most"))
)
_SENT = select(func.count()).where(col(Message.sender) == bindparam("by"), col(Message.created_at) > bindparam("since"))
_READ = update(Thread).where(col(Thread.id) == bindparam("b_id"))
_HAS_WORKED = select(Assignment.id).where(
    col(Assignment.posting) == bindparam("of"), col(Assignment.worker) == bindparam("whom")
).limit(1)


def thread(connection: Connection, id: str) -> Row[Any] | None:
    """A thread with its job and what is unread in it."""
    return connection.execute(_ONE, {"wanted": id}).first()


def threads(connection: Connection, account: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """An account's threads, by age."""
    return connection.execute(_THREADS, {"of": account, "cursor": cursor, "most": limit}).all()


def threads_as(connection: Connection, account: str, as_worker: bool, before: str, limit: int) -> Sequence[Row[Any]]:
    """An account's threads as a worker, or as a requester, the newest first, begun before the one with the id `before`."""
    statement = _AS_WORKER if as_worker else _AS_REQUESTER
    return connection.execute(statement, {"of": account, "before": before, "most": limit}).all()


def thread_of(connection: Connection, row: dict[str, Any]) -> str:
    """The id of a job's thread with a worker: the one that is there, else `row` becomes it."""
    found = connection.execute(_OF_JOB, {"about": row["posting"], "whom": row["worker"]}).scalar()
    if found is None:
        connection.execute(insert(Thread), row)
    return str(found or row["id"])


def add_message(connection: Connection, row: dict[str, Any]) -> int:
    """Writes a message; returns its number."""
    key = connection.execute(insert(Message), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def messages(connection: Connection, thread: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """A thread's messages after the one numbered `cursor`."""
    return connection.execute(_MESSAGES, {"of": thread, "cursor": cursor, "most": limit}).all()


def sent_since(connection: Connection, account: str, since: datetime) -> int:
    """How many messages an account has sent."""
    return int(connection.execute(_SENT, {"by": account, "since": since}).scalar_one())


def read_up_to(connection: Connection, id: str, number: int, as_worker: bool) -> None:
    """Moves a read mark forward, never back."""
    mark = col(Thread.worker_read if as_worker else Thread.requester_read)
    connection.execute(_READ.values({mark: case((mark < number, number), else_=mark)}), {"b_id": id})


def has_worked(connection: Connection, posting: int, worker: str) -> bool:
    """Whether the worker ever took a slot of the job."""
    return connection.execute(_HAS_WORKED, {"of": posting, "whom": worker}).first() is not None
