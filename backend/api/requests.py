"""Reads what a request brings, and refuses in a sentence what can't be read."""

import hashlib
import hmac
import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec
from fastapi import Request

from backend.api.limits import LIMITED
from backend.api.problems import TooLarge
from backend.api.schema import SCOPE
from backend.services.coordinator import Coordinator
from backend.services.keys import PREFIX
from backend.services.sessions import NoSession, Session
from backend.services.turns import Turns
from piecework.domain.content import check_depth
from piecework.domain.errors import Forbidden, Invalid

Body = TypeVar("Body", bound=msgspec.Struct)

CSRF_HEADER = "x-csrf-token"
SAFE = ("GET", "HEAD", "OPTIONS")
MOST_BYTES = 1 << 20
LARGE_BYTES = 1 << 18
LARGE = Turns(most=8)
"""Of bodies that take longer to read than anybody should wait for meanwhile; and what is read takes its memory once."""
MOST_CONTAINERS = 2_500_000
"""Arrays and objects of a body: a million units have two million. `[],` takes thirty times its length."""
DRAINED_BYTES = 4 << 20
MOST_ITEMS = 1_000
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,9})-([0-9]{1,18})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,78}", re.ASCII)
_POSITION = re.compile(r"[0-9]{1,9}", re.ASCII)


def coordinator(request: Request) -> Coordinator:
    """The services of the app that serves the request."""
    found: Coordinator = request.app.state.coordinator
    return found


def bearer(request: Request) -> str | None:
    """The request's token, if it brings one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def credential(request: Request) -> str | None:
    """The token that the request brings: as a bearer, or in the cookie of one of our own pages.

    Raises:
        Forbidden: it comes by cookie, would change something, and doesn't show that it comes from a page of ours.
    """
    token = bearer(request)
    held, repeated = cookies(request)
    if token is not None or held not in request.cookies:
        return token
    token = request.cookies[held]
    if request.method not in SAFE and not _from_our_page(request, token):
        raise Forbidden(f"A request by cookie must repeat the cookie {repeated} in the header X-CSRF-Token; reload the page.")
    return token


def cookies(request: Request) -> tuple[str, str]:
    """The names of the cookies that hold a session's token and what a page must repeat. Browsers keep cookies by host, not by port, so
    the port is in them: of two marketplaces on one machine neither signs people out of the other."""
    _, colon, port = coordinator(request).sessions.domain.rpartition(":")
    mark = f"_{port}" if colon and port.isdecimal() else ""
    return f"piecework_session{mark}", f"piecework_csrf{mark}"


def csrf_of(token: str) -> str:
    """What a page repeats to show that it can read our cookies. It is bound to the session, so no other site can plant one."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def _from_our_page(request: Request, token: str) -> bool:
    origin, ours = request.headers.get("origin"), coordinator(request).sessions.uri.rstrip("/")
    given = request.headers.get(CSRF_HEADER, "").encode("utf-8", "surrogatepass")
    return origin in (None, ours) and hmac.compare_digest(given, csrf_of(token).encode())


def session(request: Request) -> Session:
    """The session of the request, for what no API key may do.

    Raises:
        NoSession: it brings none that is valid.
        Forbidden: it brings an API key.
    """
    token = credential(request)
    if token is not None and token.startswith(PREFIX):
        raise Forbidden("An API key can't do this; sign in with the account itself.")
    found = coordinator(request).sessions.session(token)
    _count(request, found.account)
    return found


def account(request: Request) -> str:
    """The account that sends the request, by a session or by an API key that has the route's scope.

    Raises:
        NoSession: nobody is signed in.
        Forbidden: it brings an API key without the scope.
    """
    token = credential(request)
    if token is None or not token.startswith(PREFIX):
        return session(request).account
    scope, found = _scope(request), coordinator(request).keys.session(token)
    if scope is None:
        raise Forbidden("An API key can't do this; sign in with the account itself.")
    if scope not in (found.scopes or ()):
        raise Forbidden(f"This API key lacks the scope {scope}; make one that has it.")
    _count(request, found.account)
    return found.account


def account_of(request: Request) -> str:
    """Whose request it is, whatever its key may do; for what isn't a route's.

    Raises:
        NoSession: nobody is signed in.
    """
    token = credential(request)
    services = coordinator(request)
    return (services.keys if token is not None and token.startswith(PREFIX) else services.sessions).session(token).account


def account_if_any(request: Request) -> str | None:
    """The account that sends the request, None for a passer-by; so is a page whose cookie is over.

    Raises:
        NoSession, Forbidden: it brings a token that is over, or a key without the scope. A program is told so, and not shown less.
    """
    if bearer(request) is not None:
        return account(request)
    try:
        return account(request)
    except NoSession:
        return None


def _count(request: Request, account: str) -> None:
    if LIMITED in request.scope:
        request.app.state.limits.account(account)


