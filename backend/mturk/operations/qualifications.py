"""Qualification types, who has them, and who asks for them. They are the marketplace's own, seen through this interface."""

import secrets
from asyncio import to_thread
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update
from sqlmodel import col

from backend.mturk.answer_key import fits, read_answer_key
from backend.mturk.calls import Answer, Call
from backend.mturk.errors import RequestError, invalid, missing, wrong_state
from backend.mturk.ids import assignment_id, id_of_assignment, worker_id
from backend.mturk.operations.people import account
from backend.mturk.questions import read_answer_form
from backend.mturk.service import MTurk
from backend.store import notices, qualifications
from backend.store.tables import Qualification, QualificationGrant, QualificationRequest

PAGE = 10
LONGEST_NAME, LONGEST_TEXT = 200, 2_000

_ONE = select(Qualification).where(col(Qualification.id) == bindparam("id"))
_GRANT = select(QualificationGrant).where(
    col(QualificationGrant.qualification) == bindparam("of"), col(QualificationGrant.account) == bindparam("to")
)
_GRANTS = (
    select(QualificationGrant)
    .where(
        col(QualificationGrant.qualification) == bindparam("of"),
        col(QualificationGrant.account) > bindparam("after"),
    )
    .order_by(col(QualificationGrant.account))
    .limit(bindparam("most"))
)
_REQUEST = (
    select(QualificationRequest, Qualification.owner)
    .join(Qualification, col(Qualification.id) == col(QualificationRequest.qualification))
    .where(col(QualificationRequest.id) == bindparam("id"), col(QualificationRequest.refused_at).is_(None))
)
_REQUESTS = (
    select(QualificationRequest, Qualification.test)
    .join(Qualification, col(Qualification.id) == col(QualificationRequest.qualification))
    .where(
        col(Qualification.owner) == bindparam("by"),
        col(QualificationRequest.refused_at).is_(None),
        col(QualificationRequest.id) > bindparam("after"),
    )
    .order_by(col(QualificationRequest.id))
    .limit(bindparam("most"))
)


# ------------------------------------------------------------------------------------------------ types


async def create(service: MTurk, call: Call) -> Answer:
    """A qualification type, with a name that the requester has not used."""
    given = call.given
    _check(given)
    row = {
        "id": "0x" + secrets.token_hex(16),
        "owner": call.requester,
        "name": given["Name"],
        "keywords": given.get("Keywords", ""),
        "requestable": True,
        "retry_seconds": given.get("RetryDelayInSeconds"),
        "created_at": call.now,
    } | _changes(given)

    def work(connection: Connection) -> Answer:
        if qualifications.named(connection, call.requester, given["Name"]) is not None:
            raise RequestError(
                "QualificationTypeAlreadyExists",
                "You have already created a QualificationType with this name. A QualificationType's name must be unique among all of "
                "the QualificationTypes created by the same user.",
            )
        qualifications.add(connection, row)
        return {"QualificationType": _view(connection.execute(_ONE, {"id": row["id"]}).one(), call.requester)}

    return await call.change(service.store, work)


async def change(service: MTurk, call: Call) -> Answer:
    """Changes a qualification type; its name and keywords stay."""
    given = call.given

    def work(connection: Connection) -> Answer:
        row = own(connection, call.requester, given["QualificationTypeId"])
        merged = {
            "Description": row.description,
            "QualificationTypeStatus": "Active" if row.active else "Inactive",
            "Test": row.test,
            "AnswerKey": None if "Test" in given else row.answer_key,
            "TestDurationInSeconds": row.test_seconds,
            "AutoGranted": row.auto_value is not None,
            "AutoGrantedValue": row.auto_value,
        } | given
        if not merged["AutoGranted"] and "AutoGrantedValue" not in given:
            merged["AutoGrantedValue"] = None  # it ends with what it belonged to
        merged = {name: value for name, value in merged.items() if value is not None}
        _check(merged | {"Name": row.name})
        values = _changes(merged) | ({"retry_seconds": given["RetryDelayInSeconds"]} if "RetryDelayInSeconds" in given else {})
        qualifications.change(connection, row.id, values)
        return {"QualificationType": _view(connection.execute(_ONE, {"id": row.id}).one(), call.requester)}

    return await call.change(service.store, work)


