"""More of a job: a new one that is filled in from it, as the escrow fixes at the posting how many answers a job pays."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from backend.api.schema import JSON
from backend.store import submissions
from backend.store.content import SEALED
from backend.web.hire.shell import Desk, desk
from piecework.domain.errors import Conflict
from piecework.domain.units import NATIVE

router = APIRouter(prefix="/hire")
UNITS = 500
SAME = ("title", "instructions", "template", "labels", "answers_per_worker", "assignment_seconds")
LEFT = ("version", "units_root", "units", "slots", "gold", *SAME)
"""Of a manifest: what speaks of its units, or is taken by name."""


@router.get("/jobs/{job}/more.json")
def more(request: Request, job: str) -> Response:
    """The job as `/v1/drafts` takes one, without its units; how many slots each has on average; and how many workers had one of them.

    Known units aren't taken along (`gold`), nor sealed ones (`sealed`)."""
    at = desk(request, job)
    if at.row.token != at.services.deployment.token:
        raise Conflict("This job pays in a token of its own, in which the form can't count; describe its like by the API.")
    said = at.view.manifest
    fields = {name: said[name] for name in SAME} | {name: value for name, value in said.items() if name not in LEFT}
    return JSON({
        "job": at.job.id, "fields": fields | _terms(at), "units": at.job.units, "slots": max(1, round(at.job.slots / at.job.units)),
        "days": max(1, round((at.row.closes_at - at.row.created_at.timestamp()) / 86_400)), "workers": len(_workers(at)),
        "gold": at.row.gold is not None, "sealed": _is_sealed(at),
    })  # fmt: skip


@router.get("/jobs/{job}/units.jsonl")
def units(request: Request, job: str) -> Response:
    """The content of each of the job's units, a line each, sent while it is read."""
    at = desk(request, job)
    if _is_sealed(at):
        raise Conflict("This job's units are sealed with a key of yours; bring them again.")
    return StreamingResponse(_contents(at), media_type="application/jsonl; charset=utf-8", headers={"cache-control": "no-store"})


@router.post("/jobs/{job}/more.json")
async def apart(request: Request, job: str) -> Response:
    """What a job asks that is for workers who never had one of these units: a requirement over a qualification that all who did are
    given now. Jobs with the same units and slots share it."""
    at = desk(request, job)
    name = f"Had one of the units {at.view.manifest['units_root']}"
    held = await at.services.qualifications.hold(at.own, name, _workers(at))
    return JSON({"qualification": held, "comparator": "DoesNotExist", "values": [], "guards": "accept"})


def _workers(at: Desk) -> Sequence[str]:
    with at.services.store.read() as connection:
        return submissions.workers(connection, at.job.number)


def _is_sealed(at: Desk) -> bool:
    return at.job.content.endswith(SEALED)


def _contents(at: Desk) -> Iterator[bytes]:
    after = -1
    while rows := at.services.postings.units(at.job, after, UNITS):
        yield b"".join(at.services.results.content(at.job, row) + b"\n" for row in rows)
        after = rows[-1].position


def _terms(at: Desk) -> dict[str, Any]:
    row = at.row
    who = {} if row.arbitrator == NATIVE else {
        "arbitrator": row.arbitrator, "arbitrator_extra_data": row.arbitrator_extra_data,
        "contest_deposit": str(row.contest_deposit), "appeal_stake": str(row.appeal_stake),
    }  # fmt: skip
    return {"reward": str(row.reward), "review_window_seconds": row.review_window, "appeal_window_seconds": row.appeal_window} | who
