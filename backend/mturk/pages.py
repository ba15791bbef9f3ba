"""The worker's side over HTTP: what a HIT asks, and where its page sends the answer."""

from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.requests import account, hex_text
from backend.api.schema import JSON, spec
from backend.mturk.submit import Submissions
from piecework.domain.errors import Invalid, PieceworkError

MOST_BYTES = 1 << 20
MOST_FIELDS = 2_000
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>%s</title><p>%s</p></html>"""
HEADERS = {"content-security-policy": "default-src 'none'; sandbox allow-scripts", "x-content-type-options": "nosniff"}


class HitTask(msgspec.Struct, omit_defaults=True):
    """What a HIT asks of a worker: kind is external (open `url` in a frame), html (show `html` in a sandboxed frame) or form (ask the
    `questions`). The answer goes to `submit_to` + /mturk/externalSubmit, as form fields."""

    kind: str
    assignment_id: str
    hit_id: str
    worker_id: str
    submit_to: str
    url: str | None = None
    html: str | None = None
    frame_height: int | None = None
    questions: list[str] | None = None


def router(submissions: Submissions) -> APIRouter:
    """The routes over `Submissions`."""
    routes = APIRouter(tags=["mturk"])

    @routes.get("/v1/assignments/{id}/hit", **spec(HitTask, auth="assignments"))
    def task(request: Request, id: str) -> Response:
        """What a HIT asks, for the worker that holds the assignment."""
        found = submissions.task(hex_text("The assignment", id, 16), account(request))
        return JSON(HitTask(**found))

    @routes.post("/mturk/a/{place}/mturk/externalSubmit", include_in_schema=False)
    async def post(request: Request, place: str) -> Response:
        """An answer in the body, as forms send it."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=MOST_BYTES) as form:
                return await _take(place, [(name, value) for name, value in form.multi_items() if isinstance(value, str)])
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return _page("Too large", f"An answer has at most {MOST_BYTES} bytes.", 413)
        return await _take(place, _fields(body.decode("utf-8", "replace")))

    @routes.get("/mturk/a/{place}/mturk/externalSubmit", include_in_schema=False)
    async def get(request: Request, place: str) -> Response:
        """An answer in the address, as many pages send it."""
        return await _take(place, _fields(request.url.query))

    async def _take(place: str, fields: list[tuple[str, str]]) -> Response:
        try:
            id = await submissions.submit(place, fields)
        except PieceworkError as error:
            return _page("Not submitted", error.sentence, 403 if "address" in error.sentence else 422)
        return _page("Submitted", f"Your answer was submitted (assignment {id}). You can close this page.", 200)

    return routes


def _fields(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Invalid(f"An answer has at most {MOST_FIELDS} fields.") from None


def _page(title: str, sentence: str, status: int) -> Response:
    escaped = sentence.replace("&", "&amp;").replace("<", "&lt;")
    return Response(PAGE % (title, escaped), status, HEADERS, "text/html; charset=utf-8")


