"""A job's results: what the answers come to, how sure that is, and the same as files."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import coordinator, cursor_number, hex_text
from backend.api.schema import JSON
from backend.services.exports import FORMATS, Export, check_label_name
from backend.services.verdicts import ALGORITHMS, Verdict
from backend.web.hire.shell import Desk, desk, show
from backend.web.page import readable
from piecework.domain.errors import NotFound
from piecework.quality.reading import CHOICES, PARTS

router = APIRouter(prefix="/hire")
masks = APIRouter(include_in_schema=False)
UNITS_A_PAGE = 50
ANSWERS_SHOWN = 12
LONGEST = 300


@router.get("/jobs/{job}/results.json")
def results_json(request: Request, job: str) -> Response:
    """A page of decisions as JSON."""
    return JSON(_results(request, desk(request, job)))


@router.get("/jobs/{job}/results.{ending}")
def export(request: Request, job: str, ending: str) -> Response:
    """All results as a file, sent while it is made."""
    if ending not in FORMATS:
        raise NotFound(f"Results come as {', '.join(FORMATS)}.")
    at, by = desk(request, job), request.query_params.get("by", "ds")
    name = check_label_name(request.query_params.get("name", "label"), at.template)
    verdicts = at.services.results.verdicts(at.job, at.template, by)
    d = at.services.deployment
    made = Export(at.services.results, at.services.postings, at.job, at.row, at.view.manifest, verdicts, at.services.masks, d.token_decimals, d.token_symbol)
    media, suffix, write = FORMATS[ending]
    adjusts = request.query_params.get("adjusts")
    if adjusts is not None:
        made.require_adjustable(adjusts)
    parts = made.manifest(name, adjusts) if ending == "manifest" else write(made)
    headers = {
        "content-disposition": f'attachment; filename="results-{at.job.id[2:10]}.{suffix}"',
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return StreamingResponse(parts, media_type=media, headers=headers)


@masks.get("/masks/{job}/{unit}/{token}.png")
async def mask(request: Request, job: str, unit: int, token: str) -> Response:
    """A mask, to whoever has its address: programs that read manifests and workers who mend it have no session as its requester. So any page
    may read it, too."""
    if not 0 <= unit < 2**31:
        raise NotFound("There is no mask at this address.")
    made = coordinator(request).masks
    data = await made.turns.run(made.png, hex_text("The job's id", job, 32), unit, token)
    headers = {"x-content-type-options": "nosniff", "cache-control": "no-cache", "access-control-allow-origin": "*"}
    return Response(data, media_type="image/png", headers=headers)


@router.get("/jobs/{job}/results")
@readable
def results(request: Request, job: str) -> Response:
    """What the answers come to, unit by unit."""
    at = desk(request, job)
    shown = _results(request, at)
    values = {"job": at.view, "tab": "results", "algorithms": ALGORITHMS, "signed": at.template in (*CHOICES, *PARTS)} | shown
    return show(request, "results.html", f"/hire/jobs/{at.job.id}/results.json?{request.url.query}", values)


def _results(request: Request, at: Desk) -> dict[str, Any]:
    by = request.query_params.get("by", "ds")
    results = at.services.results
    verdicts = results.verdicts(at.job, at.template, by)
    units = at.services.postings.units(at.job, cursor_number(request, -1), UNITS_A_PAGE + 1)
    rows, following = views.cut(units, UNITS_A_PAGE, lambda row: row.position)
    found, figures, job = results.verdicts_of(at.job, rows, verdicts), results.figures(at.job, verdicts), verdicts.job
    return {
        "by": by,
        "used": verdicts.used,
        "answers": figures.answers,
        "rejected": figures.rejected,
        "reported": figures.reported,
        "decided": figures.units,
        "alpha": None if job is None else job.alpha,
        "fitted": None if job is None else job.fitted,
        "as_of": None if job is None else job.fitted_at,
        "behind": verdicts.is_behind,
        "units": [_unit(at, row, found.get(row.position)) for row in rows],
        "next": following,
    }


def _unit(at: Desk, row: Row[Any], verdict: Verdict | None) -> dict[str, Any]:
    results = at.services.results
    answers = results.answers(at.job, row.first_slot, row.first_slot + min(row.slots, ANSWERS_SHOWN) - 1) if verdict else ()
    label, sure, votes = verdict or (None, None, 0)
    said, content = [json.loads(one.answer) for one in answers], json.loads(results.content(at.job, row))
    return {"unit": row.position, "content": content, "label": label, "confidence": sure, "votes": votes, "answers": said}
