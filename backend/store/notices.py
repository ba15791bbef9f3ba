"""What accounts are told, in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlmodel import col

from backend.store.tables import Notice, NoticeCursor

KINDS = (
    *("message.received", "block.set", "block.lifted", "qualification.granted", "qualification.refused"),
    *("answers.submitted", "answers.approved", "answers.rejected", "answers.undone"),
    *("job.opened", "job.closing", "job.closed", "batch.settled", "payment.made", "bonus.received"),
    *("funds.low", "allowance.low", "allowance.ending"),
    *("slots.opened", "slots.contested", "slots.reclaimed", "deadline.near"),
    *("appeal.made", "appeal.defended", "appeal.ruled", "appeal.ended"),
)
"""Everything that an account can be told."""

_INSERT = insert(Notice)
_NEWEST = select(func.max(col(Notice.number)))
_UNNUMBERED = select(Notice).where(col(Notice.number).is_(None)).order_by(col(Notice.id)).limit(500)
_NUMBER = update(Notice).where(col(Notice.id) == bindparam("b_id")).values(number=bindparam("b_number"))
_TOLD = select(Notice.fact).where(col(Notice.fact).in_(bindparam("facts", expanding=True)))
_CURSOR = select(NoticeCursor.block_number).where(col(NoticeCursor.name) == bindparam("of"))
_MOVE = update(NoticeCursor).where(col(NoticeCursor.name) == bindparam("of")).values(block_number=bindparam("to"))
_PAGE = (
    select(Notice)
    .where(col(Notice.account) == bindparam("of"), col(Notice.number) > bindparam("cursor"))
    .order_by(col(Notice.number))
    .limit(bindparam("most"))
)
_LATEST = (
    select(Notice)
    .where(col(Notice.account) == bindparam("of"), col(Notice.number) < bindparam("before"))
    .order_by(col(Notice.number).desc())
    .limit(bindparam("most"))
)


def tell(connection: Connection, account: str, kind: str, subject: dict[str, Any], now: datetime) -> None:
    """Writes a notice in the transaction of what caused it."""
    connection.execute(_INSERT, {"account": account, "kind": kind, "subject": json.dumps(subject), "created_at": now})


def page(connection: Connection, account: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """An account's notices after the one numbered `cursor`, in the order in which everybody sees them."""
    return connection.execute(_PAGE, {"of": account, "cursor": cursor, "most": limit}).all()


def latest(connection: Connection, account: str, before: int, limit: int) -> Sequence[Row[Any]]:
    """An account's notices before the one numbered `before`, the newest first."""
    return connection.execute(_LATEST, {"of": account, "before": before, "most": limit}).all()


def newest(connection: Connection) -> int:
    """The highest number that was given; 0 for none."""
    return int(connection.execute(_NEWEST).scalar() or 0)


def unnumbered(connection: Connection) -> Sequence[Row[Any]]:
    """Up to 500 notices that nobody can read yet, oldest first."""
    return connection.execute(_UNNUMBERED).all()


def number(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, int]:
    """Numbers notices in order; for the one process alone that may. Returns number by id."""
    first = newest(connection) + 1
    numbers = {row.id: first + place for place, row in enumerate(rows)}
    connection.execute(_NUMBER, [{"b_id": id, "b_number": number} for id, number in numbers.items()])
    return numbers


def tell_once(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Writes those notices (account, kind, subject, fact) whose fact nobody was told yet."""
    fresh = [row | {"subject": json.dumps(row["subject"]), "created_at": now} for row in untold(connection, rows)]
    if fresh:
        connection.execute(_INSERT, fresh)


def untold(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the notices whose fact nobody was told yet, each fact once."""
    fresh: list[dict[str, Any]] = []
    by_fact = list({row["fact"]: row for row in rows}.items())
    for start in range(0, len(by_fact), 500):
        part = dict(by_fact[start : start + 500])
        told = set(connection.execute(_TOLD, {"facts": list(part)}).scalars())
        fresh += [row for fact, row in part.items() if fact not in told]
    return fresh


def cursor(connection: Connection, name: str) -> int | None:
    """How far somebody has looked who tells; None before the first time."""
    return connection.execute(_CURSOR, {"of": name}).scalar()


def move_cursor(connection: Connection, to: int, name: str) -> None:
    """Says so."""
    if not connection.execute(_MOVE, {"to": to, "of": name}).rowcount:
        connection.execute(insert(NoticeCursor), {"name": name, "block_number": to})
