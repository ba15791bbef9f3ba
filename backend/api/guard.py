"""What stands before every request, whatever answers it: whose address it comes from, how often, what browsers may do with the
answer, and whether the caller has that answer already."""

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from fastapi import FastAPI, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.limits import LIMITED
from backend.api.problems import problem
from piecework.domain.errors import Invalid

CLOSED = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page: nothing in it is run, and nobody frames it. Pages bring a policy of their own."""
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
STRICT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
ALLOWED_METHODS = b"GET, POST, PUT, PATCH, DELETE"
ALLOWED_HEADERS = b"authorization, content-type, if-match, if-none-match, idempotency-key"
EXPOSED_HEADERS = b"etag, retry-after, location, idempotency-replayed"
CLIENT = "piecework.client"
"""In a request's scope: whose address it comes from; None where only a proxy that nobody trusts has said so."""
PREFLIGHT_SECONDS = b"7200"
MOST_TAGGED = 1 << 20
"""Bytes of an answer that is given a tag."""


class Networks:
    """Some of the addresses that there are.

    Args:
        setting: that named them.
        networks: addresses or networks, separated by commas.

    Raises:
        Invalid: one is no network.
    """

    def __init__(self, setting: str, networks: str) -> None:
        try:
            self._networks = [ip_network(part.strip(), strict=False) for part in networks.split(",") if part.strip()]
        except ValueError as error:
            raise Invalid(f"{setting}: {error}.") from None

    def has(self, address: str) -> bool:
        """Whether the address is one of them; what is no address isn't."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


class Proxies(Networks):
    """The proxies whose word on a client's address is taken."""

    def client(self, peer: str, forwarded: str) -> str:
        """Who asks: the last address in X-Forwarded-For that no trusted proxy has, or the peer where it is none of them."""
        address, named = peer, [part.strip() for part in forwarded.split(",") if part.strip()]
        while named and self.has(address):
            address = named.pop()
        return address


class Guard:
    """An ASGI application before all others.

    Args:
        app: answers.
        state: the application whose `state` holds the limits.
        proxies: whose X-Forwarded-For counts.
        origins: the origins whose pages may call `/v1`, without cookies: `*` for all, or some separated by commas.
        secure: whether users come by https.
    """

    def __init__(self, app: ASGIApp, state: FastAPI, proxies: Proxies, origins: str, secure: bool) -> None:
        self._app, self._limits, self._proxies = app, state.state.limits, proxies
        self._origins = frozenset(part.strip().rstrip("/") for part in origins.split(",") if part.strip())
        self._always = (*ALWAYS, STRICT) if secure else ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        program = scope["path"].startswith("/v1/")
        finish = self._finishing(send, self._shared(headers.get("origin")) if program else ())
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, finish)
        elif program and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204)(scope, receive, finish)
        elif program and scope["method"] == "GET":
            await self._app(scope, receive, _Tagging(finish, headers.get("if-none-match")).send)
        else:
            await self._app(scope, receive, finish)

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """A problem where the address asks too often."""
        peer = scope["client"][0] if scope["client"] else ""
        forwarded = headers.get("x-forwarded-for", "")
        client = self._proxies.client(peer, forwarded)
        scope[CLIENT] = client if client != peer or not forwarded else None
        if peer == client and _is_loopback(client):
            return None  # this machine's own programs: the devnet, a replay, a proxy that nobody was told to trust
        scope[LIMITED] = True
        wait = self._limits.address(client, scope["path"].startswith("/v1/session") and scope["method"] == "POST")
        return None if wait is None else too_often(f"This address ({client})", wait)

    def _shared(self, origin: str | None) -> Sequence[tuple[bytes, bytes]]:
        """The CORS headers for a page of that origin. Never with credentials: a cookie works on our own pages only."""
        if origin is None or not ("*" in self._origins or origin in self._origins):
            return ()
        allowed = b"*" if "*" in self._origins else origin.encode("latin-1")
        return (
            (b"access-control-allow-origin", allowed),
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-expose-headers", EXPOSED_HEADERS),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
            (b"vary", b"origin"),
        )

    def _finishing(self, send: Send, more: Sequence[tuple[bytes, bytes]]) -> Send:
        """`send` that completes the headers of the answer."""

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name for name, _ in headers}
                headers += [pair for pair in (*self._always, *more) if pair[0] not in there or pair[0] == b"vary"]
                if b"content-security-policy" not in there:
                    headers += [(b"content-security-policy", CLOSED), (b"x-frame-options", b"DENY")]
                message["headers"] = headers
            await send(message)

        return finish


class _Tagging:
    """Gives a JSON answer its ETag, and answers 304 where the caller has it already.

    Args:
        send: where answers go.
        known: the request's If-None-Match.
    """

    def __init__(self, send: Send, known: str | None) -> None:
        self._send, self._known, self._start = send, known, dict[str, object]()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_whole(message):
            self._start = dict(message)  # held back until the body is known
        elif self._start and message["type"] == "http.response.body":
            start, self._start = self._start, {}
            await self._tagged(start, message)
        else:
            await self._send(message)

    async def _tagged(self, start: Message, message: Message) -> None:
        body = message.get("body", b"")
        headers = list(start["headers"])
        if not message.get("more_body"):
            tag = _tag(headers) or '"' + hashlib.blake2b(body, digest_size=12).hexdigest() + '"'
            headers = [pair for pair in headers if pair[0] != b"etag"]
            headers += [(b"etag", tag.encode()), (b"cache-control", b"private, no-cache"), (b"vary", b"authorization, cookie")]
            if self._known is not None and matches(self._known, tag):
                kept = [pair for pair in headers if pair[0] not in (b"content-length", b"content-type")]
                await self._send({"type": "http.response.start", "status": 304, "headers": kept})
                await self._send({"type": "http.response.body", "body": b""})
                return
        await self._send({**start, "headers": headers})
        await self._send(message)


def matches(wanted: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match names the tag, weak or strong."""
    return any(part.strip() in ("*", tag, "W/" + tag) for part in wanted.split(","))


def too_often(who: str, wait: float) -> Response:
    """The answer to who asks too often."""
    seconds = max(1, round(wait + 0.5))
    return problem(429, f"{who} asks too often; wait {seconds} s.", {"retry-after": str(seconds)})


def _is_whole(start: Message) -> bool:
    """Whether an answer is JSON that is worth a tag."""
    headers = dict(start.get("headers", ()))
    length = headers.get(b"content-length", b"")
    return (
        start["status"] == 200
        and headers.get(b"content-type", b"").startswith(b"application/json")
        and length.isdigit()
        and int(length) <= MOST_TAGGED
    )


def _tag(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"etag"), None)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
