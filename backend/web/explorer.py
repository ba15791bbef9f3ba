"""What anybody can check: jobs, payments, disputes and requesters from the mirror, and what the contracts promise."""

import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Row

from backend.api.requests import address, coordinator, cursor_place
from backend.api.schema import JSON
from backend.api.views import cut
from backend.services.coordinator import Coordinator
from backend.services.solvency import Solvency
from backend.store import disputes, earnings, explorer
from backend.store.records import Records
from backend.web.earnings import titles
from backend.web.page import page, readable
from piecework.domain.errors import Invalid

A_PAGE = 25
PAGES = {"jobs": "/explore", "payments": "/explore/payments", "disputes": "/explore/disputes", "requesters": "/explore/requesters"}
"""What there is to look at, and where."""
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)

router = APIRouter(include_in_schema=False)


def _twin(request: Request, path: str) -> str:
    return f"{path}.json" + (f"?{request.url.query}" if request.url.query else "")


def _shown(request: Request, kind: str, values: dict[str, Any]) -> Response:
    shown = {"kind": kind, "pages": PAGES, "solvency": _solvency(coordinator(request))}
    return page(request, f"explore-{kind}.html", _twin(request, PAGES[kind]), values | shown)


@router.get("/explore")
@readable
def jobs(request: Request) -> Response:
    """Jobs, newest first."""
    return _shown(request, "jobs", _jobs(request))


@router.get("/explore.json")
def jobs_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_jobs(request))


@router.get("/explore/payments")
@readable
def payments(request: Request) -> Response:
    """Payments, newest first."""
    return _shown(request, "payments", _payments(request))


@router.get("/explore/payments.json")
def payments_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_payments(request))


@router.get("/explore/disputes")
@readable
def quarrels(request: Request) -> Response:
    """Contests and what became of them, newest first."""
    return _shown(request, "disputes", _disputes(request))


@router.get("/explore/disputes.json")
def quarrels_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_disputes(request))


@router.get("/explore/requesters")
@readable
def requesters(request: Request) -> Response:
    """Requesters and their records."""
    return _shown(request, "requesters", _requesters(request))


@router.get("/explore/requesters.json")
def requesters_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_requesters(request))


@router.get("/promises")
@readable
def promises(request: Request) -> Response:
    """What the contracts promise, with the escrow's balance held against what it owes."""
    return page(request, "promises.html", "/promises.json", {"solvency": _solvency(coordinator(request))})


@router.get("/promises.json")
def promises_json(request: Request) -> Response:
    """The balance and what is owed."""
    return JSON(_solvency(coordinator(request)))


def _solvency(services: Coordinator) -> dict[str, Any]:
    found: Solvency = services.auditor.look()
    total = found.owed.total
    return {
        "escrow": services.deployment.escrow,
        "token": services.deployment.token,
        "block_number": found.block_number,
        "block_hash": found.block_hash,
        "at": found.at,
        "balance": None if found.balance is None else str(found.balance),
        "owed": str(total),
        "in_balances": str(found.owed.balances),
        "in_jobs": str(found.owed.jobs),
        "surplus": None if found.balance is None else str(found.balance - total),
    }


def _jobs(request: Request) -> dict[str, Any]:
    services, query = coordinator(request), request.query_params
    requester = address("requester", query["requester"]) if query.get("requester") else None
    with services.store.read() as connection:
        rows, following = cut(explorer.jobs(connection, requester, _before(request), A_PAGE + 1), A_PAGE, _place)
        words = {row.job: explorer.word(connection, row.job) for row in rows}
    names = titles(services, {row.job for row in rows})
    return {"items": [_job(row, words[row.job], names) for row in rows], "next": following}


