"""Jobs: describing them, reading them, and reviewing what came in."""

from asyncio import to_thread
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import searching, views
from backend.api.bodies import NewJob, Nothing
from backend.api.drafting import drafted
from backend.api.requests import (
    account,
    account_if_any,
    choice,
    coordinator,
    cursor_id,
    cursor_number,
    hex_text,
    limit,
    read,
)
from backend.api.schema import JSON, spec
from backend.api.views import AssignmentView, BatchView, CheckView, FaultView, JobView, UnitView
from backend.services.assignments import STATES

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
MOST_BYTES = 32 << 20
"""Of a job with its units; more are loaded from a file, `PUT /v1/job-drafts/ID/units`."""
MOST_FAULTS = 1_000
JOB_STATES = ("draft", "open", "closed")


@router.post("", **spec(JobView, 201, NewJob, auth="jobs:write"))
async def describe(request: Request) -> Response:
    """Describes a job; it opens when its requester has posted and funded it on the chain."""
    requester, services = account(request), coordinator(request)
    body = await read(request, NewJob, MOST_BYTES)
    job, new = await services.postings.describe(requester, drafted(body, services.deployment.token))
    view = await to_thread(lambda: views.job(services, services.postings.row(job)))
    return JSON(view, 201 if new else 200)


@router.post("/check", **spec(CheckView, reads=NewJob, auth=True))
async def check(request: Request) -> Response:
    """Says everything that is wrong with a job, and keeps nothing."""
    account(request)
    body = await read(request, NewJob, MOST_BYTES)
    draft = drafted(body, coordinator(request).deployment.token)
    found = await coordinator(request).postings.all_faults(draft)
    return JSON(CheckView([FaultView(field, sentence) for field, sentence in found[:MOST_FAULTS]], len(found)))


@router.get("", **spec(list[JobView], auth="jobs:read", open_to_all=True, query=searching.QUERY))
def jobs(request: Request) -> Response:
    """Jobs by age, or sorted by newest, reward or hourly, the largest first. `text` must all be in title, keywords or instructions;
    `qualified=true` leaves those that the account may take now. A page may be short though `next` leads on."""
    services, wanted = coordinator(request), searching.wanted(request)
    state, takeable = choice("state", request.query_params.get("state"), JOB_STATES), searching.takeable(request)
    asker = account(request) if takeable else account_if_any(request)
    rows, place = services.search.page(wanted, state, asker, takeable, searching.place(request, wanted.sort), limit(request))
    return JSON({"items": [views.job(services, row) for row in rows], "next": None if place is None else "-".join(map(str, place))})


@router.get("/{job}", **spec(JobView))
def one(request: Request, job: str) -> Response:
    """One job."""
    services = coordinator(request)
    return JSON(views.job(services, services.postings.row(_id(job))))


@router.get("/{job}/units", **spec(list[UnitView], auth="jobs:read", open_to_all=True, query=("cursor", "limit")))
def units(request: Request, job: str) -> Response:
    """A job's units; with their content for its requester."""
    services, most = coordinator(request), limit(request)
    found = services.postings.find(_id(job))
    rows = services.postings.units(found, cursor_number(request, -1), most + 1)
    shown = account_if_any(request) == found.requester

    def view(row: Row[Any]) -> UnitView:
        return views.unit(row, services.assignments.unit(found, row) if shown else None)

    return JSON(views.page(rows, most, view, lambda row: row.position))


@router.get("/{job}/submissions", **spec(list[AssignmentView], auth="jobs:read", query=("state", "cursor", "limit")))
def submissions(request: Request, job: str) -> Response:
    """Answers to a job, for its requester."""
    services, most = coordinator(request), limit(request)
    found = services.postings.owned(_id(job), account(request))
    state = choice("state", request.query_params.get("state"), STATES)
    rows = services.assignments.submissions(found, state, cursor_id(request), most + 1)
    return JSON(views.page(rows, most, partial(views.assignment, services), lambda row: row.id))


@router.post("/{job}/funding", **spec(JobView, 202, Nothing, auth="jobs:write"))
async def fund(request: Request, job: str) -> Response:
    """Has the job's operator post it, its money taken from the requester's ledger within the operator's allowance."""
    services = coordinator(request)
    await services.operators.post(services.postings.owned(_id(job), account(request)))
    services.errands.wake()
    return JSON(await to_thread(lambda: views.job(services, services.postings.row(_id(job)))), 202)


@router.post("/{job}/batches", **spec(list[BatchView], reads=Nothing, auth="review"))
async def cut(request: Request, job: str) -> Response:
    """Puts every approved answer into a batch; answers with the batches that wait for an approval."""
    services = coordinator(request)
    found = services.postings.owned(_id(job), account(request))
    rows = await services.batches.cut(found)
    return JSON({"items": [views.batch(services, row) for row in rows], "next": None})


@router.get("/{job}/batches", **spec(list[BatchView], query=("cursor", "limit")))
def batches(request: Request, job: str) -> Response:
    """A job's batches in the order in which they were cut."""
    services, most = coordinator(request), limit(request)
    rows = services.batches.page(services.postings.find(_id(job)), cursor_number(request, -1), most + 1)
    return JSON(views.page(rows, most, partial(views.batch, services), lambda row: row.number))


def _id(job: str) -> str:
    return hex_text("The job's id", job, 32)
