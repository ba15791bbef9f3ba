"""A requester's jobs, and one of them while answers come in."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from backend.api import views
from backend.api.requests import account, coordinator, cursor_number
from backend.api.schema import JSON
from backend.services.results import Decided
from backend.store import showcase
from backend.web import plots
from backend.web.grid import grid_svg, slots_a_square
from backend.web.hire import disputes
from backend.web.hire.shell import Desk, desk, show
from backend.web.page import readable

router = APIRouter(prefix="/hire")
JOBS_A_PAGE = 20
NEWEST = 2**31 - 1
SQUARES = 2_160
WORKERS = 25
LOOK_SECONDS = 1.0
BEAT_SECONDS = 15
HIDDEN = ("free", "reserved", "committed", "cancelled")


@router.get("")
@readable
def mine(request: Request) -> Response:
    """My jobs."""
    shown = _mine(request)
    return show(request, "jobs.html", "/hire.json", shown | {"bars": {job.id: _bar(job) for job in shown["jobs"]}})


@router.get(".json")
def mine_json(request: Request) -> Response:
    """The same as JSON."""
    return JSON(_mine(request))


@router.get("/jobs/{job}.json")
def job_json(request: Request, job: str) -> Response:
    """A job's progress as JSON."""
    return JSON(_summary(desk(request, job)))


@router.get("/jobs/{job}/live")
async def live(request: Request, job: str) -> Response:
    """The progress as it changes: events whose data is the changed part of the page."""
    at = await asyncio.to_thread(desk, request, job)
    place = at.services.notices.place(at.own)
    place.__enter__()

    async def lines() -> AsyncIterator[bytes]:
        try:
            shown, quiet = "", 0.0
            while True:
                html = await asyncio.to_thread(_fragment, request, at)
                said = _changing(html)
                quiet = 0 if said != shown else quiet + LOOK_SECONDS
                if said != shown:
                    yield f"event: progress\ndata: {json.dumps(html)}\n\n".encode()
                elif quiet >= BEAT_SECONDS:
                    quiet = 0
                    yield b": still here\n\n"
                shown = said
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            place.__exit__(None, None, None)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"})


@router.get("/jobs/{job}")
@readable
def one(request: Request, job: str) -> Response:
    """A job while answers come in."""
    at = desk(request, job)
    return show(request, "job.html", f"/hire/jobs/{at.job.id}.json", _live(at) | {"tab": "progress"})


def _mine(request: Request) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    found = services.results.jobs(own, cursor_number(request, NEWEST), JOBS_A_PAGE + 1)
    rows, following = views.cut(found, JOBS_A_PAGE, lambda row: row.number)
    jobs = [views.job(services, row) for row in rows]
    answered = {job.id: sum(count for state, count in job.slot_counts.items() if state not in HIDDEN) for job in jobs}
    return {"account": own, "jobs": jobs, "next": following, "answered": answered}


def _bar(job: views.JobView) -> Any:
    counts = job.slot_counts
    waiting = sum(counts.get(name, 0) for name in ("revealed", "opened", "contested", "appealed", "rejected"))
    parts = [("paid", counts.get("paid", 0)), ("promised", counts.get("approved", 0) + counts.get("batched", 0)), ("waiting", waiting)]
    rest = job.slots - sum(size for _, size in parts)
    return plots.shares([*parts, ("idle", rest)], f"{counts.get('paid', 0)} paid, {parts[1][1]} approved, {waiting} waiting, {rest} open")


def _fragment(request: Request, at: Desk) -> str:
    """The changing part of a job's page, made once for all who watch it."""
    account(request)  # a session that was ended meanwhile watches no more
    made = lambda: bytes(show(request, "live.html", "", _live(desk(request, at.job.id))).body).decode()  # noqa: E731
    return at.services.results.shared((at.job.id, "live"), made)


def _decided(at: Desk) -> Decided:
    return at.services.results.decided(at.job, at.template)


def _summary(at: Desk) -> dict[str, Any]:
    found, money = _decided(at), at.money
    return {
        "job": at.view,
        "money": None if money is None else {name: str(getattr(money, name)) for name in ("locked", "paid_out", "fees", "refunded")},
        "answers": found.answers,
        "rejected": found.rejected,
        "agreement": {"unanimous": found.unanimous, "most": found.most, "split": found.split, "alpha": found.alpha},
        "revealed_at": [int(at) for at in found.revealed[-1_000:]],
        "workers": [
            {"worker": one.worker, "answers": one.answers, "right": one.right, "low": one.low, "high": one.high}
            for one in found.workers[:WORKERS]
        ],
    }


def _live(at: Desk) -> dict[str, Any]:
    found, counts = _decided(at), at.view.slot_counts
    now = at.services.clock().timestamp()
    times = [("revealed", found.revealed), ("approved", found.approved)]
    with at.services.store.read() as connection:
        states, paid = showcase.slot_states(connection, at.job.number, at.job.id, at.job.slots, at.row.state == "closed")
    cost = _cost(at, counts)
    return {
        "account": at.own,
        "job": at.view,
        "decided": found,
        "grid": grid_svg(states, f"{at.view.title}: its slots", most_squares=SQUARES),
        "a_square": slots_a_square(len(states), SQUARES),
        "paid": paid,
        "cost": cost,
        "cost_bar": plots.shares([(name, amount) for name, amount in cost.items()], "What the job's money is doing"),
        "over_time": plots.growth(times, now, at.job.slots, f"{found.answers} of {at.job.slots} answers over time"),
        "agreement_bar": plots.shares(
            [("unanimous", found.unanimous), ("most", found.most), ("split", found.split)], "Units by how far their answers agree"
        ),
        "workers": [(one, plots.interval(one.right, one.low, one.high)) for one in found.workers[:WORKERS]],
        "more_workers": max(0, len(found.workers) - WORKERS),
        "waiting": counts.get("revealed", 0),
        "over": at.job.closes_at <= at.services.recourse.now(),
        "disputes": disputes.waiting(at),
        "payable": counts.get("approved", 0) + counts.get("batched", 0),
    }


def _cost(at: Desk, counts: dict[str, int]) -> dict[str, int]:
    """Base units by what they are doing; together what the job costs."""
    price, money = at.job.price, at.money
    paid = 0 if money is None else money.paid_out + money.fees
    back = 0 if money is None else money.refunded
    promised = price * sum(counts.get(name, 0) for name in ("approved", "batched"))
    waiting = price * sum(counts.get(name, 0) for name in ("committed", "revealed", "opened", "contested", "appealed", "rejected"))
    total = price * at.job.slots
    return {"paid": paid, "promised": promised, "waiting": waiting, "idle": max(0, total - paid - back - promised - waiting), "back": back}


def _changing(html: str) -> str:
    """A page's part without what only the clock changes."""
    return "".join(line for line in html.splitlines() if "<time" not in line and 'class="plot"' not in line)
