"""Describing a new job in five steps on one page. What is entered stays in the browser until the job is described."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import health, views
from backend.api.bodies import Body
from backend.api.requests import account, coordinator, read
from backend.api.schema import JSON
from backend.api.views import TemplateView
from backend.services.cell import DRAFTS
from backend.services.policies import AI_POLICIES
from backend.services.task_pages import served_page
from backend.web.hire.shell import show
from backend.web.page import readable
from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES, Template

router = APIRouter(prefix="/hire")
FIRST = ("image-classifier", "classifier", "label", "bounding-box", "entity-annotation", "text", "transcription", "pairwise", "survey", "html")
"""The templates that people want most, in this order; the others follow."""


NEEDED = ("name", "title", "least_labels", "most_labels", "options", "labels_example", "options_example", "unit_example")


class Preview(Body):
    """One unit's content, and what of the job shapes its page."""

    template: str
    content: Any
    labels: list[str] = []
    options: dict[str, Any] = {}
    instructions: str = ""
    html: str | None = None


@router.get("/new.json")
def new_json(request: Request) -> Response:
    """What a job may be made of, as JSON."""
    return JSON(_new(request))


@router.get("/new")
@readable
def new(request: Request) -> Response:
    """The form."""
    account(request)
    shown = _new(request)
    return show(request, "new.html", "/hire/new.json", shown | {"policies": AI_POLICIES, "kinds": _plain(shown["templates"])})


@router.post("/new/preview")
async def preview(request: Request) -> Response:
    """One unit's task page as text, for the frame that shows it."""
    account(request)
    body = await read(request, Preview)
    try:
        given = (body.template, body.content, body.labels, body.options, body.instructions)
        html = (await served_page(DRAFTS, *given, page=body.html)).encode()
    except UnicodeEncodeError:
        raise Invalid("The unit or the page holds half a character (a lone surrogate).") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise Invalid(f"The unit lacks what the template shows: {error}.") from None
    return Response(html, headers={"x-content-type-options": "nosniff"}, media_type="text/plain; charset=utf-8")


def _new(request: Request) -> dict[str, Any]:
    services = coordinator(request)
    kinds = sorted(TEMPLATES.values(), key=lambda kind: FIRST.index(kind.name) if kind.name in FIRST else len(FIRST))
    return {
        "council": services.deployment.council,
        "fee_bps": health.info(services).fee_bps,
        "templates": [views.template(kind) for kind in kinds],
        "fields": {kind.name: _fields(kind) for kind in kinds},
    }


def _plain(templates: list[TemplateView]) -> Any:
    return msgspec.to_builtins([{name: getattr(one, name) for name in NEEDED} for one in templates])


def _fields(kind: Template) -> dict[str, list[str]]:
    """What a unit of the template brings: what it must have, one of several, and what it may. Nothing at all: any row will do."""
    schema = kind.unit
    either = [list(one.get("required", ())) for one in schema.get("anyOf", ())]
    named = [*schema.get("properties", {}), *(name for one in schema.get("anyOf", ()) for name in one.get("properties", {}))]
    required = list(schema.get("required", ()))
    choice = [name for names in either for name in names]
    more = [name for name in dict.fromkeys(named) if name not in (*required, *choice)]
    return {"required": required, "either": choice, "may": more}
