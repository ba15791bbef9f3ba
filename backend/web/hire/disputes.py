"""What waits for a requester on the chain: rejected answers that their workers opened there, and appeals against its contests."""

from asyncio import to_thread
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api.requests import hex_text
from backend.api.schema import JSON
from backend.services.contester import reason_of
from backend.store import contests, mirror
from backend.web.hire.shell import Desk, desk
from piecework.domain.errors import Conflict
from piecework.domain.units import NATIVE, decimal_text

router = APIRouter(prefix="/hire")
SHOWN = 20
"""Of each kind; the others come up once these are dealt with."""


@router.get("/jobs/{job}/disputes.json")
def disputes_json(request: Request, job: str) -> Response:
    """What waits for the requester."""
    return JSON({"items": waiting(desk(request, job))})


@router.post("/jobs/{job}/openings/{opening}/contest.json")
async def contest(request: Request, job: str, opening: str) -> Response:
    """The transactions that contest what of an opening was rejected: one for each reason, which its workers can read under its hash."""
    at = await to_thread(desk, request, job)
    id = hex_text("The opening's id", opening, 32)
    by_reason = await to_thread(_by_reason, at, id)
    sent = []
    for reason, slots in by_reason.items():
        said = await at.services.evidence.submit(at.own, "opening", id, reason, ())
        prepared = (at.services.recourse.prepare, at.services.recourse.opening(id), at.own, "contest", slots, bytes.fromhex(said[2:]))
        sent.append(await to_thread(*prepared))
    return JSON({"transactions": sent})


def waiting(at: Desk) -> list[dict[str, Any]]:
    """Openings that may be contested and appeals that may be defended, with until when; base units at stake for each."""
    terms = at.view.terms
    if terms.arbitrator == NATIVE:
        return []
    now, found = at.services.recourse.now(), list[dict[str, Any]]()
    with at.services.store.read() as connection:
        for row in contests.live(connection, at.job.id, now - terms.review_window, SHOWN):
            slots = len(contests.rejected(connection, at.job.number, row.opening))
            if slots and not contests.is_final(connection, row.opening):
                stake = str(slots * int(terms.contest_deposit))
                found.append(_item("contest", row.opening, slots, row.opened_at + terms.review_window, stake))
        for row in contests.appealed(connection, at.job.id, now - terms.appeal_window, SHOWN):
            stake = str(row.slots * (int(terms.reward) + int(terms.contest_deposit)))
            found.append(_item("defend", row.appeal, row.slots, row.appealed_at + terms.appeal_window, stake))
    return found


def _item(kind: str, id: str, slots: int, until: int, stake: str) -> dict[str, Any]:
    return {"kind": kind, "id": id, "slots": slots, "until": datetime.fromtimestamp(until, UTC), "stake": stake}


def _by_reason(at: Desk, opening: str) -> dict[str, list[int]]:
    """The rejected slots of an opening by what their workers were told.

    Raises:
        Conflict: nothing of it can be contested, or the balance doesn't hold the deposit.
    """
    with at.services.store.read() as connection:
        rows: Sequence[Row[Any]] = contests.rejected(connection, at.job.number, opening)
        held = mirror.balance(connection, at.own, at.job.token)
    if not rows:
        raise Conflict("Nothing that you rejected waits in this opening.")
    needed = len(rows) * int(at.view.terms.contest_deposit)
    if held < needed:
        need, has = (decimal_text(amount, at.services.deployment.token_decimals) for amount in (needed, held))
        raise Conflict(f"A contest locks {need} from your balance here, and that holds {has}. Top it up on the page Money first.")
    by_reason: dict[str, list[int]] = {}
    for row in rows:
        by_reason.setdefault(reason_of(row), []).append(row.slot)
    return by_reason
