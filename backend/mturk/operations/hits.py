"""HITs: made with their money reserved, looked at, extended, expired, disposed of."""

import json
from asyncio import to_thread
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection
from sqlmodel import col

from backend.mturk import events, hits, slots
from backend.mturk.calls import Answer, Call
from backend.mturk.errors import RequestError, invalid, missing, wrong_state
from backend.mturk.happenings import reviewable
from backend.mturk.ids import new_id
from backend.mturk.operations.hit_types import YEAR, seconds, values_of
from backend.mturk.policies import read_known, read_plurality
from backend.mturk.questions import Html, laid_out, read_question
from backend.mturk.service import MTurk
from backend.mturk.xml import NAMESPACE
from backend.store.tables.mturk import MTurkHit

MOST_ASSIGNMENTS = 1_000_000_000
LONGEST_ANNOTATION = 255
PAGE = 10
TOKEN_LIVES = timedelta(hours=24)
STEP = 10
"""Scripts count on the error that a HIT of fewer assignments can't grow to as many; there is no fee behind it here."""


# ------------------------------------------------------------------------------------------------ making


async def create_hit(service: MTurk, call: Call) -> Answer:
    """A HIT with its HIT type."""
    type_values = values_of(call)
    return await _create(service, call, lambda connection: _type_of(connection, type_values))


async def create_hit_with_hit_type(service: MTurk, call: Call) -> Answer:
    """A HIT of a HIT type."""
    return await _create(
        service, call, lambda connection: hits.hit_type(connection, call.requester, call.given["HITTypeId"])._asdict()
    )


def _type_of(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    hits.add_type(connection, values)
    return values


async def _create(service: MTurk, call: Call, hit_type: Callable[[Connection], dict[str, Any]]) -> Answer:
    question = await to_thread(_question, service, call)
    values = _values(call, question)
    answer: Answer = await call.change(service.store, lambda c: _keep(service, call, c, hit_type(c), values))
    return answer


def _keep(
    service: MTurk, call: Call, connection: Connection, hit_type: dict[str, Any], values: dict[str, Any]
) -> Answer:
    service.funds.lock(connection, call.requester)
    _refuse_token(connection, call)
    cost = service.funds.cost(connection, hit_type["reward_cents"], values["most_assignments"])
    service.funds.need(connection, call.requester, call.caller.operator, cost, call.now)
    row = values | {"id": new_id(), "hit_type": hit_type["id"]}
    hits.add(connection, row)
    hits.add_part(connection, row, row["most_assignments"], call.caller.operator, call.now)
    events.hit(connection, "HITCreated", row["id"], row["hit_type"], call.now)
    return {"HIT": hits.view(hits.one(connection, call.requester, row["id"], call.now))}


def _refuse_token(connection: Connection, call: Call) -> None:
    token = call.given.get("UniqueRequestToken")
    if token is None:
        return
    before = hits.with_token(connection, call.requester, token, call.now - TOKEN_LIVES)
    if before is not None:
        raise RequestError("HitAlreadyExists", f'The HIT with ID "{before}" already exists.')


def _values(call: Call, question: str) -> dict[str, Any]:
    given = call.given
    annotation = given.get("RequesterAnnotation")
    if len(annotation or "") > LONGEST_ANNOTATION:
        raise invalid(f"RequesterAnnotation has at most {LONGEST_ANNOTATION} characters.")
    return {
        "requester": call.requester,
        "access_key_id": call.caller.access_key_id,
        "question": question,
        "layout": given.get("HITLayoutId"),
        "annotation": annotation,
        "policies": _policies(given),
        "token": given.get("UniqueRequestToken"),
        "most_assignments": _assignments(given.get("MaxAssignments", 1)),
        "expires_at": call.now + timedelta(seconds=seconds(given, "LifetimeInSeconds", 30, YEAR)),
        "created_at": call.now,
        "reviewing": False,
        "offered": True,
        "policies_due": False,
        "reviewed": 0,
    }


def _assignments(count: int) -> int:
    if not 1 <= count <= MOST_ASSIGNMENTS:
        raise invalid(f"MaxAssignments must be from 1 to {MOST_ASSIGNMENTS}; this is {count}.")
    return count


def _policies(given: dict[str, Any]) -> str | None:
    """The review policies as they were given, after a look at each."""
    readers = {"AssignmentReviewPolicy": read_known, "HITReviewPolicy": read_plurality}
    found = {name: given[name] for name in readers if name in given}
    for name, policy in found.items():
        readers[name](policy)
    return json.dumps(found) if found else None


def _question(service: MTurk, call: Call) -> str:
    """The question of a HIT, or its layout filled in, as XML.

    Raises:
        RequestError: both or neither was given, or it can't be read.
    """
    question, layout = call.given.get("Question"), call.given.get("HITLayoutId")
    if (question is None) == (layout is None):
        raise invalid("Give either a Question or a HITLayoutId.")
    if question is None:
        with service.store.read() as connection:
            question = _laid_out(connection, call)
    read_question(question)
    return question


def _laid_out(connection: Connection, call: Call) -> str:
    id = call.given["HITLayoutId"]
    layout = hits.layout(connection, call.requester, id)
    if layout is None:
        raise missing("HITLayout", id)
    parameters = {one["Name"]: one["Value"] for one in call.given.get("HITLayoutParameters", ())}
    return _html_question(Html(laid_out(layout.html, parameters), layout.frame_height))


def _html_question(html: Html) -> str:
    content = html.content.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<HTMLQuestion xmlns="{NAMESPACE}2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA[{content}]]></HTMLContent>'
        f"<FrameHeight>{html.frame_height}</FrameHeight></HTMLQuestion>"
    )


