"""What a job's answers come to, for its requester."""

import json
from asyncio import to_thread
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import account, address, coordinator, cursor_number, hex_text, limit, number
from backend.api.schema import JSON, spec
from backend.services.postings import Job

router = APIRouter(prefix="/v1/jobs/{job}/consensus", tags=["consensus"])


class UnitConsensusView(msgspec.Struct):
    """What a unit's answers come to: the likeliest label, how likely, how many said what. Where answers are boxes, entities or several
    classes, `label` is what they come to as JSON, and a count is of the answers that name the class."""

    unit: int
    label: str
    confidence: float
    answers: int
    counts: dict[str, int]


class ConsensusView(msgspec.Struct):
    """Where a job's consensus stands, and a page of its units. `answers` are taken in, `fitted` of them lie in the last fit of the whole;
    those after it have moved their units by its numbers. `fitting` is how much of a fit that runs now is done, per cent. `used` is empty
    before the first fit: the votes are counted then. `rejected` of the fitted ones were rejected and don't count. `alpha` is
    Krippendorff's."""

    answers: int
    fitted: int
    rejected: int
    used: str
    alpha: float | None
    temperature: float | None
    fitting: int | None
    refused: str | None
    fitted_at: datetime | None
    items: list[UnitConsensusView]
    next: str | None


class WorkerSkillView(msgspec.Struct):
    """How often a worker is right by the others' consensus, with the middle 95 % of its posterior."""

    worker: str
    answers: int
    right: float
    low: float
    high: float


@router.get("", **spec(ConsensusView, auth="review", query=("cursor", "limit")))
def standing(request: Request, job: str) -> Response:
    """A job's consensus, by units."""
    services, found, most = coordinator(request), _own(request, job), limit(request)
    row = services.consensus.standing(found)
    units = services.consensus.units(found, cursor_number(request, -1), most + 1)
    page = views.page(units, most, _unit, lambda one: one.unit)
    said = {name: getattr(row, name) for name in ConsensusView.__struct_fields__ if name not in ("items", "next")}
    return JSON(ConsensusView(**said, items=page["items"], next=page["next"]))


@router.get("/workers", **spec(list[WorkerSkillView], auth="review", query=("cursor", "limit")))
def workers(request: Request, job: str) -> Response:
    """How good the job's workers are, by its last fit."""
    services, found, most = coordinator(request), _own(request, job), limit(request)
    cursor = request.query_params.get("cursor")
    rows = services.consensus.workers(found, "" if cursor is None else address("cursor", cursor), most + 1)
    return JSON(views.page(rows, most, _skill, lambda row: row.worker))


def _skill(row: Row[Any]) -> WorkerSkillView:
    return WorkerSkillView(row.worker, row.answers, row.right, row.low, row.high)


@router.get("/file", **spec(None, auth="review", query=("answers",)))
async def file(request: Request, job: str) -> Response:
    """The signed result (JSON Lines) over the answers of the last fit, or over the job's first `answers`; `piecework consensus
    --verify` checks it against `/consensus/answers`."""
    found, consensus = await to_thread(_own, request, job), coordinator(request).consensus
    lines = await consensus.turns.run(consensus.file, found, _answers(request))
    return StreamingResponse(lines, media_type="application/jsonl")


@router.get("/answers", **spec(None, auth="review", query=("answers",)))
def answers(request: Request, job: str) -> Response:
    """The answers that such a file is made from, as CSV with task, worker and label."""
    rows = coordinator(request).consensus.answers(_own(request, job), _answers(request))
    return StreamingResponse(rows, media_type="text/csv")


def _own(request: Request, job: str) -> Job:
    return coordinator(request).postings.owned(hex_text("The job's id", job, 32), account(request))


def _answers(request: Request) -> int | None:
    text = request.query_params.get("answers")
    return None if text is None else min(number("answers", text), 2**62)


def _unit(row: Row[Any]) -> UnitConsensusView:
    return UnitConsensusView(row.unit, row.label, row.confidence, row.answers, json.loads(row.counts))
