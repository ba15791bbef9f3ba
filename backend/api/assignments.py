"""Assignments: the worker's three requests, and looking back at them."""

from functools import partial

from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.bodies import NewAssignment, NewCommitment, Revelation
from backend.api.requests import account, choice, coordinator, cursor_id, hex_bytes, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.api.views import AssignmentView, ReceiptView, RevealedView
from backend.services.assignments import STATES
from backend.services.coordinator import Coordinator
from backend.services.postings import MOST_SLOTS
from piecework.domain.errors import Conflict, Forbidden, Invalid

router = APIRouter(prefix="/v1", tags=["assignments"])


@router.post("/jobs/{job}/assignments", **spec(AssignmentView, 201, NewAssignment, auth="assignments"))
async def reserve(request: Request, job: str) -> Response:
    """Reserves a slot of a unit, or of the next one that this worker may do."""
    worker, body = account(request), await read(request, NewAssignment)
    if body.unit is not None and not 0 <= body.unit <= MOST_SLOTS:
        raise Invalid("unit must be a unit's number, from 0.")
    services = coordinator(request).assignments
    found, row, content = await services.reserve(hex_text("The job's id", job, 32), worker, body.unit)
    return JSON(views.reserved(found.id, row, content), 201)


@router.get("/assignments", **spec(list[AssignmentView], auth="assignments", query=("job", "state", "cursor", "limit")))
def own(request: Request) -> Response:
    """One's own assignments."""
    worker, services, most, query = account(request), coordinator(request), limit(request), request.query_params
    job, state = query.get("job"), choice("state", query.get("state"), STATES)
    if job is not None:
        job = hex_text("job", job, 32)
    rows = services.assignments.own(worker, job, state, cursor_id(request), most + 1)
    return JSON(views.page(rows, most, partial(views.assignment, services), lambda row: row.id))


@router.get("/assignments/{id}", **spec(AssignmentView, auth="assignments"))
def one(request: Request, id: str) -> Response:
    """One assignment, for its worker, its requester, and while it is appealed who rules on that."""
    return _shown(request, _id(id), account(request))


@router.post("/assignments/{id}/commit", **spec(ReceiptView, reads=NewCommitment, auth="assignments"))
async def commit(request: Request, id: str) -> Response:
    """Commits to an answer by its hash; the receipt is the worker's proof."""
    worker, body = account(request), await read(request, NewCommitment)
    commitment = hex_bytes("commitment", body.commitment, 32)
    return JSON(await coordinator(request).assignments.commit(_id(id), worker, commitment))


@router.post("/assignments/{id}/reveal", **spec(RevealedView, reads=Revelation, auth="assignments"))
async def reveal(request: Request, id: str) -> Response:
    """Reveals the answer that was committed to, and may accept the job's next unit with it."""
    worker, body = account(request), await read(request, Revelation)
    services, salt = coordinator(request), hex_bytes("salt", body.salt, 32)
    row = await services.assignments.reveal(_id(id), worker, body.answer, salt)
    if not body.next:
        return JSON(views.assignment(services, row))
    return JSON(views.revealed(services, row, await _following(services, row.job, worker)))


@router.post("/assignments/{id}/return", **spec(AssignmentView, auth="assignments"))
async def give_back(request: Request, id: str) -> Response:
    """Gives a reserved slot back."""
    worker = account(request)
    await coordinator(request).assignments.give_back(_id(id), worker)
    return _shown(request, _id(id), worker)


async def _following(services: Coordinator, job: str, worker: str) -> AssignmentView | str:
    """The worker's next assignment. That there is none is no failure: the answer before it was taken."""
    try:
        found, row, content = await services.assignments.reserve(job, worker, None)
    except (Conflict, Forbidden) as error:
        return error.sentence
    return views.reserved(found.id, row, content)


def _id(id: str) -> str:
    return hex_text("The assignment's id", id, 16)


def _shown(request: Request, id: str, account: str) -> Response:
    services = coordinator(request)
    return JSON(views.assignment(services, services.assignments.view(id, account)))
