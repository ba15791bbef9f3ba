"""Signing in and out."""

from asyncio import to_thread
from datetime import datetime

from fastapi import APIRouter, Request, Response

from backend.api.bodies import NewSession, PayoutChoice
from backend.api.requests import (
    choice,
    cookies,
    coordinator,
    credential,
    csrf_of,
    hex_bytes,
    hex_text,
    read,
    session,
)
from backend.api.schema import JSON, spec
from backend.api.views import ChallengeView, OpenSessionView, SessionView, TokenView
from backend.services.sessions import hash_of

router = APIRouter(prefix="/v1/session", tags=["session"])
ID_LENGTH = 34
"""Of a session's id: the first 16 bytes of its token's hash."""
PAYOUTS = ("wallet", "ledger")


@router.post("/nonce", **spec(ChallengeView, 201))
async def begin(request: Request) -> Response:
    """What the message to sign must say; its nonce works once."""
    c = await coordinator(request).sessions.challenge()
    view = ChallengeView(c.nonce, c.domain, c.uri, c.chain_id, c.statement, c.issued_at, c.expires_at)
    return JSON(view, 201)


@router.post("", **spec(TokenView, 201, NewSession))
async def sign_in(request: Request) -> Response:
    """Signs in with a signed EIP-4361 message."""
    body = await read(request, NewSession)
    sessions = coordinator(request).sessions
    account, nonce = await to_thread(sessions.verify, body.message, hex_bytes("signature", body.signature))
    token, opened = await sessions.sign_in(account, nonce, request.headers.get("user-agent"))
    if not body.cookie:
        return JSON(TokenView(token, opened.account, opened.expires_at), 201)
    response = JSON(TokenView(None, opened.account, opened.expires_at, csrf_of(token)), 201)
    _give(response, request, token, opened.expires_at)
    return response


@router.get("", **spec(SessionView, auth=True))
async def who(request: Request) -> Response:
    """Who is signed in."""
    found = session(request)
    payout = coordinator(request).sessions.payout(found.account)
    return JSON(SessionView(found.account, found.expires_at, payout))


@router.delete("", **spec(None, 204, auth=True))
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    session(request)
    await coordinator(request).sessions.sign_out(credential(request))
    response = Response(status_code=204)
    for name in cookies(request):
        response.delete_cookie(name)
    return response


@router.put("/payout", **spec(PayoutChoice, reads=PayoutChoice, auth=True))
async def payout(request: Request) -> Response:
    """How the account wants settlements: into its wallet or its ledger balance."""
    found, body = session(request), await read(request, PayoutChoice)
    choice("payout", body.payout, PAYOUTS)
    await coordinator(request).sessions.choose_payout(found.account, body.payout)
    return JSON(body)


@router.get("/all", **spec(list[OpenSessionView], auth=True))
def mine(request: Request) -> Response:
    """One's sessions, the newest hundred."""
    return JSON({"items": open_sessions(request), "next": None})


def open_sessions(request: Request) -> list[OpenSessionView]:
    """The sessions of who asks, the newest hundred."""
    own, this = session(request), hash_of(credential(request) or "")
    return [
        OpenSessionView(row.token_hash[:ID_LENGTH], row.created_at, row.expires_at, row.user_agent, row.token_hash == this)
        for row in coordinator(request).sessions.mine(own.account)
    ]


@router.delete("/all/{id}", **spec(None, 204, auth=True))
async def revoke(request: Request, id: str) -> Response:
    """Ends one of one's sessions."""
    await coordinator(request).sessions.revoke(session(request).account, hex_text("The session's id", id, 16))
    return Response(status_code=204)


@router.delete("/others", **spec(None, 204, auth=True))
async def revoke_others(request: Request) -> Response:
    """Ends all of one's sessions but this one."""
    await coordinator(request).sessions.revoke_others(session(request).account, credential(request))
    return Response(status_code=204)


def _give(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Puts a session into cookies: its token where no script can read it, and what a page must repeat to change something."""
    secure = coordinator(request).sessions.uri.startswith("https:")
    for name, value, hidden in zip(cookies(request), (token, csrf_of(token)), (True, False), strict=True):
        response.set_cookie(name, value, expires=expires_at, path="/", secure=secure, httponly=hidden, samesite="lax")
