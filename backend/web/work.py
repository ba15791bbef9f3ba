"""The worker's pages: finding work, doing it, what it earned, and what became of it. Each has a JSON twin."""

import json
from collections.abc import Callable
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import searching, views
from backend.api.requests import account, choice, coordinator, hex_text
from backend.api.schema import JSON
from backend.services.cell import PAGES
from backend.services.coordinator import Coordinator
from backend.services.postings import Job
from backend.services.task_pages import served_page
from backend.store.listings import SORTS, Wanted
from backend.web.page import ANY_FRAME, page, readable, visitor
from piecework.domain.errors import PieceworkError
from piecework.domain.templates import TEMPLATES
from piecework.domain.units import NATIVE, base_units

JOBS_A_PAGE = 20
TEXT = {"x-content-type-options": "nosniff", "cache-control": "private, no-store"}

router = APIRouter(include_in_schema=False)


@router.get("/work")
@readable
def browse(request: Request) -> Response:
    """Open jobs, searched, filtered and sorted by the query alone."""
    values = _found(request)
    shown = {"templates": TEMPLATES, "sorts": SORTS, "policies": searching.AI_POLICIES, "asked": request.query_params}
    return page(request, "work.html", "/work.json" + (f"?{request.url.query}" if request.url.query else ""), values | shown)


@router.get("/work.json")
def browse_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_found(request))


@router.get("/work/{job}.json")
def task_json(request: Request, job: str) -> Response:
    """A job, and what its visitor holds of it."""
    return JSON(_task(request, job))


@router.get("/work/{job}")
@readable
def task(request: Request, job: str) -> Response:
    """The work view of a job."""
    values = _task(request, job)
    return page(request, "task.html", f"/work/{values['job'].id}.json", values, frames=ANY_FRAME if values["hit"] else "")


@router.get("/work/{job}/preview.html")
async def preview(request: Request, job: str) -> Response:
    """The task that the visitor would be given now, as text for the sandboxed frame; nothing is reserved."""
    worker, services, id = account(request), coordinator(request), hex_text("The job's id", job, 32)

    def look() -> tuple[Row[Any], bytes, None]:
        _, content = services.assignments.preview(id, worker)
        return services.postings.row(id), content, None

    return await _text(services, look)


@router.get("/work/assignments/{id}/task.html")
async def assigned(request: Request, id: str) -> Response:
    """The task of an assignment of the visitor's, as text for the sandboxed frame."""
    worker, services, own = account(request), coordinator(request), hex_text("The assignment's id", id, 16)

    def look() -> tuple[Row[Any], bytes, int]:
        row = services.assignments.view(own, worker)
        return services.postings.row(row.job), services.assignments.content(row), row.unit

    return await _text(services, look)


async def _text(services: Coordinator, look: Callable[[], tuple[Row[Any], bytes, int | None]]) -> Response:
    """The instructions stand above the frame, where they can be folded; those to machines, in the unit's page that somebody answers, nowhere.

    Args:
        look: finds the job's row, the content and, where somebody answers it, the unit.
    """

    def prepare() -> tuple[Row[Any], dict[str, Any], bytes, int | None]:
        row, content, unit = look()
        return row, services.postings.manifest(row), content, unit

    row, said, content, unit = await run_sync(prepare)
    given = (said["template"], json.loads(content), said["labels"] or (), said.get("options"))
    html = await served_page(PAGES, *given, page=said.get("html"))
    if unit is not None:
        html += services.canaries.element(row.job, said, unit)
    return Response(html, headers=TEXT, media_type="text/plain; charset=utf-8")


def _found(request: Request) -> dict[str, Any]:
    services, query = coordinator(request), request.query_params
    who, mine = visitor(request), query.get("qualified") == "true"
    wanted = _wanted(request)
    rows, place = services.search.page(
        wanted, "open", who, mine and who is not None, searching.place(request, wanted.sort), JOBS_A_PAGE
    )
    return {
        "jobs": [views.job(services, row) for row in rows],
        "next": None if place is None else "-".join(map(str, place)),
    }


def _wanted(request: Request) -> Wanted:
    """The search. Money is written as people do, in whole tokens."""
    decimals, query = coordinator(request).deployment.token_decimals, request.query_params
    least = {f"{name}_min": base_units(query[name], decimals) for name in ("reward", "hourly") if query.get(name)}
    return Wanted(
        **least,
        template=choice("template", query.get("template") or None, tuple(TEMPLATES)),
        ai_policy=choice("ai_policy", query.get("ai_policy") or None, searching.AI_POLICIES),
        words=searching.words_of(query.get("text") or None),
        sort=choice("sort", query.get("sort") or "newest", SORTS),
        takeable_at=int(coordinator(request).clock().timestamp()),
    )


def _task(request: Request, job: str) -> dict[str, Any]:
    services, who = coordinator(request), visitor(request)
    row = services.postings.row(hex_text("The job's id", job, 32))
    posting, held = services.postings.find(row.job), None
    if who is not None:
        for state in ("reserved", "committed"):
            rows = services.assignments.own(who, row.job, state, "", 1)
            held = held or (views.assignment(services, rows[0]) if rows else None)
    return {
        "job": views.job(services, row), "held": held, "obstacle": None if held else _obstacle(services, row.job, who),
        "signals": _signals(services, row.job, who), "ruled_by": _ruled_by(services, row),
        "reports": None if who is None else services.reports.leave(posting, who),
        "hit": services.postings.is_of_hits(posting.number),
        "lacking": [] if who is None or held else _lacking(services, posting, who),
    }


def _ruled_by(services: Coordinator, job: Row[Any]) -> str:
    """Who rules on appeals: nobody (what was put on the chain isn't contested then), council, requester, or another."""
    known = {NATIVE: "nobody", services.deployment.council: "council", job.requester: "requester"}
    return known.get(job.arbitrator, "another")


def _signals(services: Coordinator, job: str, who: str | None) -> str | None:
    """Whether a job that asks how answers come about is told: shared or kept; None where it doesn't ask."""
    if not services.postings.find(job).signals:
        return None
    return "shared" if who is not None and services.findings.shares(who) else "kept"


def _lacking(services: Coordinator, job: Job, who: str) -> list[dict[str, str]]:
    """The qualifications that keep the visitor from the job and that can be asked for."""
    wanted = {one.qualification for one in services.qualifications.unmet(job.qualifications, who)}
    kinds = filter(None, (services.qualifications.askable(id) for id in sorted(wanted)))
    return [{"id": kind.id, "name": kind.name} for kind in kinds]


def _obstacle(services: Coordinator, job: str, who: str | None) -> str | None:
    """Why the visitor would be given nothing now."""
    if who is None:
        return None
    try:
        services.assignments.preview(job, who)
    except PieceworkError as error:
        return error.sentence
    return None
