"""What an account is told: in pages, as a stream of server-sent events, by webhooks and by mail."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Row

from backend.api import views
from backend.api.bodies import Body
from backend.api.requests import account, coordinator, cursor_number, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.services.mail import SCHEME
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1", tags=["notices"])


class NoticeView(msgspec.Struct):
    number: str
    kind: str
    subject: dict[str, Any]
    created_at: datetime


class NewWebhook(Body):
    """Where to post (https), or to mail (mailto:name@example.org), and which kinds of notices."""

    url: str
    kinds: list[str]


class NewConfirmation(Body):
    """The code that was mailed."""

    code: str


class WebhookView(msgspec.Struct, omit_defaults=True):
    id: str
    url: str
    kinds: list[str]
    disabled: str | None
    created_at: datetime | None = None
    confirmed: bool = True
    """Whether the code was given that was mailed to an address; others need none."""
    secret: str | msgspec.UnsetType = msgspec.UNSET
    """Said once."""


class DeliveryView(msgspec.Struct):
    id: str
    message: str
    state: str
    attempts: int
    said: str | None
    next_at: datetime
    created_at: datetime


@router.get("/notices", **spec(list[NoticeView], auth="notices", query=("cursor", "limit")))
def notices(request: Request) -> Response:
    """What one was told, oldest first."""
    own, most = account(request), limit(request)
    rows = coordinator(request).notices.page(own, cursor_number(request, 0), most + 1)
    return JSON(views.page(rows, most, _notice, lambda row: row.number))


@router.get("/events", **spec(None, auth="notices"))
async def events(request: Request) -> Response:
    """The same as they come, as server-sent events: `id` is the number, `event` the kind. A reader that comes back with Last-Event-ID
    misses nothing; a new one hears what happens from then on."""
    own, services, last = account(request), coordinator(request).notices, request.headers.get("last-event-id")
    if last is not None and not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise Invalid("Last-Event-ID must be the id of an event.")
    place = services.place(own)
    place.__enter__()

    async def lines() -> AsyncIterator[bytes]:
        try:
            yield b": welcome\n\n"
            async for row in services.stream(own, None if last is None else int(last), lambda: account(request)):
                yield b": still here\n\n" if row is None else _event(row)
        finally:
            place.__exit__(None, None, None)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


@router.post("/webhooks", **spec(WebhookView, 201, NewWebhook, auth="webhooks"))
async def add(request: Request) -> Response:
    """Posts one's notices to an address from now on, signed by the Standard Webhooks scheme with the secret that is answered; or mails
    them, once the address is confirmed with the code that it is sent."""
    own, body = account(request), await read(request, NewWebhook)
    id, secret = await coordinator(request).webhooks.add(own, body.url, body.kinds)
    mailed = body.url.startswith(SCHEME)
    view = WebhookView(id, body.url, sorted(set(body.kinds)), None, confirmed=not mailed, secret=msgspec.UNSET if mailed else secret)
    return JSON(view, 201)


@router.get("/webhooks", **spec(list[WebhookView], auth="webhooks"))
def webhooks(request: Request) -> Response:
    """One's webhooks."""
    rows = coordinator(request).webhooks.mine(account(request))
    items = [WebhookView(row.id, row.url, json.loads(row.kinds), row.disabled, row.created_at, row.wrong_codes is None) for row in rows]
    return JSON({"items": items, "next": None})


@router.delete("/webhooks/{id}", **spec(None, 204, auth="webhooks"))
async def remove(request: Request, id: str) -> Response:
    """Forgets a webhook."""
    await coordinator(request).webhooks.remove(_id(id), account(request))
    return Response(status_code=204)


@router.post("/webhooks/{id}/enable", **spec(None, 204, auth="webhooks"))
async def enable(request: Request, id: str) -> Response:
    """Posts again to one that failed for so long that it was disabled."""
    await coordinator(request).webhooks.enable(_id(id), account(request))
    return Response(status_code=204)


@router.post("/webhooks/{id}/confirm", **spec(None, 204, NewConfirmation, auth="webhooks"))
async def confirm(request: Request, id: str) -> Response:
    """Confirms an address with the code that was mailed to it, within a day."""
    own, body = account(request), await read(request, NewConfirmation)
    await coordinator(request).webhooks.confirm(_id(id), own, body.code)
    return Response(status_code=204)


@router.post("/webhooks/{id}/ping", **spec(None, 202, auth="webhooks"))
async def ping(request: Request, id: str) -> Response:
    """Sends a message of kind ping, to try the receiver."""
    await coordinator(request).webhooks.ping(_id(id), account(request))
    return Response(status_code=202)


@router.get("/webhooks/{id}/deliveries", **spec(list[DeliveryView], auth="webhooks", query=("cursor", "limit")))
def deliveries(request: Request, id: str) -> Response:
    """What was posted, and what came of it."""
    own, most = account(request), limit(request)
    rows = coordinator(request).webhooks.deliveries(_id(id), own, cursor_number(request, 0), most + 1)
    return JSON(views.page(rows, most, _delivery, lambda row: row.id))


def _delivery(row: Row[Any]) -> DeliveryView:
    return DeliveryView(str(row.id), row.message, row.state, row.attempts, row.said, row.next_at, row.created_at)


def _id(id: str) -> str:
    return hex_text("The webhook's id", id, 16)


def _notice(row: Row[Any]) -> NoticeView:
    return NoticeView(str(row.number), row.kind, json.loads(row.subject), row.created_at)


def _event(row: Row[Any]) -> bytes:
    """JSON has no line breaks, so one data line will do."""
    return f"id: {row.number}\nevent: {row.kind}\ndata: {row.subject}\n\n".encode()
