"""Reviewing: what waits, side by side with the other answers to the same unit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import address, choice, cursor_id
from backend.api.schema import JSON
from backend.services.cell import DRAFTS
from backend.services.task_pages import served_page
from backend.services.verdicts import Verdict
from backend.web.hire.shell import Desk, desk, show
from backend.web.page import ANY_FRAME, readable
from piecework.domain.errors import Invalid
from piecework.quality.reading import CHOICES, key_of

router = APIRouter(prefix="/hire")
STATES = ("revealed", "approved", "rejected", "batched", "all")
ANSWERS_A_PAGE = 30
SIBLINGS = 12
CLASSES = 100


@router.get("/jobs/{job}/review.json")
def review_json(request: Request, job: str) -> Response:
    """A page of answers with their siblings as JSON."""
    return JSON(_review(request, desk(request, job)))


@router.get("/jobs/{job}/units/{unit}.html")
async def task(request: Request, job: str, unit: int) -> Response:
    """A unit's task page as text, for the frame that shows it."""

    def look() -> tuple[dict[str, Any], Any]:
        at = desk(request, job)
        return at.view.manifest, json.loads(at.services.results.unit(at.job, unit)[1])

    said, content = await run_sync(look)
    given = (said["template"], content, said["labels"] or (), said.get("options") or {}, said["instructions"])
    html = await served_page(DRAFTS, *given, page=said.get("html"))
    return Response(html, headers={"x-content-type-options": "nosniff"}, media_type="text/plain; charset=utf-8")


@router.get("/jobs/{job}/review")
@readable
def review(request: Request, job: str) -> Response:
    """The answers that wait, each with its siblings."""
    at = desk(request, job)
    shown = _review(request, at)
    hit = at.services.postings.is_of_hits(at.job.number)
    values = {"job": at.view, "tab": "review", "states": STATES, "criteria": json.loads(at.row.criteria), "classes": _classes(at), "hit": hit}
    twin = f"/hire/jobs/{at.job.id}/review.json?{request.url.query}"
    return show(request, "review.html", twin, values | shown | {"plain": plain}, frames=ANY_FRAME if hit else "")


def plain(answer: Any) -> Any:
    """A HIT's answer by its fields or questions, each with what was given; any other as it is."""
    found: dict[str, Any] = {}
    if isinstance(answer, dict) and answer.keys() == {"fields"}:
        for name, value in answer["fields"]:
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found
    if isinstance(answer, dict) and answer.keys() == {"form"}:
        for name, given in answer["form"].items():
            chosen = [*given.get("selections", ()), *filter(None, [given.get("other")])]
            found[name] = given["text"] if given.get("text") is not None else ", ".join(chosen)
        return found
    return answer


def _review(request: Request, at: Desk) -> dict[str, Any]:
    query, results = request.query_params, at.services.results
    state = choice("state", query.get("state") or "revealed", STATES) or "revealed"
    worker = address("worker", query["worker"]) if query.get("worker") else None
    unit = _number(query["unit"]) if query.get("unit") else None
    matching = results.matching(at.job, None if state == "all" else state, worker, unit, cursor_id(request), ANSWERS_A_PAGE + 1)
    found, following = views.cut(matching, ANSWERS_A_PAGE, lambda row: row.id)
    by_unit: dict[int, list[Row[Any]]] = {}
    for row in found:
        by_unit.setdefault(row.unit, []).append(row)
    return {
        "state": state,
        "worker": worker,
        "unit": unit,
        "units": _units(at, by_unit),
        "waiting": at.view.slot_counts.get("revealed", 0),
        "payable": at.view.slot_counts.get("approved", 0) + at.view.slot_counts.get("batched", 0),
        "next": following,
    }


def _units(at: Desk, by_unit: Mapping[int, Sequence[Row[Any]]]) -> list[dict[str, Any]]:
    results, verdicts = at.services.results, at.services.results.verdicts(at.job, at.template)
    shown = []
    for position, matched in by_unit.items():
        unit, content = results.unit(at.job, position)
        verdict = results.verdicts_of(at.job, [unit], verdicts).get(position)
        shown.append(_unit(at, unit, content, verdict, matched))
    return shown


def _unit(at: Desk, unit: Row[Any], content: bytes, verdict: Verdict | None, matched: Sequence[Row[Any]]) -> dict[str, Any]:
    results = at.services.results
    wanted = {row.slot for row in matched}
    first, last = unit.first_slot, unit.first_slot + min(unit.slots, SIBLINGS) - 1
    rows = list(results.answers(at.job, first, last))
    for slot in sorted(wanted - {row.slot for row in rows}):
        rows += results.answers(at.job, slot, slot)
    label, sure, votes = verdict or (None, None, 0)
    return {
        "unit": unit.position,
        "content": json.loads(content),
        "label": label,
        "confidence": sure,
        "votes": votes,
        "answers": [_answer(at, row, row.slot in wanted, label) for row in rows],
        "more": max(0, unit.slots - max(SIBLINGS, len(rows))),
    }


def _answer(at: Desk, row: Row[Any], matched: bool, label: str | None) -> dict[str, Any]:
    said = key_of(at.template, row.answer)
    return {
        "id": row.id,
        "slot": row.slot,
        "worker": row.worker,
        "alias": at.services.aliases.of(at.own, row.worker),
        "state": row.state,
        "shown_state": row.shown_state,
        "answer": json.loads(row.answer),
        "said": said,
        "report": row.report,
        "agrees": None if label is None or at.template not in CHOICES else said == label,  # boxes or texts are hardly ever the same
        "reason": row.reason,
        "reason_code": row.reason_code,
        "seconds": max(0, round(((row.committed_at or row.revealed_at) - row.created_at).total_seconds())),
        "submitted_at": row.revealed_at,
        "matched": matched,
    }


def _classes(at: Desk) -> list[dict[str, str]]:
    """What bulk decisions can be about: a label of the job, as the filter's JSON."""
    labels = at.view.labels or []
    field = at.view.answer_schema.get("properties", {})
    shape = (lambda label: {"answer": label}) if at.template == "label" else (lambda label: {"fields": {"label": label}})
    if at.template != "label" and "label" not in field:
        return []
    return [{"label": label, "filter": json.dumps(shape(label))} for label in labels[:CLASSES]]


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid("unit must be a unit's number, from 0.")
    return int(text)