def _check(given: Mapping[str, Any]) -> None:
    """Refuses what contradicts itself.

    Raises:
        RequestError: the sentence says what.
    """
    if not given["Name"].strip() or len(given["Name"]) > LONGEST_NAME or len(given["Description"]) > LONGEST_TEXT:
        raise invalid(f"Name has 1 to {LONGEST_NAME} characters, Description at most {LONGEST_TEXT}.")
    test, key, automatic = given.get("Test"), given.get("AnswerKey"), given.get("AutoGranted", False)
    if key is not None and test is None:
        raise invalid("An AnswerKey needs a Test.")
    if test is not None and automatic:
        raise invalid("A qualification with a Test can't be AutoGranted.")
    if test is not None and given.get("TestDurationInSeconds", 0) < 1:
        raise invalid("A Test needs TestDurationInSeconds.")
    if given.get("AutoGrantedValue") is not None and not automatic:
        raise invalid("AutoGrantedValue needs AutoGranted.")
    if given.get("RetryDelayInSeconds", 0) < 0:
        raise invalid("RetryDelayInSeconds can't be negative.")
    if test is not None:
        form = read_answer_form(test)
        fault = fits(read_answer_key(key), form) if key is not None else None
        if fault:
            raise invalid(fault)


def _changes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": given["Description"],
        "active": given["QualificationTypeStatus"] == "Active",
        "auto_value": given.get("AutoGrantedValue", 1) if given.get("AutoGranted") else None,
        "test": given.get("Test"),
        "answer_key": given.get("AnswerKey"),
        "test_seconds": given.get("TestDurationInSeconds"),
    }


async def get(service: MTurk, call: Call) -> Answer:
    """A qualification type of anybody's; its answer key for its owner only."""

    def look() -> Answer:
        with service.store.read() as connection:
            return {"QualificationType": _view(_type(connection, call.given["QualificationTypeId"]), call.requester)}

    return await to_thread(look)


async def listed(service: MTurk, call: Call) -> Answer:
    """Qualification types by a part of their name, description or keywords."""
    return await to_thread(_list, service, call)


def _list(service: MTurk, call: Call) -> Answer:
    given, most = call.given, call.given.get("MaxResults", PAGE)
    question = {name: given[name] for name in ("Query", "MustBeRequestable", "MustBeOwnedByCaller") if name in given}
    token = service.tokens.read(call.requester, call.operation, question, given.get("NextToken"))
    where = [col(Qualification.retired_at).is_(None), col(Qualification.id) > (token or "")]
    if given["MustBeRequestable"]:
        where.append(col(Qualification.requestable))
    if given.get("MustBeOwnedByCaller", False):
        where.append(col(Qualification.owner) == call.requester)
    if given.get("Query"):
        texts = (Qualification.name, Qualification.description, Qualification.keywords)
        wanted = given["Query"].lower()
        where.append(or_(*(func.lower(col(text)).contains(wanted, autoescape=True) for text in texts)))
    with service.store.read() as connection:
        statement = select(Qualification).where(*where).order_by(col(Qualification.id)).limit(most + 1)
        rows = connection.execute(statement).all()
    shown = [_view(row, call.requester) for row in rows[:most]]
    answer: Answer = {"NumResults": len(shown), "QualificationTypes": shown}
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, rows[:most][-1].id)
    return answer


async def dispose(service: MTurk, call: Call) -> Answer:
    """Ends a qualification type: who has it keeps it, who asks for it is refused, its name is free again."""

    def work(connection: Connection) -> Answer:
        row = own(connection, call.requester, call.given["QualificationTypeId"])
        qualifications.change(connection, row.id, {"retired_at": call.now, "active": False, "requestable": False})
        waiting = update(QualificationRequest).where(
            col(QualificationRequest.qualification) == row.id, col(QualificationRequest.refused_at).is_(None)
        )
        connection.execute(waiting.values(refused_at=call.now, reason="The qualification is no more."))
        return {}

    return await call.change(service.store, work)


def own(connection: Connection, requester: str, id: str) -> Row[Any]:
    """A requester's own qualification type.

    Raises:
        RequestError: it doesn't exist, or is somebody else's.
    """
    row = _type(connection, id)
    if row.owner != requester:
        raise RequestError("PermissionDeniedException", f"QualificationType {id} is not yours.")
    return row