def _scope(request: Request) -> str | None:
    """What the route says in its description, or the express lane for it; None where no key may."""
    lane: str | None = request.scope.get("piecework.scope")
    if lane is not None:
        return lane
    said: dict[str, Any] = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    return said.get(SCOPE)


async def read(request: Request, kind: type[Body], most_bytes: int = MOST_BYTES) -> Body:
    """The request's body as `kind`.

    Raises:
        TooLarge, Invalid: it is too large, or not such a body.
    """
    body = await body_bytes(request, most_bytes)
    return shaped(body, kind) if len(body) <= LARGE_BYTES else await LARGE.run(shaped, body, kind)


def shaped(body: bytes, kind: type[Body]) -> Body:
    """A JSON text as `kind`. Python's own reader is used because it keeps integers exact at any size."""
    if body.count(b"[") + body.count(b"{") > MOST_CONTAINERS:
        raise Invalid(f"The body holds more than {MOST_CONTAINERS} arrays and objects; send what is so large as a file.")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    except ValueError:
        raise Invalid("The body holds a number that is too long.") from None
    check_depth(value)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"The body doesn't fit: {error}.") from None
    except UnicodeEncodeError:
        raise Invalid("The body holds half a character (a lone surrogate).") from None


def hex_bytes(name: str, text: str, length: int | None = None) -> bytes:
    """Bytes from 0x hex.

    Raises:
        Invalid: not hex, or not `length` bytes.
    """
    if not _HEX.fullmatch(text) or (length is not None and len(text) != 2 + 2 * length):
        raise Invalid(f"{name} must be 0x hex" + (f" of {length} bytes." if length is not None else "."))
    return bytes.fromhex(text[2:])


def hex_text(name: str, text: str, length: int) -> str:
    """The same as lower-case text, as it is kept."""
    return "0x" + hex_bytes(name, text, length).hex()


def address(name: str, text: str) -> str:
    """An address, lower case."""
    return hex_text(name, text, 20)


def amount(name: str, value: str) -> int:
    """Base units from a decimal string.

    Raises:
        Invalid: not digits, or more than uint256 holds.
    """
    if not _DIGITS.fullmatch(value) or int(value) >= 2**256:
        raise Invalid(f"{name} must be a whole number of base units as a decimal string.")
    return int(value)


def number(name: str, value: int | str) -> int:
    """A whole number, plain or as a decimal string."""
    return value if isinstance(value, int) and value >= 0 else amount(name, str(value))


def unit_position(text: str) -> int:
    """A unit's position in its job.

    Raises:
        Invalid: no number, or one that no job has.
    """
    if not _POSITION.fullmatch(text):
        raise Invalid("A unit's position is a number, the first is 0.")
    return int(text)


def choice(name: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    """One of a few words, or nothing.

    Raises:
        Invalid: another word.
    """
    if value is not None and value not in allowed:
        raise Invalid(f"{name} must be one of {', '.join(allowed)}.")
    return value


def limit(request: Request) -> int:
    """How many items the caller wants: 1 to 1,000, by default 100."""
    text = request.query_params.get("limit", "100")
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= MOST_ITEMS:
        raise Invalid(f"limit must be 1 to {MOST_ITEMS}.")
    return int(text)


def cursor_number(request: Request, start: int) -> int:
    """A cursor that is a number below 2^31, as the keys of lists are; `start` without one.

    Raises:
        Invalid: no number, or one that no key is: SQL's integers have 32 bits.
    """
    text = request.query_params.get("cursor")
    if text is None:
        return start
    if not _DIGITS.fullmatch(text) or int(text) >= 2**31:
        raise Invalid("cursor must be what 'next' said.")
    return int(text)


def cursor_place(request: Request) -> tuple[int, int, int]:
    """A cursor into payments: block, log, slot; before all of them without one."""
    text = request.query_params.get("cursor")
    if text is None:
        return -1, -1, -1
    match = _PLACE.fullmatch(text)
    if match is None:
        raise Invalid("cursor must be what 'next' said.")
    block, log, slot = map(int, match.groups())
    return block, log, slot


def cursor_id(request: Request) -> str:
    """A cursor that is an assignment's id; before all of them without one."""
    text = request.query_params.get("cursor")
    return "" if text is None else hex_text("cursor", text, 16)


async def body_bytes(request: Request, most: int) -> bytes:
    """The raw body. What is too large is read on for a while and thrown away: a client that is still sending would lose the
    answer with the connection."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= most:
            parts.append(part)
        elif size > most + DRAINED_BYTES:
            break
    if size > most:
        raise TooLarge(f"The body has more than {most} bytes.")
    return b"".join(parts)


def _no_constant(name: str) -> NoReturn:
    raise Invalid(f"{name} is not JSON.")
