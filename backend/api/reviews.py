"""Reviews: deciding about submissions one by one or by filter, and who decided what."""

from asyncio import to_thread
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.bodies import BulkReview, Review, SubmissionFilter
from backend.api.requests import account, address, body_bytes, choice, coordinator, cursor_number, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.api.views import BulkReviewView, ReviewEntryView, ReviewView
from backend.services.bulk import Filter
from backend.services.postings import Job
from backend.services.review_files import decisions
from backend.services.reviews import BEFORE, Decisions, Rejection
from piecework.domain.content import canonical_json
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1/jobs/{job}/reviews", tags=["reviews"])
MOST_BYTES = 16 << 20


@router.post("", **spec(ReviewView, reads=Review, auth="review"))
async def review(request: Request, job: str) -> Response:
    """Approves and rejects submissions and takes decisions back, all or nothing. Only what no signed batch holds can be taken back;
    what was rejected can be approved later, as long as the chain would pay it."""
    found, reviewer = _own(request, job), account(request)
    body = await read(request, Review, MOST_BYTES)
    if isinstance(body.approve, str) and body.approve != "all":
        raise Invalid('approve must be a list of assignments or "all".')
    said = Decisions(
        approve=None if body.approve == "all" else [hex_text("approve", id, 16) for id in body.approve],
        reject=[(hex_text("assignment", one.assignment, 16), Rejection(one.code, one.reason)) for one in body.reject],
        undo=[hex_text("undo", id, 16) for id in body.undo],
    )
    return JSON(ReviewView(*await coordinator(request).reviews.review(found, reviewer, said)))


@router.post("/file", **spec(ReviewView, auth="review"))
async def file(request: Request, job: str) -> Response:
    """Decides what a results file says that comes back as CSV (text/csv): an x under Approve, or a reason under Reject, by AssignmentId; all
    or nothing. In a job with criteria a reason begins with one's code and a colon. What was decided so already isn't counted."""
    found, reviewer, services = _own(request, job), account(request), coordinator(request)
    text = await body_bytes(request, MOST_BYTES)
    said = await to_thread(lambda: decisions(text, services.reviews.criteria(found)))
    for id in (*(said.approve or ()), *(id for id, _ in said.reject)):
        hex_text("AssignmentId", id, 16)
    return JSON(ReviewView(*await services.reviews.review(found, reviewer, said)))


@router.post("/bulk", **spec(BulkReviewView, reads=BulkReview, auth="review"))
async def bulk(request: Request, job: str) -> Response:
    """Decides about all submissions that a filter finds: first without a token, for a count, a sample and the token; then with it,
    about exactly those, or not at all."""
    found, reviewer, services = _own(request, job), account(request), coordinator(request)
    body = await read(request, BulkReview)
    verdict = choice("verdict", body.verdict, tuple(BEFORE)) or ""
    why = None if body.reason is None and body.code is None else Rejection(body.code, body.reason or "")
    by = _filter(body.filter)
    if body.token is not None:
        done = await services.bulk.decide(found, reviewer, verdict, by, why, body.token)
        return JSON(BulkReviewView(done, True, body.token, []))
    return JSON(await to_thread(lambda: _preview(services, found, verdict, by, why)))


@router.get("", **spec(list[ReviewEntryView], auth="review", query=("cursor", "limit")))
def decided(request: Request, job: str) -> Response:
    """Who decided what about the job's submissions, in the order in which it happened."""
    most, found = limit(request), _own(request, job)
    rows = coordinator(request).reviews.page(found, cursor_number(request, 0), most + 1)
    return JSON(views.page(rows, most, views.decision, lambda row: row.number))


def _own(request: Request, job: str) -> Job:
    return coordinator(request).postings.owned(hex_text("The job's id", job, 32), account(request))


def _preview(services: Any, job: Job, verdict: str, by: Filter, why: Rejection | None) -> BulkReviewView:
    found = services.bulk.preview(job, verdict, by, why)
    return BulkReviewView(found.count, False, found.token, [views.assignment(services, row) for row in found.sample])


def _filter(given: SubmissionFilter) -> Filter:
    for name in ("submitted_after", "submitted_before"):
        at = getattr(given, name)
        if at is not None and at.tzinfo is None:
            raise Invalid(f"{name} must name its time zone, as 2026-01-31T12:00:00Z does.")
    if given.unit is not None and not 0 <= given.unit < 2**31:
        raise Invalid("unit must be a unit's number, from 0.")
    return Filter(
        state=choice("state", given.state, ("revealed", "approved", "rejected")) or "",
        worker=None if given.worker is None else address("worker", given.worker),
        unit=given.unit,
        answer=None if given.answer is msgspec.UNSET else canonical_json(given.answer).decode(),
        fields=tuple((name, canonical_json(value).decode()) for name, value in sorted(given.fields.items())),
        submitted_after=given.submitted_after,
        submitted_before=given.submitted_before,
    )
