"""A qualification as a worker meets it: what it is, how one stands to it, and its test or a request for it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.api import qualification_views
from backend.api.requests import coordinator, hex_text
from backend.api.schema import JSON
from backend.web.page import page, readable, visitor

router = APIRouter(include_in_schema=False)


@router.get("/qualifications/{id}.json")
def qualification_json(request: Request, id: str) -> Response:
    """A qualification, and how the visitor stands to it."""
    return JSON(_qualification(request, id))


@router.get("/qualifications/{id}")
@readable
def qualification(request: Request, id: str) -> Response:
    """The same as a page, where one takes its test or asks for it."""
    values = _qualification(request, id)
    return page(request, "qualification.html", f"/qualifications/{values['kind'].id}.json", values)


def _qualification(request: Request, id: str) -> dict[str, Any]:
    services, who = coordinator(request), visitor(request)
    row = services.qualifications.one(hex_text("The qualification's id", id, 16))
    return {
        "kind": qualification_views.qualification(row),
        "test_seconds": None if row.test is None else row.test_seconds,
        "standing": None if who is None else services.qualifications.standing(row.id, who),
    }
