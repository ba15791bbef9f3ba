"""What accounts are told, in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select
from sqlmodel import col

from backend.store.tables import Notice

KINDS = ("message.received", "block.set", "block.lifted")
"""Everything that an account can be told."""

_INSERT = insert(Notice)
_PAGE = (
    select(Notice)
    .where(col(Notice.account) == bindparam("of"), col(Notice.number) > bindparam("cursor"))
    .order_by(col(Notice.number))
    .limit(bindparam("most"))
)


def tell(connection: Connection, account: str, kind: str, subject: dict[str, Any], now: datetime) -> None:
    """Writes a notice in the transaction of what caused it."""
    connection.execute(_INSERT, {"account": account, "kind": kind, "subject": json.dumps(subject), "created_at": now})


def page(connection: Connection, account: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """An account's notices after the one numbered `cursor`, in the order in which everybody sees them."""
    return connection.execute(_PAGE, {"of": account, "cursor": cursor, "most": limit}).all()
