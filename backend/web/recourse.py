"""What a worker may do on the chain for its own answers, as calls for its wallet: to open a receipt, and to appeal a contest."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from backend.api.requests import account, coordinator, hex_text
from backend.api.schema import JSON
from backend.services.coordinator import Coordinator
from backend.services.postings import terms_of
from backend.store import disputes, mirror
from backend.store.slots import RECEIPTED
from indexer.tables import SlotStep
from piecework.chain.escrow_recourse import OpenedBatch, encode_appeal, encode_open
from piecework.domain.errors import Conflict, NotFound
from piecework.domain.terms import receipt_batch
from piecework.domain.units import decimal_text

DISPUTED = ("opened", "contested", "appealed")

router = APIRouter(include_in_schema=False)
_OPENING = (
    select(SlotStep.opening)
    .where(
        *mirror.own(SlotStep),
        col(SlotStep.job) == bindparam("job"),
        col(SlotStep.slot) == bindparam("slot"),
        col(SlotStep.worker) == bindparam("worker"),
    )
    .order_by(col(SlotStep.block_number).desc(), col(SlotStep.log_index).desc())
    .limit(1)
)


@router.get("/recourse/open/{id}.json")
def opening(request: Request, id: str) -> Response:
    """The call that opens the receipt of one's answer: it is paid after the review window, unless it is contested."""
    services = coordinator(request)
    row = _mine(request, id)
    if row.shown_state not in RECEIPTED or row.receipt is None:
        raise Conflict(f"Only a receipt for a slot that is still free can be opened; this answer is {row.shown_state}.")
    job = services.postings.row(row.job)
    batch = receipt_batch(bytes.fromhex(row.job[2:]), row.slot, row.worker, bytes.fromhex(row.commitment[2:]))
    signed = OpenedBatch(batch, bytes.fromhex(row.receipt[2:]), place=1)
    return _call(services, encode_open(terms_of(job), [signed]))


@router.get("/recourse/appeal/{id}.json")
def appeal(request: Request, id: str) -> Response:
    """The call that appeals what was contested of one's answers in an opening, at the stake of the terms."""
    services = coordinator(request)
    row = _mine(request, id)
    with services.store.read() as connection:
        found, head = _standing(connection, row), mirror.head(connection)
        if found is None or head is None or row.slot not in found.unanswered:
            raise Conflict(f"Only what is contested can be appealed; this answer is {row.shown_state}.")
        now, terms = int(head.timestamp_at.timestamp()), found.terms
        if now < found.contest_until:
            raise Conflict(f"The requester may still contest or give in; you can appeal from {_said(found.contest_until)} on.")
        if now >= found.appeal_until:
            raise Conflict(f"The time to appeal was over at {_said(found.appeal_until)}.")
        held = mirror.balance(connection, row.worker, terms.token)
    if held < terms.appeal_stake:
        need, has = (decimal_text(amount, services.deployment.token_decimals) for amount in (terms.appeal_stake, held))
        raise Conflict(f"An appeal stakes {need} from your balance here, and that is {has}. Others may stake for you: see piecework claim.")
    place = found.handed.places[row.slot - found.handed.first_slot]
    return _call(services, encode_appeal(terms, [found.handed], [place]))


def dispute(services: Coordinator, connection: Connection, row: Row[Any], worker: str) -> dict[str, Any] | None:
    """Where an answer stands that is on the chain but not paid: until when who may act, and what the requester says, as far as it
    said it here."""
    found = _standing(connection, row) if row.shown_state in DISPUTED else None
    if found is None:
        return None
    contest = found.contested.get(row.slot)
    return {
        "opening": found.id,
        "contest_until": datetime.fromtimestamp(found.contest_until, UTC),
        "appeal_until": datetime.fromtimestamp(found.appeal_until, UTC),
        "reason": None if contest is None else contest.reason,
        "said": None if contest is None else _evidence(services, worker, contest.reason),
    }


def _mine(request: Request, id: str) -> Row[Any]:
    worker = account(request)
    row = coordinator(request).assignments.view(hex_text("The assignment's id", id, 16), worker)
    if row.worker != worker:
        raise NotFound("There is no such assignment of yours.")
    return row


def _standing(connection: Connection, row: Row[Any]) -> disputes.Standing | None:
    values = {"job": row.job, "slot": row.slot, "worker": row.worker}
    opening = connection.execute(_OPENING, values).scalar()
    return None if opening is None else disputes.standing(connection, opening)


def _evidence(services: Coordinator, worker: str, reason: str) -> str | None:
    try:
        return str(services.evidence.one(worker, reason)["text"])
    except NotFound:  # it is kept elsewhere, or nowhere
        return None


def _said(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %B %Y, %H:%M UTC")


def _call(services: Coordinator, data: str) -> Response:
    return JSON({"to": services.deployment.escrow, "data": data, "value": "0"})
