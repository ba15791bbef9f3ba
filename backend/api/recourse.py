"""Disputes: an opening or an appeal with who may do what until when, and the transaction that does it, prepared and unsigned."""

import re
from asyncio import to_thread
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.bodies import Body
from backend.api.funding import TransactionView
from backend.api.funding import transaction_view as sent
from backend.api.requests import account, account_if_any, coordinator, hex_bytes, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.api.views import AssignmentView
from backend.services.coordinator import Coordinator
from backend.services.recourse import APPEAL_STEPS, STEPS, Step
from backend.store.disputes import AppealStanding, Standing
from piecework.domain.errors import Invalid, NotFound

router = APIRouter(prefix="/v1", tags=["recourse"])
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)


class StepView(msgspec.Struct):
    """What the asking account may do now: until when in Unix seconds (null: no hurry), on which slots, and what it takes: base units of
    the ledger for each slot contested or for the appeal, wei along with the transaction."""

    name: str
    until: int | None
    slots: list[int]
    ledger: str
    value: str


class OpenedSlotView(msgspec.Struct):
    """A slot of an opening: opened, contested, appealed, conceded, reclaimed or paid. `reason` is the hash of the contest's evidence."""

    slot: int
    worker: str
    state: str
    reason: str | None
    appeal: str | None


class OpeningView(msgspec.Struct):
    """An opening. Slots may be contested until `contest_until`; what was contested may be appealed from then until `appeal_until`."""

    id: str
    job: str
    opened_at: int
    contest_until: int
    appeal_until: int
    finalized: bool
    slots: list[OpenedSlotView]
    steps: list[StepView]


class AppealView(msgspec.Struct):
    """An appeal: pending, defended, ruled or done; `until` is when its present phase ends for the worker, null where no clock runs."""

    id: str
    job: str
    worker: str
    sponsor: str
    slots: int
    phase: str
    until: int | None
    openings: list[str]
    steps: list[StepView]


class NewStep(Body):
    """For a contest: which slots (none named: all that can be) and the hash of the evidence (`/v1/evidence`), which workers are shown."""

    slots: list[int] = []
    reason: str = "0x" + "00" * 32


class NewAppealStep(Body):
    """For a defence: what the dispute is about, as the arbitrator wants it."""

    meta_evidence: str = ""


@router.get("/jobs/{job}/openings", **spec(list[OpeningView], auth="jobs:read", open_to_all=True, query=("cursor", "limit")))
def openings(request: Request, job: str) -> Response:
    """A job's openings, oldest first."""
    services, most = coordinator(request), limit(request)
    found = services.postings.find(hex_text("The job's id", job, 32))
    text = request.query_params.get("cursor", "0-0")
    place = _CURSOR.fullmatch(text)
    if place is None:
        raise Invalid("cursor must be what 'next' said.")
    rows = services.recourse.openings(found.id, (int(place[1]), int(place[2])), most + 1)
    asker = account_if_any(request)

    def view(row: Row[Any]) -> OpeningView:
        return _opening(services, services.recourse.opening(row.opening), asker)

    return JSON(views.page(rows, most, view, lambda row: f"{row.block_number}-{row.log_index}"))


@router.get("/openings/{opening}", **spec(OpeningView, auth="jobs:read", open_to_all=True))
def opening(request: Request, opening: str) -> Response:
    """An opening, and what the asking account may do with it now."""
    services, asker = coordinator(request), account_if_any(request)
    return JSON(_opening(services, services.recourse.opening(hex_text("The opening's id", opening, 32)), asker))


@router.post("/openings/{opening}/{step}", **spec(TransactionView, reads=NewStep, auth=True))
async def prepare(request: Request, opening: str, step: str) -> Response:
    """Prepares contest, concede, appeal, finalize or reclaim for the account's wallet."""
    own, body, recourse = account(request), await read(request, NewStep), coordinator(request).recourse
    if step not in STEPS:
        raise NotFound(f"An opening has the steps {', '.join(STEPS)}.")
    reason = hex_bytes("reason", body.reason, 32)
    found = await to_thread(recourse.opening, hex_text("The opening's id", opening, 32))
    return JSON(sent(await to_thread(recourse.prepare, found, own, step, body.slots, reason)))


@router.get("/appeals/{appeal}", **spec(AppealView, auth="jobs:read", open_to_all=True))
def appeal(request: Request, appeal: str) -> Response:
    """An appeal, and what the asking account may do with it now."""
    services, asker = coordinator(request), account_if_any(request)
    found = services.recourse.appeal(hex_text("The appeal's id", appeal, 32))
    steps = [] if asker is None else [_step(step) for step in services.recourse.appeal_steps(found, asker)]
    return JSON(_appeal(found, steps))


@router.get("/appeals/{appeal}/answers", **spec(list[AssignmentView], auth=True))
def appealed(request: Request, appeal: str) -> Response:
    """The answers that an appeal is about, for the two sides, and until it is over for who rules on it."""
    own, services = account(request), coordinator(request)
    found = services.recourse.appeal(hex_text("The appeal's id", appeal, 32))
    items = [views.assignment(services, row) for row in services.assignments.appealed(found, own)]
    return JSON({"items": items, "next": None})


@router.post("/appeals/{appeal}/{step}", **spec(TransactionView, reads=NewAppealStep, auth=True))
async def prepare_appeal(request: Request, appeal: str, step: str) -> Response:
    """Prepares defend (with the arbitrator's price) or conclude for the account's wallet."""
    own, body, recourse = account(request), await read(request, NewAppealStep), coordinator(request).recourse
    if step not in APPEAL_STEPS:
        raise NotFound(f"An appeal has the steps {', '.join(APPEAL_STEPS)}.")
    found = await to_thread(recourse.appeal, hex_text("The appeal's id", appeal, 32))
    return JSON(sent(await to_thread(recourse.prepare_appeal, found, own, step, body.meta_evidence)))


def _opening(services: Coordinator, found: Standing, asker: str | None) -> OpeningView:
    reasons = {slot: row.reason for slot, row in found.contested.items()}
    slots = []
    for slot, worker in sorted(found.slots.items()):
        how, which = found.answers.get(slot, ("contested" if slot in reasons else "paid" if found.finalized else "opened", ""))
        slots.append(OpenedSlotView(slot, worker, how, reasons.get(slot), which if how == "appealed" else None))
    steps = [] if asker is None else [_step(step) for step in services.recourse.steps(found, asker)]
    opened_at, until = int(found.row.opened_at), (found.contest_until, found.appeal_until)
    return OpeningView(found.id, found.row.job, opened_at, *until, found.finalized, slots, steps)


def _appeal(found: AppealStanding, steps: list[StepView]) -> AppealView:
    row = found.row
    parts = [part.opening for part in found.parts]
    return AppealView(row.appeal, row.job, row.worker, row.sponsor, row.slots, found.phase, found.until, parts, steps)


def _step(step: Step) -> StepView:
    return StepView(step.name, step.until, list(step.slots), str(step.ledger), str(step.value))