def _job(row: Row[Any], word: Row[Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        "job": row.job,
        "title": names.get(row.job),
        "requester": row.requester,
        "token": row.token,
        "reward": str(row.reward),
        "slots": word.funded,
        "taken": word.taken,
        "resolved": word.resolved,
        "closed": bool(word.closed),
        "locked": str(word.locked),
        "paid_out": str(word.paid_out),
        "refunded": str(word.refunded),
        "posted_at": row.timestamp_at,
        "transaction_hash": row.transaction_hash,
    }


def _payments(request: Request) -> dict[str, Any]:
    services = coordinator(request)
    before = cursor_place(request) if "cursor" in request.query_params else earnings.END
    items, following = _paid(services, before, A_PAGE)
    return {"items": items, "next": following}


def last_payment(services: Coordinator) -> dict[str, Any] | None:
    """The newest payment to a worker, None before there is one."""
    items, _ = _paid(services, earnings.END, 1)
    return items[0] if items and items[0]["outcome"] != "cancelled" else None


def _paid(services: Coordinator, before: earnings.Place, most: int) -> tuple[list[dict[str, Any]], str | None]:
    with services.store.read() as connection:
        found = earnings.payments(connection, None, None, before, most + 1)
    rows, following = cut(found, most, lambda row: f"{_place(row)}-{row.place}")
    names = titles(services, {row.job for row in rows})
    items = [
        {
            "job": row.job,
            "title": names.get(row.job),
            "worker": row.worker,
            "slots": row.slots,
            "token": row.token,
            "amount": str(row.amount),
            "outcome": row.outcome,
            "paid_at": row.timestamp_at,
            "transaction_hash": row.transaction_hash,
        }
        for row in rows
    ]
    return items, following


def _disputes(request: Request) -> dict[str, Any]:
    services = coordinator(request)
    with services.store.read() as connection:
        rows, following = cut(explorer.contests(connection, _before(request), A_PAGE + 1), A_PAGE, _place)
        items = [_dispute(connection, row) for row in rows]
    names = titles(services, {row.job for row in rows})
    return {"items": [{"title": names.get(item["job"])} | item for item in items], "next": following}


def _dispute(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """A contest, what each of its slots came to, and who may act until when."""
    standing = disputes.standing(connection, row.opening)
    assert standing, "a contest is of an opening that the mirror has"
    slots = disputes.named(standing.row.first_slot, row.places)
    contested = {slot: standing.answers.get(slot, ("contested", row.opening)) for slot in slots}
    came = [how for how, _ in contested.values()]
    ids = sorted({which for how, which in contested.values() if how == "appealed"})
    appeals = [found for id in ids if (found := disputes.appeal(connection, id))]
    return {
        "job": row.job,
        "opening": row.opening,
        "slots": sorted(contested),
        "workers": sorted({standing.slots[slot] for slot in contested}),
        "contested_by": row.contested_by,
        "reason": row.reason,
        "contested_at": row.timestamp_at,
        "transaction_hash": row.transaction_hash,
        "came_to": {how: came.count(how) for how in dict.fromkeys(came)},
        "appeal_until": datetime.fromtimestamp(standing.appeal_until, UTC),
        "appeals": [
            {
                "appeal": one.row.appeal,
                "worker": one.row.worker,
                "phase": one.phase,
                "until": None if one.until is None else datetime.fromtimestamp(one.until, UTC),
                "winner": one.phases[0].winner,
            }
            for one in appeals
        ],
    }


def _requesters(request: Request) -> dict[str, Any]:
    services, d = coordinator(request), coordinator(request).deployment
    after = address("cursor", request.query_params["cursor"]) if "cursor" in request.query_params else ""
    with services.store.read() as connection:
        found, following = cut(explorer.requesters(connection, after, A_PAGE + 1), A_PAGE, str)
        records = Records(connection, d.chain_id, d.escrow)
        items = [{"requester": one} | _record(records, one) for one in found]
    return {"items": items, "next": following}


def _record(records: Records, requester: str) -> dict[str, Any]:
    record = records.requester(requester)
    names = ("paid", "contested", "conceded", "appealed", "overturned", "upheld", "reclaimed")
    return {name: getattr(record, name) for name in names} | {"mean_seconds": record.mean_seconds}


def _before(request: Request) -> explorer.Place:
    text = request.query_params.get("cursor")
    if text is None:
        return explorer.END
    match = _PLACE.fullmatch(text)
    if match is None:
        raise Invalid("cursor must be what 'next' said.")
    return int(match[1]), int(match[2])


def _place(row: Row[Any]) -> str:
    return f"{row.block_number}-{row.log_index}"
