"""The pages that everybody can see, each with a JSON twin: the newest jobs, and one job slot by slot."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import coordinator, cursor_number, cursor_place, hex_text
from backend.api.schema import JSON
from backend.services.coordinator import Coordinator
from backend.store import showcase
from backend.web.explorer import last_payment
from backend.web.grid import MOST_SQUARES, grid_svg, slots_a_square
from backend.web.page import HERE, page, readable
from piecework.domain.errors import Invalid, NotFound

JOBS_A_PAGE = 20
PAYMENTS_A_PAGE = 50
NEWEST = 2**31 - 1
LANDING_SQUARES = 1080

router = APIRouter(include_in_schema=False)
router.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


@router.get("/")
@readable
def landing(request: Request) -> Response:
    """The newest jobs, the first of them slot by slot."""
    services, values = coordinator(request), _landing(request)
    row = values.pop("row")
    if row is not None:
        values |= _grid(services, row, f"{values['newest'].title}: its slots", LANDING_SQUARES)
    values["last"] = last_payment(services)
    return page(request, "landing.html", "/index.json", values)


@router.get("/index.json")
def landing_json(request: Request) -> Response:
    """The same as JSON."""
    values = _landing(request)
    return JSON({"jobs": values["jobs"], "next": values["next"]})


@router.get("/jobs/{job}.json")
def job_json(request: Request, job: str) -> Response:
    """A job, each slot's state, and its payments, as JSON."""
    services = coordinator(request)
    values = _job(request, services, job)
    states, paid = _states(services, values["row"])
    payments, cursor = values["payments"], values["next"]
    return JSON({"job": values["job"], "slots": states, "paid": str(paid), "payments": payments, "next": cursor})


@router.get("/jobs/{job}")
@readable
def job(request: Request, job: str) -> Response:
    """A job slot by slot, what it paid, and its terms."""
    services = coordinator(request)
    try:
        values = _job(request, services, job)
    except (NotFound, Invalid) as error:
        return page(request, "error.html", "/index.json", {"title": "No such job", "detail": error.sentence}, 404)
    row = values.pop("row")
    values |= _grid(services, row, f"{values['job'].title}: its slots")
    values["closes_at"] = datetime.fromtimestamp(row.closes_at, UTC)
    return page(request, "job.html", f"/jobs/{row.job}.json", values)


def _landing(request: Request) -> dict[str, Any]:
    services = coordinator(request)
    with services.store.read() as connection:
        found = showcase.newest(connection, cursor_number(request, NEWEST), JOBS_A_PAGE + 1)
    rows, following = views.cut(found, JOBS_A_PAGE, lambda row: row.number)
    jobs = [views.job(services, row) for row in rows]
    return {
        "jobs": jobs,
        "newest": jobs[0] if jobs else None,
        "row": rows[0] if rows else None,
        "next": following,
    }


def _job(request: Request, services: Coordinator, job: str) -> dict[str, Any]:
    row = services.postings.row(hex_text("The job's id", job, 32))
    rows = services.payments.page(None, row.job, cursor_place(request), PAYMENTS_A_PAGE + 1)
    payments = views.payments(rows, PAYMENTS_A_PAGE)
    return {"row": row, "job": views.job(services, row), "payments": payments["items"], "next": payments["next"]}


def _grid(services: Coordinator, row: Row[Any], label: str, most_squares: int = MOST_SQUARES) -> dict[str, Any]:
    states, paid = _states(services, row)
    return {
        "grid": grid_svg(states, label, most_squares=most_squares),
        "a_square": slots_a_square(len(states), most_squares),
        "paid": paid,
    }


def _states(services: Coordinator, row: Row[Any]) -> tuple[list[str], int]:
    with services.store.read() as connection:
        return showcase.slot_states(connection, row.number, row.job, row.slots, row.state == "closed")
