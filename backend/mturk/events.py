"""What happened to a HIT or an assignment, kept in the transaction in which it did; delivered from there (`deliveries`)."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import col

from backend.store.tables.mturk import MTurkEvent, MTurkHitType

TEST = "TEST"
"""Stands for the HIT and the HIT type of a test event."""
_NOTIFIES = select(MTurkHitType.notification).where(col(MTurkHitType.id) == bindparam("id"))


def hit(connection: Connection, kind: str, hit_id: str, hit_type: str, at: datetime, assignment: str | None = None) -> None:
    """Keeps an event if somebody wants to hear of it.

    Args:
        kind: an EventType of the interface.
        assignment: the assignment's id in the interface's form, where it is about one.
    """
    notification = _wanted(connection, kind, hit_type)
    if notification is not None:
        _keep(connection, kind, notification, hit_id, hit_type, at, assignment)


def is_wanted(connection: Connection, kind: str, hit_type: str) -> bool:
    """Whether somebody wants to hear of a kind of event of a HIT type."""
    return _wanted(connection, kind, hit_type) is not None


def _wanted(connection: Connection, kind: str, hit_type: str) -> dict[str, Any] | None:
    kept = connection.execute(_NOTIFIES, {"id": hit_type}).scalar()
    wanted = json.loads(kept) if kept else None
    if not wanted or not wanted["active"] or kind not in wanted["notification"]["EventTypes"]:
        return None
    found: dict[str, Any] = wanted["notification"]
    return found


def test(connection: Connection, account: str, kind: str, notification: dict[str, Any], at: datetime) -> None:
    """Keeps a test event of an account, whether anybody subscribed to its kind or not."""
    _keep(connection, kind, notification | {"account": account}, TEST, TEST, at, TEST if kind.startswith("Assignment") else None)


def _keep(
    connection: Connection, kind: str, notification: dict[str, Any], hit_id: str, hit_type: str, at: datetime, assignment: str | None
) -> None:
    row = {"kind": kind, "notification": json.dumps(notification), "hit": hit_id, "hit_type": hit_type}
    connection.execute(insert(MTurkEvent), row | {"assignment": assignment, "at": at, "due_at": at, "attempts": 0})
