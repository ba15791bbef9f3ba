"""Assignments as the interface shows them: those that were submitted, with their answers as XML."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select
from sqlmodel import col

from backend.mturk import hits
from backend.mturk.answers import answers_xml, fields_xml
from backend.mturk.errors import RequestError, missing
from backend.mturk.form import Given
from backend.mturk.ids import assignment_id, id_of_assignment, worker_id
from backend.store.tables import Assignment, Posting, Unit
from backend.store.tables.mturk import MTurkHit, MTurkHitType, MTurkPart

STATUS = {"revealed": "Submitted", "approved": "Approved", "batched": "Approved", "rejected": "Rejected"}
STATES = {
    "Submitted": ("revealed",),
    "Approved": ("approved", "batched"),
    "Rejected": ("rejected",),
}
NOT_SUBMITTED = "This operation can be called with a status of: Reviewable,Approved,Rejected"

_VIEW = (
    select(
        Assignment,
        Posting.job,
        MTurkHit.id.label("hit"),  # type: ignore[attr-defined]  # a column here
        MTurkHit.requester,
        MTurkHit.disposed_at,
        MTurkHit.policies,
        MTurkHit.hit_type,
        MTurkHitType.auto_approval_seconds,
        MTurkHitType.reward_cents,
    )
    .join(MTurkPart, and_(col(MTurkPart.posting) == col(Assignment.posting), col(MTurkPart.position) == col(Assignment.unit)))
    .join(MTurkHit, col(MTurkHit.id) == col(MTurkPart.hit))
    .join(MTurkHitType, col(MTurkHitType.id) == col(MTurkPart.hit_type))
    .join(Posting, col(Posting.number) == col(Assignment.posting))
)
_ONE = _VIEW.where(col(Assignment.id) == bindparam("id"), col(Assignment.worker) != col(MTurkHit.requester))
_OF_HIT = (
    select(Assignment)
    .select_from(MTurkPart)
    .join(Unit, hits.unit_of_part)
    .join(Assignment, hits.work_of_unit)
    .where(col(MTurkPart.hit) == bindparam("hit"), col(Assignment.state).in_(bindparam("states", expanding=True)))
    .order_by(col(Assignment.revealed_at), col(Assignment.id))
)


def one(connection: Connection, requester: str, id: str) -> Row[Any]:
    """An assignment of a requester's HIT, in whatever state.

    Raises:
        RequestError: there is none of that id.
    """
    kept = id_of_assignment(id)
    row = None if kept is None else connection.execute(_ONE, {"id": kept}).one_or_none()
    if row is None or row.requester != requester:
        raise missing("Assignment", id)
    return row


def submitted(connection: Connection, requester: str, id: str) -> Row[Any]:
    """The same, once it was submitted.

    Raises:
        RequestError: it doesn't exist, or is not submitted yet; clients look for the sentence.
    """
    row = one(connection, requester, id)
    if row.state not in STATUS:
        raise RequestError("InvalidAssignmentState", NOT_SUBMITTED)
    return row


def of_hit(
    connection: Connection, hit: str, statuses: Iterable[str], after: tuple[datetime, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """A HIT's submitted assignments in the order in which they were submitted."""
    states = [state for status in statuses for state in STATES[status]]
    statement = _OF_HIT.limit(limit)
    if after is not None:
        at, id = after
        later = or_(col(Assignment.revealed_at) > at, and_(col(Assignment.revealed_at) == at, col(Assignment.id) > id))
        statement = statement.where(later)
    return connection.execute(statement, {"hit": hit, "states": states}).all()


def view(row: Row[Any], hit: str, auto_approval_seconds: int) -> dict[str, Any]:
    """An assignment in the form of the interface; what it doesn't have is left out, not null."""
    reviewed = None if row.reviewed_at is None else row.reviewed_at.timestamp()
    status = STATUS[row.state]
    shown = {
        "AssignmentId": assignment_id(row.id),
        "WorkerId": worker_id(row.worker),
        "HITId": hit,
        "AssignmentStatus": status,
        "AutoApprovalTime": (row.revealed_at + timedelta(seconds=auto_approval_seconds)).timestamp(),
        "AcceptTime": row.created_at.timestamp(),
        "SubmitTime": row.revealed_at.timestamp(),
        "ApprovalTime": reviewed if status == "Approved" else None,
        "RejectionTime": reviewed if status == "Rejected" else None,
        "Deadline": row.expires_at.timestamp(),
        "Answer": answer_xml(row.answer),
        "RequesterFeedback": row.reason or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def answer_xml(answer: str) -> str:
    """An answer as XML, whether it came from this interface's pages or from a task page of ours."""
    value = json.loads(answer)
    if isinstance(value, dict) and value.keys() == {"form"}:
        return answers_xml({name: _given(one) for name, one in value["form"].items()})
    if isinstance(value, dict) and value.keys() == {"fields"}:
        return fields_xml((str(name), str(text)) for name, text in value["fields"])
    return fields_xml([("taskAnswers", json.dumps([value], ensure_ascii=False))])


def values(answer: str) -> dict[str, frozenset[str]]:
    """What was answered to each question, trimmed, for review policies."""
    value = json.loads(answer)
    if isinstance(value, dict) and value.keys() == {"form"}:
        return {name: _values(_given(one)) for name, one in value["form"].items()}
    found: dict[str, set[str]] = {}
    if isinstance(value, dict) and value.keys() == {"fields"}:
        for name, text in value["fields"]:
            found.setdefault(str(name), set()).add(str(text).strip())
    elif isinstance(value, dict):
        found = {name: {json.dumps(one) if isinstance(one, dict | list) else str(one).strip()} for name, one in value.items()}
    return {name: frozenset(texts) for name, texts in found.items()}


def form_answer(answers: Mapping[str, Given]) -> dict[str, Any]:
    """A form's answers as they are kept."""
    return {
        "form": {
            name: {"text": one.text} if one.text is not None else {"selections": list(one.selections), "other": one.other}
            for name, one in answers.items()
        }
    }


def _given(kept: Mapping[str, Any]) -> Given:
    return Given(kept.get("text"), tuple(kept.get("selections", ())), kept.get("other"))


def _values(given: Given) -> frozenset[str]:
    texts = [given.text] if given.text is not None else [*given.selections, *([given.other] if given.other else [])]
    return frozenset(text.strip() for text in texts)


def hit_view(connection: Connection, requester: str, hit: str, now: datetime) -> dict[str, Any]:
    """The HIT that an assignment is of."""
    return hits.view(hits.one(connection, requester, hit, now))
