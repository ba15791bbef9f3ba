"""What may act for a requester: operators with their allowance on the chain, API keys, and Mechanical Turk's access keys."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from backend.api.requests import coordinator, session
from backend.api.schema import JSON
from backend.services.keys import SCOPES
from backend.web.hire.shell import show
from backend.web.page import readable

router = APIRouter(prefix="/hire")
MEANINGS = {
    "jobs:read": "see jobs and answers", "jobs:write": "describe and fund jobs", "review": "approve and reject", "assignments": "work",
    "payments": "prepare bonuses", "people": "write messages, block", "notices": "hear what happens", "webhooks": "set where that is posted",
}


@router.get("/access.json")
def access_json(request: Request) -> Response:
    """Operators and API keys as JSON; the keys' secrets are nowhere."""
    return JSON(_access(request))


@router.get("/access")
@readable
def access(request: Request) -> Response:
    """Operators and keys."""
    shown = _access(request)
    scopes = [(scope, MEANINGS.get(scope, scope)) for scope in SCOPES]
    return show(request, "access.html", "/hire/access.json", shown | {"scopes": scopes})


def _access(request: Request) -> dict[str, Any]:
    own, services = session(request).account, coordinator(request)
    operators = [_operator(one) for one in services.operators.of(own)]
    keys = [
        {"id": row.id, "name": row.name, "scopes": row.scopes.split(), "created_at": row.created_at, "expires_at": row.expires_at}
        for row in services.keys.of(own)
    ]
    return {"account": own, "operators": operators, "keys": keys}


def _operator(one: Any) -> dict[str, Any]:
    return {
        "address": one.address, "name": one.name, "created_at": one.created_at, "revoked_at": one.revoked_at,
        "allowance": str(one.allowance), "expires_at": str(one.expires_at), "until": _instant(one.expires_at),
    }


def _instant(seconds: int) -> datetime | None:
    """A Unix second as an instant; None for one that stands for never, or lies beyond any calendar."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**37 else None
