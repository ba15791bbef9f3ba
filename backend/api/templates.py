"""Task templates: what a unit brings and what an answer looks like."""

from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.schema import JSON, spec
from backend.api.views import TemplateView
from piecework.domain.templates import TEMPLATES

router = APIRouter(prefix="/v1/templates", tags=["jobs"])


@router.get("", **spec(list[TemplateView]))
async def templates(request: Request) -> Response:
    """Every template; they fit one page."""
    return JSON({"items": [views.template(found) for found in TEMPLATES.values()], "next": None})
