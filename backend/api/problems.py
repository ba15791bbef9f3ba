"""The one place where errors become HTTP: RFC 9457 problem details with one sentence."""

import logging
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from backend.api.limits import TooOften
from backend.services.job_drafts import Changed
from backend.services.messages import TooMany
from backend.services.sessions import NoSession
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound, PieceworkError, Unavailable

log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[PieceworkError], int], ...] = (
    (NoSession, 401),
    (Invalid, 422),
    (NotFound, 404),
    (Forbidden, 403),
    (TooMany, 429),
    (Changed, 412),
    (TooOften, 429),
    (Conflict, 409),
    (Unavailable, 503),
)
"""First match wins, so a subclass stands before its base."""

SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address doesn't take that method.",
}


class Problem(msgspec.Struct):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str


class TooLarge(Invalid):
    """The body is larger than the route takes."""


def problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    body = msgspec.json.encode(Problem("about:blank", HTTPStatus(status).phrase, status, _writable(sentence)))
    return Response(body, status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Registers the handlers."""
    app.add_exception_handler(PieceworkError, _ours)
    app.add_exception_handler(HTTPException, _of_starlette)
    app.add_exception_handler(RecursionError, _deep)
    app.add_exception_handler(DBAPIError, _of_the_database)
    app.add_exception_handler(Exception, _nobodys)


def of_ours(request: Request, error: Exception) -> Response:
    """One of Piecework's own errors as a response."""
    assert isinstance(error, PieceworkError)
    if isinstance(error, TooLarge):
        return problem(413, error.sentence, {"connection": "close"})
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    if isinstance(error, TooOften):
        return problem(429, error.sentence, {"retry-after": str(max(1, round(error.wait + 0.5)))})
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status)
    return problem(status, error.sentence, headers)


async def _ours(request: Request, error: Exception) -> Response:
    return of_ours(request, error)


async def _deep(request: Request, error: Exception) -> Response:
    return too_deep(request, error)


async def _of_starlette(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, SENTENCES.get(error.status_code, str(error.detail)), dict(error.headers or {}))


def too_deep(request: Request, error: Exception) -> Response:
    """JSON so deep that reading or writing it gave up."""
    return problem(422, "The body is nested too deeply.")


async def _of_the_database(request: Request, error: Exception) -> Response:
    return of_the_database(error)


def of_the_database(error: Exception) -> Response:
    """A database that doesn't answer."""
    log.error("the database refused a read: %s", error)
    return problem(503, "The database doesn't answer at the moment; try again.", {"retry-after": "1"})


async def _nobodys(request: Request, error: Exception) -> Response:
    return of_nobody(request, error)


def of_nobody(request: Request, error: Exception) -> Response:
    """A fault of ours; whoever catches it logs it with its trace."""
    return problem(500, "Something went wrong here; it is in the log.")


def _writable(sentence: str) -> str:
    """A sentence may quote what was handed in, and that may not be UTF-8."""
    return sentence.encode("utf-8", "replace").decode()
