"""Fairness: signals that workers disclose, what detectors say and what follows, how much may be rejected, and requesters' records."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.bodies import Body, Nothing
from backend.api.requests import account, address, coordinator, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.services.findings import Suspicion
from backend.services.postings import Job

router = APIRouter(prefix="/v1", tags=["fairness"])


class NewSignals(Body):
    """How an answer came about: seconds in sight, letters of free text, the share of them that was pasted (0 to 1), how often the page lost
    the focus, and the coefficient of variation of the time between keys. No key and no text. A program that sends none is treated alike."""

    seconds: float
    letters: int = 0
    pasted_share: float = 0.0
    focus_losses: int = 0
    rhythm: float | None = None


class SharingBody(Body):
    """Whether one shares such signals, where a job takes them. Who stops takes back what it has shared."""

    share: bool


class KeptView(msgspec.Struct):
    """Whether it was kept; not where the worker shares nothing."""

    kept: bool


class SignalView(msgspec.Struct):
    """One detector's word, with the share of honest workers whom it flags, as measured."""

    detector: str
    evidence: str
    false_positive_rate: float
    p: float | None


class FindingReviewView(msgspec.Struct):
    """What a person said who looked, for the detectors that had a word then. `moved`: they give other evidence since, or others have joined."""

    verdict: str
    reason: str
    created_at: datetime
    moved: bool


class SuspicionView(msgspec.Struct):
    """What detectors and a person say of a worker in a job, and all that may follow. Pay is never withheld by it: only a rejection or a
    contest, that the worker can appeal, does that."""

    job: str
    worker: str
    signals: list[SignalView]
    review: FindingReviewView | None
    advice: str
    withholds_pay: bool


class SuspicionsView(msgspec.Struct):
    """A page of workers; when the detectors ran last and run next, and what they left out."""

    ran_at: datetime | None
    due_at: datetime | None
    left_out: str | None
    items: list[SuspicionView]
    next: str | None


class NewFindingReview(Body):
    """cleared or confirmed, and why; the worker reads it."""

    verdict: str
    reason: str


class Reason(Body):
    """Why so much of the job is to be rejected."""

    reason: str


class NewRelease(Body):
    """Whether the job may reject more, and what its requester is told."""

    released: bool
    said: str


class RejectionsView(msgspec.Struct):
    """A job's reviews, and whether more than half of them may be rejections."""

    job: str
    approved: int
    rejected: int
    asked: str | None
    asked_at: datetime | None
    released: bool
    said: str | None


class FrozenJobView(msgspec.Struct):
    job: str
    requester: str
    why: str
    asked_at: datetime


class TipsView(msgspec.Struct):
    token: str
    count: int
    amount: str


class RequesterView(msgspec.Struct):
    """A requester in public. `record` is the chain's, over all its jobs; `approved` and `rejected` are the answers that it has reviewed here."""

    requester: str
    record: views.RequesterRecordView
    approved: int
    rejected: int
    tips: list[TipsView]


@router.post("/assignments/{id}/signals", **spec(KeptView, reads=NewSignals, auth="assignments"))
async def signal(request: Request, id: str) -> Response:
    """Discloses how an answer came about, once it is committed to, where the job takes that."""
    worker, body, services = account(request), await read(request, NewSignals), coordinator(request)
    said = msgspec.structs.asdict(body)
    kept = await services.findings.signal(hex_text("The assignment's id", id, 16), worker, lambda job: services.postings.find(job).signals, said)
    return JSON(KeptView(kept))


@router.get("/me/sharing", **spec(SharingBody, auth="assignments"))
def sharing(request: Request) -> Response:
    """Whether one shares how one's answers come about."""
    return JSON(SharingBody(coordinator(request).findings.shares(account(request))))


@router.put("/me/sharing", **spec(SharingBody, reads=SharingBody, auth="assignments"))
async def set_sharing(request: Request) -> Response:
    """Says whether one does."""
    own, body = account(request), await read(request, SharingBody)
    await coordinator(request).findings.share(own, body.share)
    return JSON(body)


@router.get("/me/signals", **spec(list[SuspicionView], auth="assignments"))
def own_signals(request: Request) -> Response:
    """What detectors say of oneself, in which jobs, how often they say it of honest people, and what a person said who looked."""
    return JSON({"items": [_suspicion(one) for one in coordinator(request).findings.own(account(request))], "next": None})


