"""Reports of broken tasks and screen-outs: a worker's leave, and what was reported, for the job's requester."""

import json
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import account, coordinator, cursor_id, hex_text, limit
from backend.api.schema import JSON, spec
from piecework.domain.reports import WHY

router = APIRouter(prefix="/v1", tags=["reports"])


class ReportView(msgspec.Struct):
    """An answer that reports its task as broken, or its worker as unqualified for it; `state` is the assignment's."""

    assignment: str
    unit: int
    slot: int
    worker: str
    kind: str
    why: str
    state: str
    submitted_at: datetime


class ReportLeaveView(msgspec.Struct):
    """Which reports the job takes in place of an answer, and how many more of them it pays to one."""

    kinds: list[str]
    left: int


@router.get("/jobs/{job}/reports", **spec(list[ReportView], auth="review", query=("cursor", "limit")))
def reported(request: Request, job: str) -> Response:
    """A job's reports, the oldest first, for its requester. Reviewed as answers are, but rejected by the criterion false-report only; none
    counts in the consensus or in a manifest."""
    services, most = coordinator(request), limit(request)
    found = services.postings.owned(hex_text("The job's id", job, 32), account(request))
    rows = services.reports.page(found, cursor_id(request), most + 1)
    return JSON(views.page(rows, most, _report, lambda row: row.assignment))


def _report(row: Row[Any]) -> ReportView:
    return ReportView(row.assignment, row.unit, row.slot, row.worker, row.kind, json.loads(row.answer)[WHY], row.shown_state, row.revealed_at)


@router.get("/me/jobs/{job}/reports", **spec(ReportLeaveView, auth="assignments"))
def leave(request: Request, job: str) -> Response:
    """What one may report in a job, and how often still. A report is the answer {"$report": kind, "why": text}."""
    services = coordinator(request)
    found = services.reports.leave(services.postings.find(hex_text("The job's id", job, 32)), account(request))
    return JSON(ReportLeaveView(list(found.kinds), found.left))
