"""API keys of an account's programs. Only a session makes or revokes them, never a key."""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import coordinator, hex_text, read, session
from backend.api.schema import JSON, spec

router = APIRouter(prefix="/v1/keys", tags=["keys"])


class NewKey(Body):
    """An API key to be made; it ends after `days`."""

    name: str
    scopes: list[str]
    days: int = 90


class KeyView(msgspec.Struct):
    """An API key without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime


class MadeKeyView(msgspec.Struct):
    """A new API key; `secret` is shown this once."""

    secret: str
    key: KeyView


@router.post("", **spec(MadeKeyView, 201, NewKey, auth=True))
async def make(request: Request) -> Response:
    """Makes an API key, whose secret is shown this once."""
    own, body = session(request).account, await read(request, NewKey)
    secret, row = await coordinator(request).keys.make(own, body.name, body.scopes, body.days)
    view = KeyView(row["id"], row["name"], row["scopes"].split(), row["created_at"], row["expires_at"])
    return JSON(MadeKeyView(secret, view), 201)


@router.get("", **spec(list[KeyView], auth=True))
def mine(request: Request) -> Response:
    """One's API keys, oldest first, at most 50."""
    rows = coordinator(request).keys.of(session(request).account)
    items = [KeyView(row.id, row.name, row.scopes.split(), row.created_at, row.expires_at) for row in rows]
    return JSON({"items": items, "next": None})


@router.delete("/{id}", **spec(None, 204, auth=True))
async def revoke(request: Request, id: str) -> Response:
    """Revokes an API key."""
    await coordinator(request).keys.revoke(session(request).account, hex_text("The key's id", id, 16))
    return Response(status_code=204)
