"""What a worker does beside answering: looking before accepting, keeping drafts, and seeing its own record."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.requests import account, coordinator, hex_text, read
from backend.api.schema import JSON, spec

router = APIRouter(prefix="/v1", tags=["assignments"])


class PreviewView(msgspec.Struct):
    """The unit that one would be given now; nothing is reserved."""

    job: str
    unit: int
    content: msgspec.Raw


class DraftView(msgspec.Struct):
    draft: msgspec.Raw
    saved_at: datetime


class SavedView(msgspec.Struct):
    saved_at: datetime


class NewDraft(msgspec.Struct, forbid_unknown_fields=True):
    """An answer so far: any JSON."""

    draft: Any


class RecordView(msgspec.Struct):
    """What one took and gave back; `lost_seconds` is how long slots were kept from others for nothing."""

    held: int
    returned: int
    abandoned: int
    lost_seconds: int


@router.get("/jobs/{job}/preview", **spec(PreviewView, auth="assignments"))
def preview(request: Request, job: str) -> Response:
    """Looks at the next unit before accepting it."""
    worker, id = account(request), hex_text("The job's id", job, 32)
    unit, content = coordinator(request).assignments.preview(id, worker)
    return JSON(PreviewView(id, unit.position, msgspec.Raw(content)))


@router.put("/assignments/{id}/draft", **spec(SavedView, reads=NewDraft, auth="assignments"))
async def save(request: Request, id: str) -> Response:
    """Keeps what one has written so far, for oneself alone."""
    worker, body = account(request), await read(request, NewDraft)
    return JSON(SavedView(await coordinator(request).drafts.save(_id(id), worker, body.draft)))


@router.get("/assignments/{id}/draft", **spec(DraftView, auth="assignments"))
def draft(request: Request, id: str) -> Response:
    """What one has written so far."""
    text, saved_at = coordinator(request).drafts.one(_id(id), account(request))
    return JSON(DraftView(msgspec.Raw(text.encode()), saved_at))


@router.get("/record", **spec(RecordView, auth="assignments", query=("job",)))
def record(request: Request) -> Response:
    """What one took and gave back, in all jobs or in one."""
    worker, job = account(request), request.query_params.get("job")
    found = coordinator(request).assignments.record(worker, None if job is None else hex_text("job", job, 32))
    return JSON(RecordView(found.held, found.returned, found.abandoned, found.lost_seconds))


def _id(id: str) -> str:
    return hex_text("The assignment's id", id, 16)
