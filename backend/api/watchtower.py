"""What the watchtower did, and what it left."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api.requests import coordinator, cursor_number, limit
from backend.api.schema import JSON, spec
from backend.api.views import page
from backend.store import watch

router = APIRouter(prefix="/v1", tags=["recourse"])


class WatchNoteView(msgspec.Struct):
    """A call that the watchtower queued (with its transaction), or that it left (`state` is left) and why."""

    number: int
    kind: str
    job: str
    subject: str
    slots: int
    amount: str
    estimated_gas: int
    said: str
    state: str
    transaction_hash: str | None
    gas_used: int | None
    created_at: datetime


@router.get("/watchtower", **spec(list[WatchNoteView], query=("cursor", "limit")))
def watchtower(request: Request) -> Response:
    """What the coordinator did for silent requesters and their workers, and what it left because it isn't worth the gas."""
    most = limit(request)
    with coordinator(request).store.read() as connection:
        rows = watch.page(connection, cursor_number(request, 0), most + 1)
    return JSON(page(rows, most, _note, lambda row: row.number))


def _note(row: Row[Any]) -> WatchNoteView:
    return WatchNoteView(
        number=row.number,
        kind=row.kind,
        job=row.job,
        subject=row.subject,
        slots=row.slots,
        amount=str(row.amount),
        estimated_gas=row.gas,
        said=row.said,
        state="left" if row.outbox is None else {"signed": "sent"}.get(row.state, row.state),
        transaction_hash=row.transaction_hash,
        gas_used=row.gas_used,
        created_at=row.created_at,
    )