def _type(connection: Connection, id: str) -> Row[Any]:
    kept = id_of_assignment(id)
    row = None if kept is None else connection.execute(_ONE, {"id": kept}).one_or_none()
    if row is None or row.retired_at is not None:
        raise missing("QualificationType", id)
    return row


def _view(row: Row[Any], requester: str) -> dict[str, Any]:
    shown = {
        "QualificationTypeId": assignment_id(row.id),
        "CreationTime": row.created_at.timestamp(),
        "Name": row.name,
        "Description": row.description,
        "Keywords": row.keywords,
        "QualificationTypeStatus": "Active" if row.active else "Inactive",
        "Test": row.test,
        "TestDurationInSeconds": row.test_seconds,
        "AnswerKey": row.answer_key if row.owner == requester else None,
        "RetryDelayInSeconds": row.retry_seconds,
        "IsRequestable": row.requestable,
        "AutoGranted": row.auto_value is not None,
        "AutoGrantedValue": row.auto_value,
    }
    return {name: value for name, value in shown.items() if value is not None}


# ------------------------------------------------------------------------------------------------ who has one


async def associate(service: MTurk, call: Call) -> Answer:
    """Gives a worker a qualification, or another value of it, also after it was taken away."""
    given, worker = call.given, await to_thread(account, service, call)

    def work(connection: Connection) -> Answer:
        row = own(connection, call.requester, given["QualificationTypeId"])
        qualifications.grant(connection, row.id, worker, given.get("IntegerValue", 1), None, call.now)
        if given.get("SendNotification", True):
            notices.tell(connection, worker, "qualification.granted", {"qualification": row.id, "name": row.name}, call.now)
        return {}

    return await call.change(service.store, work)


async def disassociate(service: MTurk, call: Call) -> Answer:
    """Takes a qualification away; its worker reads the reason."""
    given, worker = call.given, await to_thread(account, service, call)

    def work(connection: Connection) -> Answer:
        row = own(connection, call.requester, given["QualificationTypeId"])
        grant = connection.execute(_GRANT, {"of": row.id, "to": worker}).one_or_none()
        if grant is None:
            raise missing("Qualification", f"{given['QualificationTypeId']} of worker {given['WorkerId']}")
        if not qualifications.revoke(connection, row.id, worker, given.get("Reason"), call.now):
            raise wrong_state("Qualification", "Granted")
        notices.tell(
            connection, worker, "qualification.revoked",
            {"qualification": row.id, "name": row.name, "reason": given.get("Reason")}, call.now,
        )  # fmt: skip
        return {}

    return await call.change(service.store, work)


async def score(service: MTurk, call: Call) -> Answer:
    """What a worker has of a qualification."""
    worker = await to_thread(account, service, call)

    def look() -> Answer:
        with service.store.read() as connection:
            row = own(connection, call.requester, call.given["QualificationTypeId"])
            grant = connection.execute(_GRANT, {"of": row.id, "to": worker}).one_or_none()
        if grant is None:
            raise missing("Qualification", f"{call.given['QualificationTypeId']} of worker {call.given['WorkerId']}")
        if grant.revoked_at is not None:
            raise wrong_state("Qualification", "Granted")
        return {"Qualification": _grant(grant)}

    return await to_thread(look)


async def workers(service: MTurk, call: Call) -> Answer:
    """Who has a qualification, or had it."""
    return await to_thread(_workers, service, call)


def _workers(service: MTurk, call: Call) -> Answer:
    given, most = call.given, call.given.get("MaxResults", PAGE)
    status = given.get("Status", "Granted")
    question = {"QualificationTypeId": given["QualificationTypeId"], "Status": status}
    token = service.tokens.read(call.requester, call.operation, question, given.get("NextToken"))
    revoked = col(QualificationGrant.revoked_at).is_not(None) if status == "Revoked" else col(QualificationGrant.revoked_at).is_(None)
    with service.store.read() as connection:
        row = own(connection, call.requester, given["QualificationTypeId"])
        values = {"of": row.id, "after": token or "", "most": most + 1}
        rows = connection.execute(_GRANTS.where(revoked), values).all()
    answer: Answer = {"NumResults": len(rows[:most]), "Qualifications": [_grant(one) for one in rows[:most]]}
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, rows[:most][-1].account)
    return answer


