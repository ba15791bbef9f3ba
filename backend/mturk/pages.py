"""The worker's side over HTTP: what a HIT asks, its page, and where that sends the answer."""

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from backend.api.requests import account, hex_text, unit_position
from backend.api.schema import JSON, spec
from backend.mturk.framing import answered, fields_of, framed, said, sent_fields
from backend.mturk.submit import ONLY_PREVIEW, Submissions

SUBMITTED = "Your answer was submitted (assignment {})."


class HitTask(msgspec.Struct, omit_defaults=True):
    """What a HIT asks of a worker: `url` is the page to open in a sandboxed frame. kind is external (the page is the requester's server's),
    html (it came with the HIT: `html`) or form (it asks the `questions`). The answer goes to `submit_to` + /mturk/externalSubmit, as form
    fields; in a preview assignment_id is ASSIGNMENT_ID_NOT_AVAILABLE, and nothing is taken."""

    kind: str
    assignment_id: str
    hit_id: str
    worker_id: str
    submit_to: str
    url: str
    html: str | None = None
    frame_height: int | None = None
    questions: list[str] | None = None


def router(submissions: Submissions) -> APIRouter:
    """The routes over `Submissions`."""
    routes = APIRouter(tags=["mturk"])

    @routes.get("/v1/jobs/{job}/hit", **spec(HitTask, auth="assignments"))
    def preview(request: Request, job: str) -> Response:
        """What the HIT asks that one would be given now; nothing is reserved."""
        return JSON(HitTask(**submissions.preview(hex_text("The job's id", job, 32), account(request))))

    @routes.get("/v1/jobs/{job}/units/{unit}/hit", **spec(HitTask, auth="jobs:read"))
    def unit(request: Request, job: str, unit: str) -> Response:
        """What a unit of one's own HITs asks, as its workers see it before they accept it."""
        return JSON(HitTask(**submissions.shown(hex_text("The job's id", job, 32), unit_position(unit), account(request))))

    @routes.get("/v1/assignments/{id}/hit", **spec(HitTask, auth="assignments"))
    def task(request: Request, id: str) -> Response:
        """What a HIT asks, for the worker that holds the assignment."""
        return JSON(HitTask(**submissions.task(hex_text("The assignment", id, 16), account(request))))

    @routes.get("/projects/{hit_type}/tasks", include_in_schema=False)
    def project(hit_type: str) -> Response:
        """Where scripts send workers: to the newest job of a HIT type."""
        return _found(submissions, hit_type)

    @routes.get("/mturk/preview", include_in_schema=False)
    def group(groupId: str = "") -> Response:  # noqa: N803  # the name that addresses in the world have
        """The same by the address of older scripts."""
        return _found(submissions, groupId)

    @routes.get("/mturk/a/{place}/task", include_in_schema=False)
    def page(place: str) -> Response:
        """The page of a HIT, for the sandboxed frame of whoever holds it."""
        return framed(lambda: submissions.page(place))

    @routes.get("/mturk/p/{place}/task", include_in_schema=False)
    def preview_page(place: str) -> Response:
        """The same for a preview."""
        return framed(lambda: submissions.preview_page(place))

    @routes.get("/mturk/p/{place}/mturk/externalSubmit", include_in_schema=False)
    @routes.post("/mturk/p/{place}/mturk/externalSubmit", include_in_schema=False)
    def refuse(place: str) -> Response:
        """An answer to a preview."""
        return said("Not submitted", ONLY_PREVIEW, 422)

    @routes.get("/mturk/a/{place}/mturk/externalSubmit", include_in_schema=False)
    @routes.post("/mturk/a/{place}/mturk/externalSubmit", include_in_schema=False)
    async def submit(request: Request, place: str) -> Response:
        """An answer, in the body as forms send it, or in the address as many pages do."""

        async def take() -> str:
            fields = fields_of(request.url.query) if request.method == "GET" else await sent_fields(request)
            return await submissions.submit(place, fields)

        return await answered(take(), SUBMITTED.format)

    return routes


def _found(submissions: Submissions, hit_type: str) -> Response:
    job = submissions.newest_job(hit_type)
    return RedirectResponse("/work" if job is None else f"/work/{job}", 303)
