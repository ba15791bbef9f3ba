"""What all of a requester's pages share: whose job it is, and the words that the pages use."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import account, coordinator, hex_text
from backend.api.views import JobView
from backend.services.coordinator import Coordinator
from backend.services.postings import Job
from backend.store.records import JobMoney, Records
from backend.web import page as pages


@dataclass(frozen=True)
class Desk:
    """A requester at one of its jobs."""

    services: Coordinator
    own: str
    row: Row[Any]
    job: Job
    view: JobView

    @property
    def template(self) -> str:
        """The job's."""
        return self.view.template

    @property
    def money(self) -> JobMoney | None:
        """The job's money on the chain; None before it is funded."""
        with self.services.store.read() as connection:
            d = self.services.deployment
            return Records(connection, d.chain_id, d.escrow).job(self.job.id)


def desk(request: Request, job: str) -> Desk:
    """The job of the requester that asks.

    Raises:
        NoSession, NotFound, Forbidden, Invalid: nobody is signed in, or it isn't its job, or none.
    """
    own, services = account(request), coordinator(request)
    found = services.postings.owned(hex_text("The job's id", job, 32), own)
    row = services.postings.row(found.id)
    return Desk(services, own, row, found, views.job(services, row))


def show(request: Request, template: str, twin: str, values: dict[str, Any], frames: str = "") -> Response:
    """A requester's page; `frames` as `page` has it."""
    return pages.page(request, f"hire/{template}", twin, values | {"percent": percent}, frames=frames)


def percent(share: float) -> str:
    """A share between 0 and 1 as people write it; what isn't everything never says so."""
    return "100 %" if share >= 1 else f"{min(99.9, 100 * share):.1f} %" if share > 0.99 else f"{100 * share:.0f} %"