def _grant(row: Row[Any]) -> dict[str, Any]:
    shown = {
        "QualificationTypeId": assignment_id(row.qualification),
        "WorkerId": worker_id(row.account),
        "GrantTime": row.granted_at.timestamp(),
        "Status": "Granted" if row.revoked_at is None else "Revoked",
    }
    if row.locale is not None:
        country, _, part = row.locale.partition("-")
        return shown | {"LocaleValue": {"Country": country} | ({"Subdivision": part} if part else {})}
    return shown | {"IntegerValue": 1 if row.value is None else row.value}


# ------------------------------------------------------------------------------------------------ who asks for one


async def requests(service: MTurk, call: Call) -> Answer:
    """Who asks for a qualification of the requester's and waits for an answer."""
    return await to_thread(_requests, service, call)


def _requests(service: MTurk, call: Call) -> Answer:
    given, most = call.given, call.given.get("MaxResults", PAGE)
    question = {name: given[name] for name in ("QualificationTypeId",) if name in given}
    token = service.tokens.read(call.requester, call.operation, question, given.get("NextToken"))
    with service.store.read() as connection:
        wanted = own(connection, call.requester, given["QualificationTypeId"]).id if question else None
        statement = _REQUESTS if wanted is None else _REQUESTS.where(col(QualificationRequest.qualification) == wanted)
        rows = connection.execute(statement, {"by": call.requester, "after": token or "", "most": most + 1}).all()
    shown = [_request(row) for row in rows[:most]]
    answer: Answer = {"NumResults": len(shown), "QualificationRequests": shown}
    if rows:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, rows[:most][-1].id)
    return answer


def _request(row: Row[Any]) -> dict[str, Any]:
    shown = {
        "QualificationRequestId": assignment_id(row.id),
        "QualificationTypeId": assignment_id(row.qualification),
        "WorkerId": worker_id(row.account),
        "Test": row.test,
        "Answer": row.answer or None,
        "SubmitTime": row.created_at.timestamp(),
    }
    return {name: value for name, value in shown.items() if value is not None}


async def accept_request(service: MTurk, call: Call) -> Answer:
    """Gives a worker the qualification that it asks for."""

    def work(connection: Connection) -> Answer:
        row = _waiting(connection, call)
        qualifications.grant(connection, row.qualification, row.account, call.given.get("IntegerValue", 1), None, call.now)
        notices.tell(connection, row.account, "qualification.granted", {"qualification": row.qualification}, call.now)
        return {}

    return await call.change(service.store, work)


async def reject_request(service: MTurk, call: Call) -> Answer:
    """Refuses a worker the qualification that it asks for; it reads the reason."""
    reason = call.given.get("Reason")

    def work(connection: Connection) -> Answer:
        row = _waiting(connection, call)
        qualifications.refuse(connection, row.qualification, row.account, reason, call.now)
        told = {"qualification": row.qualification, "reason": reason}
        notices.tell(connection, row.account, "qualification.refused", told, call.now)
        return {}

    return await call.change(service.store, work)


def _waiting(connection: Connection, call: Call) -> Row[Any]:
    id = call.given["QualificationRequestId"]
    kept = id_of_assignment(id)
    row = None if kept is None else connection.execute(_REQUEST, {"id": kept}).one_or_none()
    if row is None or row.owner != call.requester:
        raise missing("QualificationRequest", id)
    return row


async def file_upload_url(service: MTurk, call: Call) -> Answer:
    """Answers by file have been gone from the interface since 2017; there is none to fetch."""
    raise RequestError("InvalidParameterValue", "FileUploadAnswer is not supported any more, so no answer has a file (deprecated 2017-12-12).")


OPERATIONS = {
    "CreateQualificationType": create,
    "UpdateQualificationType": change,
    "GetQualificationType": get,
    "ListQualificationTypes": listed,
    "DeleteQualificationType": dispose,
    "AssociateQualificationWithWorker": associate,
    "DisassociateQualificationFromWorker": disassociate,
    "GetQualificationScore": score,
    "ListWorkersWithQualificationType": workers,
    "ListQualificationRequests": requests,
    "AcceptQualificationRequest": accept_request,
    "RejectQualificationRequest": reject_request,
    "GetFileUploadURL": file_upload_url,
}
