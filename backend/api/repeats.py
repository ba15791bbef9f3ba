"""Idempotency keys: a request that changes something and brings one is carried out once, and its answer is given again."""

import hashlib
from asyncio import to_thread

from fastapi import FastAPI, Request, Response
from sqlalchemy import Connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.problems import of_ours, problem
from backend.api.requests import SAFE, account_of
from backend.services.coordinator import Coordinator
from backend.store import once
from piecework.domain.errors import Invalid, PieceworkError

HEADER = b"idempotency-key"
LONGEST_KEY = 100
MOST_BYTES = 8 << 20
"""Of a body that is held to compare it. What is larger (a job's units) is its own key: describing the same job twice makes one."""
MOST_KEPT = 1 << 20
SECRET = ("/v1/session", "/v1/keys", "/v1/mturk-keys", "/v1/webhooks")
"""Where answers hold a secret that is shown once and kept nowhere."""


class Repeats:
    """An ASGI application before another that knows the requests it has carried out.

    Args:
        app: carries them out.
        state: the application that holds the coordinator in its state.
    """

    def __init__(self, app: ASGIApp, state: FastAPI) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        key = next((value.decode("latin-1") for name, value in scope["headers"] if name == HEADER), None)
        if key is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._state
        request = Request(scope, receive)
        try:
            account = account_of(request)
            body = await _body(request, key)
        except PieceworkError as error:
            await of_ours(request, error)(scope, receive, send)
            return
        services: Coordinator = self._state.state.coordinator
        claim = once.Claim(account, key, _fingerprint(scope, body), services.clock())
        answer = await to_thread(_again, services, claim)
        if answer is not None:
            await answer(scope, receive, send)
        else:
            await self._carry_out(services, claim, scope, _replaying(body, receive), send)

    async def _carry_out(self, services: Coordinator, claim: once.Claim, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            await _keep(services, claim, start, b"".join(parts))
            await send(start)
            await send({"type": "http.response.body", "body": b"".join(parts)})

        token = once.claim.set(claim)
        try:
            await self._app(scope, receive, keep)
        finally:
            once.claim.reset(token)


async def _keep(services: Coordinator, claim: once.Claim, start: Message, body: bytes) -> None:
    """Keeps an answer, but for one that asks to try again."""
    status, media_type = start["status"], dict(start["headers"]).get(b"content-type", b"").decode("latin-1")
    if not claim.claimed and (status >= 500 or status in (401, 409, 429)):
        return
    once.claim.set(None)  # what is written now is the answer, not what the request does
    kept = body if len(body) <= MOST_KEPT else b""

    def work(connection: Connection) -> None:
        claim.answered(connection, status, kept, media_type)

    await services.store.write(work)


def _again(services: Coordinator, claim: once.Claim) -> Response | None:
    """The answer that was given, or a problem; None for a key that is new."""
    with services.store.read() as connection:
        row = once.found(connection, claim.account, claim.key)
    if row is None:
        return None
    if row.fingerprint != claim.fingerprint:
        return problem(422, "This Idempotency-Key belongs to another request; take a new one for each.")
    if row.status is None:
        return problem(409, once.REPEATED, {"retry-after": "1"})
    headers = {"idempotency-replayed": "true"} | ({"content-type": row.media_type} if row.media_type else {})
    return Response(row.answer, row.status, headers)


async def _body(request: Request, key: str) -> bytes:
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.")
    if request.url.path.startswith(SECRET):
        raise Invalid("This address gives a secret once and takes no Idempotency-Key.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Invalid(f"A request with an Idempotency-Key has at most {MOST_BYTES} bytes.")
        parts.append(part)
    return b"".join(parts)


def _fingerprint(scope: Scope, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (scope["method"].encode(), scope["path"].encode("utf-8", "surrogatepass"), scope["query_string"], body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return "0x" + digest.hexdigest()


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Gives the body again, and then whatever else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
