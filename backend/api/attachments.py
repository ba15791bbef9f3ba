"""Files that workers attach to their answers."""

import re
from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from backend.api.requests import account, coordinator, hex_text
from backend.api.schema import JSON, spec
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1/assignments/{id}/attachments", tags=["assignments"])
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class AttachmentView(msgspec.Struct):
    """A file. The answer names it as `sha256:` and its hash, anywhere in it."""

    sha256: str
    media_type: str
    size: int
    """Bytes."""
    named: bool
    """Whether a revealed answer names it."""
    created_at: datetime


class StoredView(msgspec.Struct):
    """What an answer says to name the file, and its size in bytes."""

    name: str
    size: int


@router.put("/{sha256}", **spec(StoredView, 201, auth="assignments"))
async def put(request: Request, id: str, sha256: str) -> Response:
    """Attaches the body, a file of at most 64 MiB whose SHA-256 is in the address, to an assignment whose answer isn't revealed yet."""
    worker, hash = account(request), _hash(sha256)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    size = await coordinator(request).attachments.take(_id(id), worker, hash, media_type, request.stream())
    return JSON(StoredView(f"sha256:{hash}", size), 201)


@router.get("", **spec(list[AttachmentView], auth="assignments"))
def listed(request: Request, id: str) -> Response:
    """An assignment's files: for its worker; those that the answer names for its requester, too, and for who rules on an appeal of it."""
    rows = coordinator(request).attachments.of(_id(id), account(request))
    items = [AttachmentView(row.sha256, row.media_type, row.size, row.named, row.created_at) for row in rows]
    return JSON({"items": items, "next": None})


@router.get("/{sha256}", **spec(None, auth="assignments"))
def one(request: Request, id: str, sha256: str) -> Response:
    """A file's bytes, for the same."""
    services = coordinator(request).attachments
    row = services.one(_id(id), account(request), _hash(sha256))
    headers = {
        "content-length": str(row.size),
        "content-disposition": f'attachment; filename="{row.sha256[:16]}"',
        "cache-control": "private, immutable, max-age=31536000",
    }
    return StreamingResponse(services.pieces(row), media_type=row.media_type, headers=headers)


def _id(id: str) -> str:
    return hex_text("The assignment's id", id, 16)


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise Invalid("An attachment is named by the SHA-256 of its bytes, 64 hex digits.")
    return text