@router.post("/jobs/{job}/signals/run", **spec(None, 202, Nothing, auth="review"))
async def run(request: Request, job: str) -> Response:
    """Has a job's detectors run, in the background."""
    await coordinator(request).findings.ask(_own(request, job))
    return Response(status_code=202)


@router.get("/jobs/{job}/signals", **spec(SuspicionsView, auth="review", query=("cursor", "limit")))
def signals(request: Request, job: str) -> Response:
    """Workers whom a detector has a word on; for the job's requester."""
    found, most, cursor = _own(request, job), limit(request), request.query_params.get("cursor")
    ran, rows = coordinator(request).findings.page(found, "" if cursor is None else address("cursor", cursor), most + 1)
    page = views.page(rows, most, _suspicion, lambda one: one.worker)
    said = (None, None, None) if ran is None else (ran.ran_at, ran.due_at, ran.left_out)
    return JSON(SuspicionsView(*said, page["items"], page["next"]))


@router.put("/jobs/{job}/signals/{worker}/review", **spec(None, 204, NewFindingReview, auth="review"))
async def review(request: Request, job: str, worker: str) -> Response:
    """Says what a person thinks who looked. It stands for the detectors that have a word now, also when answers move their numbers."""
    reviewer, found, body = account(request), _own(request, job), await read(request, NewFindingReview)
    await coordinator(request).findings.review(found, reviewer, address("The worker", worker), body.verdict, body.reason)
    return Response(status_code=204)


@router.get("/jobs/{job}/rejections", **spec(RejectionsView, auth="review"))
def rejections(request: Request, job: str) -> Response:
    """How much of a job is rejected, and whether more may be."""
    found = _own(request, job)
    (approved, rejected), asked = coordinator(request).fairness.standing(found)
    said: tuple[Any, ...] = (None, None, False, None) if asked is None else (asked.why, asked.asked_at, asked.released, asked.said)
    return JSON(RejectionsView(found.id, approved, rejected, *said))


@router.post("/jobs/{job}/rejections", **spec(None, 202, Reason, auth="review"))
async def ask(request: Request, job: str) -> Response:
    """Asks to reject more of a job than goes without a look."""
    found, body = _own(request, job), await read(request, Reason)
    await coordinator(request).fairness.ask(found, body.reason)
    return Response(status_code=202)


@router.get("/rejections", **spec(list[FrozenJobView], auth=True))
def waiting(request: Request) -> Response:
    """Jobs whose rejections wait for a look; for the coordinator's trustees."""
    rows = coordinator(request).fairness.waiting(account(request))
    return JSON({"items": [FrozenJobView(row.job, row.requester, row.why, row.asked_at) for row in rows], "next": None})


@router.put("/rejections/{job}", **spec(None, 204, NewRelease, auth=True))
async def decide(request: Request, job: str) -> Response:
    """Lets a job reject more, or not; for a trustee who has looked."""
    trustee, body, services = account(request), await read(request, NewRelease), coordinator(request)
    await services.fairness.decide(services.postings.find(hex_text("The job's id", job, 32)), trustee, body.released, body.said)
    return Response(status_code=204)


@router.get("/requesters/{requester}", **spec(RequesterView))
def requester(request: Request, requester: str) -> Response:
    """How a requester treats people, for everybody."""
    found = address("The requester", requester)
    record, tips, (approved, rejected) = coordinator(request).fairness.requester(found)
    given = [TipsView(token, one.count, str(one.amount)) for token, one in sorted(tips.items())]
    return JSON(RequesterView(found, views.requester_record(record), approved, rejected, given))


def _own(request: Request, job: str) -> Job:
    return coordinator(request).postings.owned(hex_text("The job's id", job, 32), account(request))


def _suspicion(one: Suspicion) -> SuspicionView:
    signals = [SignalView(s.detector, s.evidence, s.false_positive_rate, s.p) for s in one.signals]
    return SuspicionView(one.job, one.worker, signals, _review(one), one.advice.advice.value, one.advice.withholds_pay)


def _review(one: Suspicion) -> FindingReviewView | None:
    return None if one.review is None else FindingReviewView(one.review.verdict, one.review.reason, one.review.created_at, one.moved)
