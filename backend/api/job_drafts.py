"""Drafts of jobs: described step by step, given units from a file, priced, and prepared for funding."""

import base64
import binascii
import json
import secrets
from asyncio import to_thread
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.bodies import Body, NewJob, Nothing
from backend.api.drafting import drafted
from backend.api.requests import account, choice, coordinator, cursor_id, hex_text, limit, read, shaped
from backend.api.schema import JSON, spec
from backend.api.views import FaultView, JobView
from backend.services.coordinator import Coordinator
from backend.services.postings import Draft
from backend.services.unit_files import FORMS, Reading
from piecework.domain.errors import Invalid, NotFound

router = APIRouter(prefix="/v1/drafts", tags=["drafts"])
PATIENCE_SECONDS = 20.0
"""How long an upload's answer waits for its last row; a larger file is read on, and asked after."""
DAY = 86_400
MEDIA = {"text/csv": "csv", "application/json": "json", "application/x-ndjson": "jsonl", "application/jsonl": "jsonl"}


UNSAID = {
    "title": "",
    "instructions": "",
    "reward": "0",
    "closes_at": 0,
    "review_window_seconds": 3 * DAY,
    "appeal_window_seconds": 3 * DAY,
    "salt": "",
}
"""What a draft says as long as nobody said it."""


def _whole_or_not() -> type[msgspec.Struct]:
    """A new job's fields but its units, none of them needed."""
    fields = [
        (name, field.type, msgspec.field(default=UNSAID[name]) if name in UNSAID else _default(field))
        for name in NewJob.__struct_fields__
        if name != "units" and (field := next(f for f in msgspec.structs.fields(NewJob) if f.name == name))
    ]
    made = msgspec.defstruct("DraftBody", fields, bases=(Body,), module=__name__)
    made.__doc__ = "A job that isn't whole yet: the fields of a new job without its units, each of which may be missing still."
    return made


def _default(field: msgspec.structs.FieldInfo) -> Any:
    made = field.default_factory is not msgspec.NODEFAULT
    return msgspec.field(default_factory=field.default_factory) if made else msgspec.field(default=field.default)


DraftBody = _whole_or_not()


class UnitLoadView(msgspec.Struct):
    """Units on their way in: loading, loaded or failed. `rows` are in so far, out of `read` bytes of the file; `row` counts from one."""

    state: str
    rows: int
    slots: str
    read: str
    units_root: str | None
    sealed: bool
    error: str | None
    row: int | None
    column: str | None
    started_at: datetime


class JobDraftView(msgspec.Struct):
    """A draft. `version` is its ETag; `faults` are in the way of funding it; `job` is what it became, and then it is frozen."""

    id: str
    version: int
    described: dict[str, Any]
    units: UnitLoadView | None
    faults: list[FaultView]
    job: str | None
    created_at: datetime
    updated_at: datetime


class PriceView(msgspec.Struct):
    """What a job would cost, in base units: `amount` is (reward + fee) times slots. `hourly` needs estimated_seconds."""

    reward: str
    fee: str
    units: int
    slots: str
    amount: str
    hourly: str | None
    token: str


@router.post("", **spec(JobDraftView, 201, DraftBody, auth="jobs:write"))
async def begin(request: Request) -> Response:
    """Begins a draft; nothing of it need be right yet."""
    own, body = account(request), await read(request, DraftBody)
    row = await coordinator(request).job_drafts.begin(own, _described(body))
    return await to_thread(_answer, request, row, 201)


@router.get("", **spec(list[JobDraftView], auth="jobs:read", query=("cursor", "limit")))
def mine(request: Request) -> Response:
    """One's drafts, those that became jobs too."""
    services, most = coordinator(request), limit(request)
    rows = services.job_drafts.page(account(request), cursor_id(request), most + 1)
    return JSON(views.page(rows, most, partial(_view, services), lambda row: row.id))


@router.get("/{id}", **spec(JobDraftView, auth="jobs:read"))
def one(request: Request, id: str) -> Response:
    """A draft."""
    return _answer(request, coordinator(request).job_drafts.one(_id(id), account(request)))


@router.put("/{id}", **spec(JobDraftView, reads=DraftBody, auth="jobs:write"))
async def change(request: Request, id: str) -> Response:
    """Says everything anew. If-Match must name the version that was read, so that two who edit don't overwrite each other."""
    own, body = account(request), await read(request, DraftBody)
    seen, drafts = _seen(request), coordinator(request).job_drafts
    before = await to_thread(drafts.one, _id(id), own)
    described = _described(body, json.loads(before.described)["salt"])
    return await to_thread(_answer, request, await drafts.change(_id(id), own, seen, described))


@router.delete("/{id}", **spec(None, 204, auth="jobs:write"))
async def drop(request: Request, id: str) -> Response:
    """Deletes a draft and its units. What it became stays."""
    await coordinator(request).job_drafts.drop(_id(id), account(request))
    return Response(status_code=204)


@router.put("/{id}/units", **spec(UnitLoadView, 201, auth="jobs:write", query=("format", "columns", "slots", "slots_column", "adjusts")))
async def load(request: Request, id: str) -> Response:
    """Loads units from the body, a file of any size: all of its rows or none.

    `format` is json (an array), jsonl, csv (its first line names the columns) or manifest (Ground Truth); without it the content type
    says so. `columns` is a JSON object, a unit's field to the file's column. A unit asks for `slots` answers, or for what the column
    `slots_column` says; what a manifest has under the label `adjusts` is what its workers begin with. With a header `X-Content-Key` (32 bytes, base64) units are sealed at rest. Answers 202 while rows are read.
    """
    services, own = coordinator(request), account(request)
    draft = await to_thread(services.job_drafts.one, _id(id), own)
    template = json.loads(draft.described)["template"]
    reading, key = _reading(request), _key(request)
    row = await services.unit_loads.receive(draft, template, reading, request.stream(), key, PATIENCE_SECONDS)
    return JSON(_load_view(row), 201 if row.state == "loaded" else 202)


