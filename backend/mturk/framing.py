"""What comes from a sandboxed frame over HTTP, and what is shown in it."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response

from backend.mturk.frames import FRAME_HEADERS, SAID_HEADERS, Faulty, said_page
from piecework.domain.errors import Forbidden, Invalid, PieceworkError

MOST_BYTES = 1 << 20
MOST_FIELDS = 2_000


class TooLarge(Invalid):
    """More was sent than an answer may have."""


async def sent_fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form that was sent, in their order; files are none.

    Raises:
        Invalid: too many, or too long.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=MOST_BYTES) as form:
            return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise TooLarge(f"An answer has at most {MOST_BYTES} bytes.")
    return fields_of(body.decode("utf-8", "replace"))


def fields_of(text: str) -> list[tuple[str, str]]:
    """Fields as an address or a form has them.

    Raises:
        Invalid: too many.
    """
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Invalid(f"An answer has at most {MOST_FIELDS} fields.") from None


async def answered(taking: Awaitable[Any], words: Callable[[Any], str]) -> Response:
    """What a worker reads after its answer.

    Args:
        taking: takes the answer.
        words: what is said of what it returns.
    """
    try:
        return said("Submitted", words(await taking), 200)
    except Faulty as error:
        return _shown(error.page, 422)
    except PieceworkError as error:
        return said("Not submitted", error.sentence, 413 if isinstance(error, TooLarge) else _status(error, 422))


def framed(make: Callable[[], str]) -> Response:
    """A page for a frame."""
    try:
        return _shown(make(), 200)
    except PieceworkError as error:
        return said("Not here", error.sentence, _status(error, 404))


def said(title: str, sentence: str, status: int) -> Response:
    """A sentence of ours in a frame."""
    return Response(said_page(title, sentence), status, SAID_HEADERS, "text/html; charset=utf-8")


def _shown(page: str, status: int) -> Response:
    return Response(page, status, FRAME_HEADERS, "text/html; charset=utf-8")


def _status(error: PieceworkError, otherwise: int) -> int:
    return 403 if isinstance(error, Forbidden) else otherwise
