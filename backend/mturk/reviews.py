"""Approving and rejecting one answer, as reviews everywhere do it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, update
from sqlmodel import col

from backend.mturk.errors import RequestError
from backend.services.fairness import require_fair
from backend.services.reviews import Bench
from backend.store import reviews
from backend.store.tables import Assignment
from piecework.domain.errors import Conflict

_FEEDBACK = update(Assignment).where(col(Assignment.id) == bindparam("b_id")).values(reason=bindparam("b_reason"))


def approve(connection: Connection, row: Row[Any], feedback: str, now: datetime, reviewer: str) -> None:
    """Approves an answer; the feedback is shown to its worker.

    Raises:
        RequestError: it was reviewed otherwise meanwhile, or the chain has its slot.
    """
    try:
        Bench(connection, row.posting, reviewer, now).approve([row.id])  # the callers keep its event
    except Conflict as conflict:
        raise RequestError("InvalidAssignmentState", conflict.sentence) from conflict
    connection.execute(_FEEDBACK, {"b_id": row.id, "b_reason": feedback or None})


def reject(connection: Connection, row: Row[Any], feedback: str, now: datetime, reviewer: str) -> None:
    """Rejects an answer; the feedback, which may be empty here, is shown to its worker.

    Raises:
        RequestError: it was reviewed otherwise meanwhile.
    """
    audit = {"posting": row.posting, "before": "revealed", "verdict": "rejected", "reviewer": reviewer}
    if not reviews.decide(connection, audit | {"code": None, "reason": feedback or None}, now, [], [row.id]):
        raise RequestError("InvalidAssignmentState", "This operation can be called with a status of: Submitted")
    try:
        require_fair(connection, row.posting)
    except Conflict as conflict:
        raise RequestError("InvalidAssignmentState", conflict.sentence) from conflict
