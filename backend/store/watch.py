"""The watchtower's notes in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlmodel import col

from backend.store.tables import Outbox, WatchNote

_left = (
    col(WatchNote.kind) == bindparam("b_kind"),
    col(WatchNote.subject) == bindparam("b_subject"),
    col(WatchNote.outbox).is_(None),
)
_LEFT = select(WatchNote.said).where(*_left)
_CHANGE = update(WatchNote).where(*_left)
_FORGET = delete(WatchNote).where(*_left)
_UNDER_WAY = (
    select(Outbox.id)
    .where(
        col(Outbox.kind) == bindparam("of_kind"),
        col(Outbox.subject) == bindparam("of"),
        col(Outbox.state).in_(("queued", "signed")),
    )
    .limit(1)
)
_PAGE = (
    select(WatchNote, Outbox.state, Outbox.transaction_hash, Outbox.gas_used, Outbox.error)
    .outerjoin(Outbox, col(Outbox.id) == col(WatchNote.outbox))
    .where(col(WatchNote.number) > bindparam("cursor"))
    .order_by(col(WatchNote.number))
    .limit(bindparam("most"))
)


def under_way(connection: Connection, kind: str, subject: str) -> bool:
    """Whether a transaction for it waits or is on its way."""
    return connection.execute(_UNDER_WAY, {"of_kind": kind, "of": subject}).first() is not None


def did(connection: Connection, note: dict[str, Any]) -> None:
    """Writes down what was queued; that it was left before is forgotten."""
    connection.execute(_FORGET, {"b_kind": note["kind"], "b_subject": note["subject"]})
    connection.execute(insert(WatchNote), note)


def left(connection: Connection, note: dict[str, Any]) -> bool:
    """Writes down what was left and why, once; False if that is known."""
    key = {"b_kind": note["kind"], "b_subject": note["subject"]}
    before = connection.execute(_LEFT, key).scalar()
    if before == note["said"]:
        return False
    if before is None:
        connection.execute(insert(WatchNote), note)
    else:
        connection.execute(_CHANGE.values(**{name: note[name] for name in ("slots", "amount", "gas", "said")}), key)
    return True


def page(connection: Connection, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """Notes by age, with what became of the transactions."""
    return connection.execute(_PAGE, {"cursor": cursor, "most": limit}).all()
