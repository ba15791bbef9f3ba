"""Submitted assignments: listed, approved, rejected."""

from asyncio import to_thread
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.mturk import events, hits, reviews, work
from backend.mturk.calls import Answer, Call
from backend.mturk.errors import RequestError, invalid
from backend.mturk.service import MTurk

PAGE = 10
LONGEST_FEEDBACK = 1_024
OVERRIDE = timedelta(days=30)
_CONTROL = {chr(code) for code in (*range(9), 11, 12, *range(14, 32))}


async def get_assignment(service: MTurk, call: Call) -> Answer:
    """An assignment with its HIT."""

    def look() -> Answer:
        with service.store.read() as connection:
            row = work.submitted(connection, call.requester, call.given["AssignmentId"])
            hit = work.hit_view(connection, call.requester, row.hit, call.now)
        return {"Assignment": work.view(row, row.hit, row.auto_approval_seconds), "HIT": hit}

    return await to_thread(look)


async def list_assignments(service: MTurk, call: Call) -> Answer:
    """A HIT's assignments in the order in which they were submitted, of all statuses or some."""
    return await to_thread(_page, service, call)


def _page(service: MTurk, call: Call) -> Answer:
    most, statuses = call.given.get("MaxResults", PAGE), call.given.get("AssignmentStatuses") or list(work.STATES)
    question = {"HITId": call.given["HITId"], "statuses": sorted(set(statuses))}
    token = service.tokens.read(call.requester, call.operation, question, call.given.get("NextToken"))
    with service.store.read() as connection:
        hit = hits.one(connection, call.requester, call.given["HITId"], call.now)
        shown = work.of_hit(connection, hit.id, sorted(set(statuses)), _place(token), most)
    views = [work.view(row, hit.id, hit.row.auto_approval_seconds) for row in shown]
    answer: Answer = {"NumResults": len(shown), "Assignments": views}
    if shown:
        cursor = f"{shown[-1].revealed_at.isoformat()} {shown[-1].id}"
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, cursor)
    return answer


def _place(token: str | None) -> tuple[datetime, str] | None:
    if token is None:
        return None
    at, _, id = token.partition(" ")
    return datetime.fromisoformat(at), id


async def approve_assignment(service: MTurk, call: Call) -> Answer:
    """Approves an answer; with OverrideRejection also one that was rejected within 30 days."""
    override, feedback = call.given.get("OverrideRejection", False), _feedback(call)

    def change(connection: Connection) -> Answer:
        row = work.one(connection, call.requester, call.given["AssignmentId"])
        _approvable(row, override, call.now)
        reviews.approve(connection, row, feedback, call.now, call.requester)
        _event(connection, "AssignmentApproved", row, call)
        return {}

    answer: Answer = await call.change(service.store, change)
    return answer


async def reject_assignment(service: MTurk, call: Call) -> Answer:
    """Rejects an answer; its worker reads the feedback, and may have it decided on the chain."""
    feedback = _feedback(call)

    def change(connection: Connection) -> Answer:
        row = work.one(connection, call.requester, call.given["AssignmentId"])
        if row.state != "revealed":
            raise RequestError("InvalidAssignmentState", "This operation can be called with a status of: Submitted")
        reviews.reject(connection, row, feedback, call.now, call.requester)
        _event(connection, "AssignmentRejected", row, call)
        return {}

    answer: Answer = await call.change(service.store, change)
    return answer


def _approvable(row: Row[Any], override: bool, now: datetime) -> None:
    if row.state == "revealed":
        return
    if row.state != "rejected" or not override:
        allowed = "Submitted, Rejected" if override else "Submitted"
        raise RequestError("InvalidAssignmentState", f"This operation can be called with a status of: {allowed}")
    if row.revealed_at < now - OVERRIDE or row.disposed_at is not None:
        raise RequestError(
            "InvalidAssignmentState", "A rejection can be overridden within 30 days of the submission, while the HIT isn't deleted."
        )


def _feedback(call: Call) -> str:
    text = str(call.given.get("RequesterFeedback", ""))
    if len(text) > LONGEST_FEEDBACK or _CONTROL & set(text):
        raise invalid(f"RequesterFeedback has at most {LONGEST_FEEDBACK} characters, none of them control characters.")
    return text


def _event(connection: Connection, kind: str, row: Row[Any], call: Call) -> None:
    events.hit(connection, kind, row.hit, row.hit_type, call.now, call.given["AssignmentId"])


OPERATIONS = {
    "GetAssignment": get_assignment,
    "ListAssignmentsForHIT": list_assignments,
    "ApproveAssignment": approve_assignment,
    "RejectAssignment": reject_assignment,
}
