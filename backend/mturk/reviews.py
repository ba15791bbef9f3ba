"""Approving and rejecting one answer, with a line in the record of reviews."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, update
from sqlmodel import col

from backend.mturk.errors import RequestError
from backend.store.tables import Assignment, Review

_MOVE = (
    update(Assignment)
    .where(col(Assignment.id) == bindparam("b_id"), col(Assignment.state) == bindparam("b_before"))
    .values(state=bindparam("b_state"), reason=bindparam("b_reason"), reviewed_at=bindparam("b_now"))
)


def approve(connection: Connection, row: Row[Any], feedback: str, now: datetime, reviewer: str | None) -> None:
    """Approves an answer; the feedback is shown to its worker.

    Raises:
        RequestError: somebody else reviewed it at this moment.
    """
    _move(connection, row, "approved", feedback, now, reviewer)


def reject(connection: Connection, row: Row[Any], feedback: str, now: datetime, reviewer: str | None) -> None:
    """Rejects an answer; the feedback is shown to its worker.

    Raises:
        RequestError: somebody else reviewed it at this moment.
    """
    _move(connection, row, "rejected", feedback, now, reviewer)


def _move(connection: Connection, row: Row[Any], state: str, feedback: str, now: datetime, reviewer: str | None) -> None:
    reason = feedback or None
    values = {"b_id": row.id, "b_before": row.state, "b_state": state, "b_reason": reason, "b_now": now}
    if not connection.execute(_MOVE, values).rowcount:
        raise RequestError("InvalidAssignmentState", "This assignment is being reviewed at this moment; look at it again.")
    connection.execute(
        insert(Review),
        {
            "posting": row.posting,
            "assignment": row.id,
            "before": row.state,
            "verdict": state,
            "reason": reason,
            "reviewer": reviewer,
            "created_at": now,
        },
    )
