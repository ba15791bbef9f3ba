"""How every page is made: one frame, one policy of what it may load, and the words for money and time."""

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backend.api import health, problems
from backend.api.requests import account_if_any, coordinator
from backend.api.views import MarketView
from backend.services.sessions import NoSession
from piecework.domain.errors import Forbidden, NotFound, PieceworkError
from piecework.domain.units import decimal_text

HERE = Path(__file__).parent
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
NAVIGATION = (("Work", "/work"), ("Hire", "/hire"), ("Explore", "/explore"))
"""The site's parts, in the head of every page."""
TITLES = {401: "Sign in first", 404: "There is nothing here", 503: "Not at the moment"}


ANY_FRAME = " https: http://localhost:* http://127.0.0.1:*"
"""Where the page of an ExternalQuestion may be; a browser trusts this machine's own without TLS."""


def policy(info: MarketView, frames: str = "") -> str:
    """What a page may load: its own files; wallets' icons; and on a devnet the chain, which signs for the dev wallet.

    Args:
        frames: what it may frame besides its own.
    """
    url = urlsplit(info.rpc_url)
    chain = f" {url.scheme}://{url.netloc}" if info.devnet else ""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
        f"frame-src 'self'{frames}; connect-src 'self'{chain}; base-uri 'none'; frame-ancestors 'none'"
    )


def visitor(request: Request) -> str | None:
    """The account that is signed in, None for a passer-by."""
    try:
        return account_if_any(request)
    except Forbidden:  # an API key that may do something else
        return None


def page(request: Request, template: str, twin: str, values: dict[str, Any], status: int = 200, frames: str = "") -> Response:
    """A page.

    Args:
        template: its file.
        twin: where the same is as JSON.
        values: what the template shows; `info`, `account` and the words for money and time come by themselves.
        frames: what the page may frame besides its own.
    """
    info = health.info(coordinator(request))
    html = _templates.get_template(template).render(
        {"account": visitor(request), "path": request.url.path, **values},
        twin=twin,
        info=info,
        navigation=NAVIGATION,
        money=lambda amount: grouped(decimal_text(int(amount), info.token.decimals)),
        when=lambda at: when(at, coordinator(request).clock()),
        span=span,
        text=lambda raw: json.dumps(json.loads(bytes(raw)), ensure_ascii=False, indent=2),
        query=lambda **changed: query(request, **changed),
    )
    headers = {
        "content-security-policy": policy(info, frames),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "private, no-cache",
    }
    return Response(html, status, headers, "text/html; charset=utf-8")


def readable(handler: Callable[..., Response]) -> Callable[..., Response]:
    """A page's handler whose refusals are pages, too."""

    @functools.wraps(handler)
    def answer(*arguments: Any, **named: Any) -> Response:
        request: Request = named["request"]
        try:
            return handler(*arguments, **named)
        except NoSession as error:
            return page(request, "signin.html", "/v1/session", {"detail": error.sentence}, 401)
        except PieceworkError as error:
            status = problems.of_ours(request, error).status_code
            title = TITLES.get(status, "That didn't work") if not isinstance(error, NotFound) else TITLES[404]
            return page(request, "error.html", "/index.json", {"title": title, "detail": error.sentence}, status)

    return answer


def query(request: Request, **changed: Any) -> str:
    """The query of this page with some of it changed; None leaves a parameter away."""
    values = {name: value for name, value in {**request.query_params, **changed}.items() if value not in (None, "")}
    return "?" + urlencode(values) if values else request.url.path


def grouped(amount: str) -> str:
    """A decimal amount with commas between its thousands."""
    whole, dot, rest = amount.partition(".")
    return f"{int(whole):,}{dot}{rest}"


def span(seconds: float) -> str:
    """A length of time as people say it."""
    whole = round(seconds)
    for size, name, small, short in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name}" + (f" {rest} {short}" if rest else "")
    return f"{whole} s"


def when(at: datetime, now: datetime) -> Markup:
    """An instant as people say it, the exact one on hover."""
    moment = at.astimezone(UTC)
    away = abs(moment - now)
    if away < timedelta(minutes=1):
        said = "now"
    elif away < timedelta(days=2):
        said = f"in {span(_coarse(away))}" if moment > now else f"{span(_coarse(away))} ago"
    else:
        said = moment.strftime("%-d %B %Y")
    exact = moment.strftime("%-d %B %Y, %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, said)


def _coarse(away: timedelta) -> float:
    """Without the smaller half, which nobody wants to read."""
    seconds = away.total_seconds()
    return seconds // 3600 * 3600 if seconds >= 12 * 3600 else seconds // 60 * 60
