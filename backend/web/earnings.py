"""What a worker earned and what became of its answers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Row

from backend.api import views
from backend.api.requests import account, choice, coordinator, cursor_place, hex_text
from backend.api.schema import JSON
from backend.services.assignments import STATES
from backend.services.coordinator import Coordinator
from backend.store import earnings
from backend.web.page import page, readable
from backend.web.recourse import dispute
from piecework.domain.errors import NotFound

PAYMENTS_A_PAGE, WITHDRAWALS, ANSWERS_A_PAGE = 50, 20, 50
DAYS, PAYMENTS_OF_DAYS = 14, 1_000
AFTER_ALL = "0x" + "ff" * 16
HELD_AT_ONCE = 1_000

router = APIRouter(include_in_schema=False)


@router.get("/earnings")
@readable
def earned(request: Request) -> Response:
    """What can be withdrawn, what waits, and every payment with its transaction."""
    return page(request, "earnings.html", "/earnings.json", _earnings(request))


@router.get("/earnings.json")
def earned_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_earnings(request))


@router.get("/holdings.jsonl")
def file(request: Request) -> Response:
    """The worker's file: all that it needs to be paid without this service, a document a line."""
    worker, services = account(request), coordinator(request)

    def lines() -> Iterator[bytes]:
        cursor, more = None, True
        while more:
            document = services.files.page(worker, cursor, HELD_AT_ONCE)
            yield msgspec.json.encode(document) + b"\n"
            cursor, more = document["cursor"], document["more"]

    headers = {"content-disposition": f'attachment; filename="piecework-{worker[:10]}.jsonl"', "cache-control": "private, no-store"}
    return StreamingResponse(lines(), headers=headers, media_type="application/jsonl")


@router.get("/history")
@readable
def history(request: Request) -> Response:
    """One's answers, newest first, and what became of each."""
    values = _history(request)
    twin = "/history.json" + (f"?{request.url.query}" if request.url.query else "")
    return page(request, "history.html", twin, values | {"states": STATES, "state": request.query_params.get("state") or None})


@router.get("/history.json")
def history_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_history(request))


def _earnings(request: Request) -> dict[str, Any]:
    services, worker = coordinator(request), account(request)
    token = services.deployment.token
    before = cursor_place(request) if "cursor" in request.query_params else earnings.END
    with services.store.read() as connection:
        found = earnings.payments(connection, worker, token, before, PAYMENTS_A_PAGE + 1)
        recent = earnings.payments(connection, worker, token, earnings.END, PAYMENTS_OF_DAYS)
        waiting, more_waiting = earnings.waiting(connection, worker, token)
        left = earnings.withdrawals(connection, worker, WITHDRAWALS)
    known = services.payments.account(worker)
    rows, following = views.cut(found, PAYMENTS_A_PAGE, _cursor)
    balance = next(entry for entry in known["balances"] if entry["token"] == token)
    names = titles(services, {row.job for row in rows})
    return {
        "balance": balance["balance"],
        "earned": known["earned"],
        "slots_paid": known["slots_paid"],
        "payout": services.sessions.payout(worker),
        "waiting": {state: {"answers": count, "amount": str(amount)} for state, (count, amount) in waiting.items()},
        "more_waiting": more_waiting,
        "days": _days(request, recent),
        "payments": [_payment(row, names) for row in rows],
        "next": following,
        "withdrawals": [_withdrawal(row) for row in left if row.token == token],
    }


def _days(request: Request, rows: Any) -> list[dict[str, str]]:
    """What came on each of the last days, the newest payments counted."""
    today = coordinator(request).clock().date()
    sums = {today - timedelta(days=ago): 0 for ago in reversed(range(DAYS))}
    for row in rows:
        day = row.timestamp_at.date()
        if day in sums:
            sums[day] += row.amount
    return [{"day": day.isoformat(), "amount": str(amount)} for day, amount in sums.items()]


def _payment(row: Row[Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        "job": row.job,
        "title": names.get(row.job),
        "slots": row.slots,
        "amount": str(row.amount),
        "outcome": row.outcome,
        "transaction_hash": row.transaction_hash,
        "paid_at": row.timestamp_at,
    }


def _withdrawal(row: Row[Any]) -> dict[str, Any]:
    return {
        "amount": str(row.amount),
        "receiver": row.receiver,
        "relay_fee": str(row.relay_fee),
        "transaction_hash": row.transaction_hash,
        "withdrawn_at": row.timestamp_at,
    }


def _cursor(row: Row[Any]) -> str:
    return f"{row.block_number}-{row.log_index}-{row.place}"


def titles(services: Coordinator, jobs: set[str]) -> dict[str, str]:
    """What the jobs are called; one of another coordinator's has no title here."""
    found = {}
    for job in jobs:
        try:
            found[job] = services.postings.manifest(services.postings.row(job))["title"]
        except NotFound:
            continue
    return found


def _history(request: Request) -> dict[str, Any]:
    services, worker, query = coordinator(request), account(request), request.query_params
    state = choice("state", query.get("state") or None, STATES)
    before = hex_text("cursor", query["cursor"], 16) if "cursor" in query else AFTER_ALL
    with services.store.read() as connection:
        found = earnings.history(connection, worker, state, before, ANSWERS_A_PAGE + 1)
        rows, following = views.cut(found, ANSWERS_A_PAGE, lambda row: row.id)
        quarrels = {row.id: dispute(services, connection, row, worker) for row in rows}
    names = titles(services, {row.job for row in rows})
    items = [
        {
            "title": names.get(row.job),
            "reward": str(row.reward),
            "revealed_at": row.revealed_at,
            "assignment": views.assignment(services, row),
            "dispute": quarrels[row.id],
        }
        for row in rows
    ]
    return {"items": items, "next": following}