# ------------------------------------------------------------------------------------------------ looking


async def get_hit(service: MTurk, call: Call) -> Answer:
    """A HIT, also one that was disposed of."""

    def look() -> Answer:
        with service.store.read() as connection:
            return {"HIT": hits.view(hits.one(connection, call.requester, call.given["HITId"], call.now))}

    return await to_thread(look)


async def list_hits(service: MTurk, call: Call) -> Answer:
    """All HITs that aren't disposed, the newest first."""
    return await to_thread(_page, service, call, _those(call))


async def list_reviewable_hits(service: MTurk, call: Call) -> Answer:
    """HITs in one status of review."""
    wanted, kind = call.given.get("Status", "Reviewable"), call.given.get("HITTypeId")

    def read(connection: Connection, cursor: int | None, limit: int) -> list[hits.Hit]:
        return hits.reviewable_page(connection, call.requester, wanted == "Reviewing", kind, cursor, limit, call.now)

    return await to_thread(_page, service, call, read, lambda hit: hit.status == wanted)


async def list_hits_for_qualification_type(service: MTurk, call: Call) -> Answer:
    """HITs that require a qualification."""
    return await to_thread(_page, service, call, _those(call, hits.requires(call.requester, call.given["QualificationTypeId"])))


Read = Callable[[Connection, int | None, int], list[hits.Hit]]
"""Reads HITs, the newest first: those before a number, at most so many."""


def _those(call: Call, *where: ColumnElement[bool]) -> Read:
    return lambda connection, cursor, limit: hits.page(connection, call.requester, where, cursor, limit, call.now)


def _page(service: MTurk, call: Call, read: Read, wanted: Callable[[hits.Hit], bool] = lambda hit: True) -> Answer:
    """A page of HITs; where `wanted` chooses among them, pages are read until one is full."""
    most = call.given.get("MaxResults", PAGE)
    question = {name: call.given[name] for name in ("HITTypeId", "Status", "QualificationTypeId") if name in call.given}
    token = service.tokens.read(call.requester, call.operation, question, call.given.get("NextToken"))
    cursor, found, more = None if token is None else int(token), [], True
    with service.store.read() as connection:
        while len(found) < most and more:
            page = read(connection, cursor, most)
            more = len(page) == most
            cursor = page[-1].row.number if page else cursor
            found += filter(wanted, page)
    shown = found[:most]
    answer: Answer = {"NumResults": len(shown), "HITs": [hits.view(hit) for hit in shown]}
    if shown:
        answer["NextToken"] = service.tokens.make(call.requester, call.operation, question, str(shown[-1].row.number))
    return answer


# ------------------------------------------------------------------------------------------------ changing


async def update_expiration(service: MTurk, call: Call) -> Answer:
    """Moves the time at which a HIT is no longer offered; a time that is over ends it now. Accepted assignments go on."""
    at = call.given["ExpireAt"]
    if at > call.now + timedelta(seconds=YEAR):
        raise invalid("ExpireAt is at most 365 days ahead.")

    def work(connection: Connection) -> Answer:
        hit = _living(connection, call)
        ends = max(at, datetime.fromtimestamp(0, UTC)) if at > call.now else call.now
        hits.change(connection, hit.id, expires_at=ends, offered=ends > call.now)
        slots.offer(service, connection, hit, ends > call.now, call)
        hits.mark_anew(connection, hit.id, call.now)
        events.hit(connection, "HITExpired" if ends <= call.now else "HITExtended", hit.id, hit.row.hit_type, call.now)
        if hit.status in ("Assignable", "Unassignable"):
            reviewable(connection, hits.one(connection, call.requester, hit.id, call.now))
        return {}

    return await call.change(service.store, work)


