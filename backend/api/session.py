"""Signing in and out."""

from asyncio import to_thread

from fastapi import APIRouter, Request, Response

from backend.api.bodies import NewSession, PayoutChoice
from backend.api.requests import bearer, choice, coordinator, hex_bytes, read, session
from backend.api.schema import JSON, spec
from backend.api.views import ChallengeView, SessionView, TokenView

router = APIRouter(prefix="/v1/session", tags=["session"])
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
    token, opened = await sessions.sign_in(account, nonce)
    return JSON(TokenView(token, opened.account, opened.expires_at), 201)


@router.get("", **spec(SessionView, auth=True))
async def who(request: Request) -> Response:
    """Who is signed in."""
    found = session(request)
    payout = coordinator(request).sessions.payout(found.account)
    return JSON(SessionView(found.account, found.expires_at, payout))


@router.delete("", **spec(None, 204, auth=True))
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    await coordinator(request).sessions.sign_out(bearer(request))
    return Response(status_code=204)


@router.put("/payout", **spec(PayoutChoice, reads=PayoutChoice, auth=True))
async def payout(request: Request) -> Response:
    """How the account wants settlements: into its wallet or its ledger balance."""
    found, body = session(request), await read(request, PayoutChoice)
    choice("payout", body.payout, PAYOUTS)
    await coordinator(request).sessions.choose_payout(found.account, body.payout)
    return JSON(body)
