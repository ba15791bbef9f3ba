"""Signed batches in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import Assignment, Outbox, Posting, SignedBatch

_APPROVED = (
    select(Assignment.slot, Assignment.worker, Assignment.commitment)
    .where(col(Assignment.posting) == bindparam("of"), col(Assignment.state) == "approved", ~slots.is_taken)
    .order_by(col(Assignment.slot))
)
_LOCKED = _APPROVED.with_for_update(of=Assignment)
_LAST = (
    select(SignedBatch.number, SignedBatch.roster, SignedBatch.workers)
    .where(col(SignedBatch.posting) == bindparam("of"))
    .order_by(col(SignedBatch.number).desc())
    .limit(1)
)
_BATCH_UP = (
    update(Assignment)
    .where(
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.state) == "approved",
        col(Assignment.slot).between(bindparam("first"), bindparam("last")),
        col(Assignment.worker).in_(bindparam("holders", expanding=True)),
        ~slots.is_taken,
    )
    .values(state="batched", batch=bindparam("digest"))
)
_VIEW = (
    select(
        SignedBatch,
        Posting.job,
        Posting.requester,
        Posting.operator,
        mirror.batch_settlement.label("settled_by"),
        Outbox.transaction_hash.label("sent_as"),  # type: ignore[union-attr]  # a column here
        Outbox.gas_used,
    )
    .join(Posting, col(Posting.number) == col(SignedBatch.posting))
    .outerjoin(Outbox, col(Outbox.id) == col(SignedBatch.outbox))
    .order_by(col(SignedBatch.number))
)
_ONE = _VIEW.where(col(SignedBatch.digest) == bindparam("wanted"))
_APPROVE = (
    update(SignedBatch)
    .where(col(SignedBatch.digest) == bindparam("wanted"), col(SignedBatch.approval).is_(None))
    .values(approval=bindparam("given"), approved_at=bindparam("now"))
)

waiting = col(SignedBatch.approval).is_(None)
"""The condition that a batch still needs an approval."""


def approved(connection: Connection, posting: int, locked: bool = False) -> list[tuple[int, str, bytes]]:
    """Approved assignments of a job that are in no batch and whose slots are free: slot, worker, commitment, by slot; `locked` against
    whoever would decide otherwise until the transaction ends."""
    rows = connection.execute(_LOCKED if locked else _APPROVED, {"of": posting})
    return [(slot, worker, bytes.fromhex(commitment[2:])) for slot, worker, commitment in rows]


def last(connection: Connection, posting: int) -> Row[Any] | None:
    """The job's newest batch: its number, roster and worker table."""
    return connection.execute(_LAST, {"of": posting}).first()


def add(connection: Connection, row: dict[str, Any], last_slot: int, holders: Sequence[str]) -> int:
    """Writes a batch and marks the assignments in it; returns how many those are."""
    connection.execute(insert(SignedBatch), row)
    values = {"of": row["posting"], "first": row["first_slot"], "last": last_slot, "holders": list(holders)}
    return connection.execute(_BATCH_UP, values | {"digest": row["digest"]}).rowcount


def one(connection: Connection, digest: str) -> Row[Any] | None:
    """A batch with its job and the transaction that settled it."""
    return connection.execute(_ONE, {"wanted": digest}).first()


def page(connection: Connection, posting: int, where: Sequence[ColumnElement[bool]], cursor: int, limit: int) -> Sequence[Row[Any]]:
    """A job's batches after the one numbered `cursor`."""
    statement = _VIEW.where(col(SignedBatch.posting) == posting, col(SignedBatch.number) > cursor, *where)
    return connection.execute(statement.limit(limit)).all()


def approve(connection: Connection, digest: str, signature: str, now: Any) -> bool:
    """Keeps the first approval of a batch; False if it has one."""
    return connection.execute(_APPROVE, {"wanted": digest, "given": signature, "now": now}).rowcount == 1