async def create_additional_assignments(service: MTurk, call: Call) -> Answer:
    """More assignments for a HIT, with their money reserved."""
    more = call.given["NumberOfAdditionalAssignments"]
    if more < 1:
        raise invalid("NumberOfAdditionalAssignments is at least 1.")

    def work(connection: Connection) -> Answer:
        service.funds.lock(connection, call.requester)
        hit, token = _living(connection, call), call.given.get("UniqueRequestToken")
        if token is not None and hits.extended_with(connection, hit.id, token):
            raise RequestError(
                "InvalidParameterValue", f"The HIT {hit.id} was extended with the idempotency token {token} already."
            )
        extend(service, connection, hit, more, call)
        return {}

    return await call.change(service.store, work)


def extend(service: MTurk, connection: Connection, hit: hits.Hit, more: int, call: Call) -> None:
    """Adds assignments to a HIT.

    Raises:
        RequestError: past the step of ten, or past the funds.
    """
    before = hit.row.most_assignments
    if before < STEP <= before + more:
        raise RequestError(
            "InvalidMaximumAssignmentsIncrease",
            f"HITs created with fewer than {STEP} assignments can't be extended to have {STEP} or more.",
        )
    _assignments(before + more)
    cost = service.funds.cost(connection, hit.row.reward_cents, more)
    service.funds.need(connection, call.requester, call.caller.operator, cost, call.now)
    hits.change(connection, hit.id, most_assignments=before + more, reviewing=False)
    hits.add_part(connection, hit.row, more, call.caller.operator, call.now, call.given.get("UniqueRequestToken"))
    hits.mark_anew(connection, hit.id, call.now)
    events.hit(connection, "HITExtended", hit.id, hit.row.hit_type, call.now)


async def update_hit_type_of_hit(service: MTurk, call: Call) -> Answer:
    """Gives a HIT that nobody has accepted yet another HIT type."""

    def work(connection: Connection) -> Answer:
        service.funds.lock(connection, call.requester)
        hit = _living(connection, call)
        if hit.counters != hits.Counters(hit.counters.available, 0, 0, 0, 0):
            raise RequestError("InvalidHITState", "This HIT has been accepted by a worker, so its HITType can't be changed.")
        new = hits.hit_type(connection, call.requester, call.given["HITTypeId"])
        slots.move(service, connection, hit, new, call)
        return {}

    return await call.change(service.store, work)


async def delete_hit(service: MTurk, call: Call) -> Answer:
    """Disposes of a HIT whose answers are all reviewed; money for assignments that nobody took comes back."""

    def work(connection: Connection) -> Answer:
        hit = hits.one(connection, call.requester, call.given["HITId"], call.now)
        if hit.status not in ("Reviewable", "Reviewing"):
            raise wrong_state("HIT", "Reviewing, Reviewable", hit.status)
        if hit.counters.submitted:
            raise RequestError(
                "InvalidHITState", "This HIT has submitted assignments that are neither approved nor rejected; review them first."
            )
        slots.dispose(connection, hit, call.now)
        return {}

    return await call.change(service.store, work)


async def update_review_status(service: MTurk, call: Call) -> Answer:
    """Reviewable to Reviewing, or back."""
    revert = call.given.get("Revert", False)

    def work(connection: Connection) -> Answer:
        hit = _living(connection, call)
        needed = "Reviewing" if revert else "Reviewable"
        if hit.status != needed:
            raise wrong_state("HIT", needed, hit.status)
        hits.change(connection, hit.id, reviewing=not revert)
        return {}

    return await call.change(service.store, work)


def _living(connection: Connection, call: Call) -> hits.Hit:
    hit = hits.one(connection, call.requester, call.given["HITId"], call.now)
    if hit.status == "Disposed":
        raise wrong_state("HIT", "Assignable, Unassignable, Reviewable, Reviewing", hit.status)
    return hit


OPERATIONS = {
    "CreateHIT": create_hit,
    "CreateHITWithHITType": create_hit_with_hit_type,
    "GetHIT": get_hit,
    "ListHITs": list_hits,
    "ListReviewableHITs": list_reviewable_hits,
    "ListHITsForQualificationType": list_hits_for_qualification_type,
    "UpdateExpirationForHIT": update_expiration,
    "CreateAdditionalAssignmentsForHIT": create_additional_assignments,
    "UpdateHITTypeOfHIT": update_hit_type_of_hit,
    "DeleteHIT": delete_hit,
    "UpdateHITReviewStatus": update_review_status,
}
