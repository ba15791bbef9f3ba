"""Access keys over the marketplace's own API: issued to a signed-in account, listed, revoked."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, read
from backend.api.schema import JSON, spec
from backend.mturk.access import REGION, Access
from piecework.domain.errors import Invalid


class NewAccessKey(Body):
    """A new access key's name, for its owner, and when it ends, in Unix seconds."""

    name: str
    expires_at: int


class IssuedAccessKey(msgspec.Struct):
    """A new access key; the secret is shown this once. Give its operator an allowance (`/v1/operators`), or it can't spend anything."""

    access_key_id: str
    secret_access_key: str
    region_name: str
    endpoint_url: str
    operator: str
    name: str
    expires_at: datetime


class AccessKeyView(msgspec.Struct):
    """An access key without its secret."""

    access_key_id: str
    operator: str
    name: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class WebhookSecret(msgspec.Struct):
    """What notifications to https addresses are signed with (Standard Webhooks)."""

    secret: str


def router(access: Access, url: str, webhook_secret: Callable[[str], str]) -> APIRouter:
    """The routes over an `Access`.

    Args:
        url: where programs send their calls.
        webhook_secret: what an account's notifications are signed with.
    """
    routes = APIRouter(prefix="/v1/mturk-keys", tags=["mturk"])

    @routes.post("", **spec(IssuedAccessKey, 201, NewAccessKey, auth=True))
    async def issue(request: Request) -> Response:
        """Issues an access key for programs that speak Mechanical Turk's interface."""
        owner, body = account(request), await read(request, NewAccessKey)
        if not 0 < body.expires_at < 2**33:
            raise Invalid("expires_at is a time in Unix seconds.")
        made = await access.issue(owner, body.name, datetime.fromtimestamp(body.expires_at, UTC))
        shown = IssuedAccessKey(
            made.access_key_id, made.secret_access_key, REGION, url, made.operator, made.name, made.expires_at
        )
        return JSON(shown, 201)

    @routes.get("", **spec(list[AccessKeyView], auth=True))
    def mine(request: Request) -> Response:
        """The account's access keys, the oldest first; at most a hundred."""
        rows = access.of(account(request))
        items = [
            AccessKeyView(row.access_key_id, row.operator, row.name, row.created_at, row.expires_at, row.revoked_at) for row in rows
        ]
        return JSON({"items": items, "next": None})

    @routes.get("/webhook-secret", **spec(WebhookSecret, auth=True))
    def secret(request: Request) -> Response:
        """What the account's notifications to https addresses are signed with."""
        return JSON(WebhookSecret(webhook_secret(account(request))))

    @routes.delete("/{key}", **spec(None, 204, auth=True))
    async def revoke(request: Request, key: str) -> Response:
        """Ends an access key at once. Its operator's allowance is the account's to take back: sign one of 0."""
        await access.revoke(account(request), key)
        return Response(status_code=204)

    return routes