@router.get("/{id}/units", **spec(UnitLoadView, auth="jobs:read"))
def progress(request: Request, id: str) -> Response:
    """How far the newest upload is, or what was wrong with it."""
    services = coordinator(request)
    draft = services.job_drafts.one(_id(id), account(request))
    row = services.unit_loads.newest_of(draft.id)
    if row is None:
        raise NotFound("Nothing was loaded into this draft yet.")
    return JSON(_load_view(row))


@router.get("/{id}/units/sample", **spec(None, auth="jobs:read", query=("limit",)))
def sample(request: Request, id: str) -> Response:
    """The first units of a draft, to look at: a list of {content, slots}."""
    services = coordinator(request)
    draft = services.job_drafts.one(_id(id), account(request))
    return JSON({"items": services.unit_loads.sample(draft, limit(request)), "next": None})


@router.get("/{id}/price", **spec(PriceView, auth="jobs:read"))
def price(request: Request, id: str) -> Response:
    """What the job would cost, at the chain's fee as it is now."""
    services = coordinator(request)
    row = services.job_drafts.one(_id(id), account(request))
    draft = _draft(services, row)
    found = services.job_drafts.price(draft, services.job_drafts.load_of(row))
    hourly = None if found.hourly is None else str(found.hourly)
    amounts = (str(found.reward), str(found.fee), found.units, str(found.slots), str(found.amount), hourly)
    return JSON(PriceView(*amounts, draft.token))


@router.post("/{id}/prepare", **spec(JobView, 201, Nothing, auth="jobs:write"))
async def prepare(request: Request, id: str) -> Response:
    """Makes the draft a job that its requester can fund, and freezes it. `/v1/jobs/{job}/funding` has the transactions."""
    services, own = coordinator(request), account(request)
    row = await to_thread(services.job_drafts.one, _id(id), own)
    job = await services.job_drafts.prepare(row, _draft(services, row))
    return JSON(await to_thread(lambda: views.job(services, services.postings.row(job))), 201)


def _id(id: str) -> str:
    return hex_text("The draft's id", id, 16)


def _described(body: msgspec.Struct, salt: str | None = None) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(body)
    said["salt"] = said["salt"] or salt or "0x" + secrets.token_hex(32)
    return said


def _seen(request: Request) -> int:
    given = request.headers.get("if-match", "").removeprefix("W/").strip('"')
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise Invalid('Say in If-Match which version you change, as its ETag has it: "3".')
    return int(given)


def _reading(request: Request) -> Reading:
    query = request.query_params
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = choice("format", query.get("format", MEDIA.get(media)), FORMS)
    if form is None:
        raise Invalid(f"Say in 'format' what the file is: {', '.join(FORMS)}.")
    slots = query.get("slots", "1")
    if not slots.isascii() or not slots.isdigit() or len(slots) > 9 or int(slots) < 1:
        raise Invalid("slots is how many answers a unit asks for, at least one.")
    columns = query.get("columns")
    named = {} if columns is None else shaped(columns.encode("utf-8", "surrogatepass"), dict[str, str])  # type: ignore[type-var]
    adjusts = query.get("adjusts")
    if adjusts is not None and form != "manifest":
        raise Invalid("adjusts is the label of a manifest's lines; send a manifest.")
    return Reading(form, named, int(slots), query.get("slots_column"), adjusts)


def _key(request: Request) -> bytes | None:
    text = request.headers.get("x-content-key")
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("X-Content-Key is 32 bytes in base64.") from None


def _draft(services: Coordinator, row: Row[Any]) -> Draft:
    body = msgspec.convert(json.loads(row.described) | {"units": []}, NewJob)
    return drafted(body, services.deployment.token)


def _answer(request: Request, row: Row[Any], status: int = 200) -> Response:
    response = JSON(_view(coordinator(request), row), status)
    response.headers["etag"] = f'"{row.version}"'
    return response


def _view(services: Coordinator, row: Row[Any]) -> JobDraftView:
    load = services.job_drafts.load_of(row)
    return JobDraftView(
        id=row.id,
        version=row.version,
        described=json.loads(row.described),
        units=None if load is None else _load_view(load),
        faults=_faults(services, row, load),
        job=row.job,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _faults(services: Coordinator, row: Row[Any], load: Row[Any] | None) -> list[FaultView]:
    try:
        draft = _draft(services, row)
    except Invalid as error:
        return [FaultView(error.sentence.split(" ", 1)[0], error.sentence)]
    found = [FaultView(field, sentence) for field, sentence in services.postings.own_faults(draft)]
    if draft.reward == 0:
        found.append(FaultView("reward", "The reward is more than nothing."))
    if load is None:
        found.append(FaultView("units", "Load the job's units."))
    elif load.template != draft.template:
        found.append(FaultView("units", f"The units were loaded for {load.template}; load them again for {draft.template}."))
    return found


def _load_view(row: Row[Any]) -> UnitLoadView:
    return UnitLoadView(
        state="failed" if row.error else row.state,
        rows=row.rows,
        slots=str(row.slots),
        read=str(row.size),
        units_root=row.units_root,
        sealed=row.content.endswith(".sealed"),
        error=row.error,
        row=row.error_row,
        column=row.error_column,
        started_at=row.created_at,
    )
