"""Blocks, messages and bonuses: what passes between a requester and its workers."""

from asyncio import to_thread
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Row

from backend.api import views
from backend.api.bodies import Body
from backend.api.requests import account, address, amount, choice, coordinator, cursor_number, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.services.coordinator import Coordinator
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1", tags=["people"])
ROLES = ("requester", "worker")


class NewBlock(Body):
    """Why the worker gets no more work; it sees this."""

    reason: str


class BlockView(msgspec.Struct):
    requester: str
    worker: str
    alias: str | None
    reason: str
    created_at: datetime


class NewMessage(Body):
    """Plain text about a job, or about one assignment of it. `workers` (aliases or addresses, up to 100) is for the job's requester; a
    worker leaves it away."""

    job: str
    text: str
    assignment: str | None = None
    workers: list[str] | None = None


class SentView(msgspec.Struct):
    """Where it went; `thread` is null for a worker who takes no messages of this requester."""

    worker: str | None
    thread: str | None


class ThreadView(msgspec.Struct):
    id: str
    job: str
    requester: str
    worker: str
    """The requester sees its own name for the worker, the worker its address."""
    unread: int
    newest: str
    created_at: datetime


class MessageView(msgspec.Struct):
    number: str
    sender: str
    """requester or worker."""
    assignment: str | None
    text: str
    created_at: datetime


class ReadMark(Body):
    """The number of the last message that was read."""

    number: str


class MuteView(msgspec.Struct):
    requester: str


class NewBonus(Body):
    """A bonus for the worker of an assignment; `amount` in base units, `request` your own word for it, so that asking twice gives
    once. With `operator` (an address of one's own) that sends it; else one's wallet does."""

    request: str
    assignment: str
    amount: str
    reason: str
    operator: str | None = None


class BonusView(msgspec.Struct):
    note: str
    requester: str
    worker: str
    assignment: str
    token: str
    amount: str
    decimals: int | None
    reason: str
    created_at: datetime
    transaction_hash: str | None
    transaction: dict[str, str] | None
    """For the requester, as long as the chain doesn't have it, and no operator sends it: what its wallet sends."""
    operator: str | None = None
    carried: str | None = None
    """Of an operator's: queued, signed, confirmed, or failed; then the same request again tries again."""
    error: str | None = None


@router.get("/blocks", **spec(list[BlockView], auth="people", query=("role", "cursor", "limit")))
def blocks(request: Request) -> Response:
    """Blocks that one has set; with role=worker those that one is under."""
    own, services, most = account(request), coordinator(request), limit(request)
    as_worker, cursor = _as_worker(request), request.query_params.get("cursor")
    rows = services.blocks.page(own, as_worker, "" if cursor is None else address("cursor", cursor), most + 1)
    return JSON(views.page(rows, most, lambda row: _block(services, row, as_worker), lambda row: row.requester if as_worker else row.worker))


@router.put("/blocks/{worker}", **spec(None, 204, NewBlock, auth="people"))
async def block(request: Request, worker: str) -> Response:
    """Gives a worker (address or alias) no more of one's jobs' slots. What it holds and has earned stays as it is."""
    own, body, services = account(request), await read(request, NewBlock), coordinator(request).blocks
    await services.block(own, await to_thread(services.whom, own, _name(worker)), body.reason)
    return Response(status_code=204)


@router.delete("/blocks/{worker}", **spec(None, 204, auth="people"))
async def unblock(request: Request, worker: str) -> Response:
    """Ends a block."""
    own, services = account(request), coordinator(request).blocks
    await services.lift(own, await to_thread(services.whom, own, _name(worker)))
    return Response(status_code=204)


@router.post("/messages", **spec(list[SentView], 201, NewMessage, auth="people"))
async def send(request: Request) -> Response:
    """Sends a message: of the job's requester to its workers, or of a worker to the job's requester."""
    own, body, services = account(request), await read(request, NewMessage), coordinator(request)
    job = hex_text("job", body.job, 32)
    assignment = None if body.assignment is None else hex_text("assignment", body.assignment, 16)
    found = await to_thread(services.postings.find, job)
    if found.requester != own:
        if body.workers is not None:
            raise Invalid("workers is for the job's requester; a worker writes to the requester alone.")
        thread = await services.messages.to_requester(job, own, assignment, body.text)
        return JSON({"items": [SentView(None, thread)], "next": None}, 201)
    names = body.workers or []
    workers = await to_thread(lambda: [services.blocks.whom(own, _name(name)) for name in names[:101]])
    sent = await services.messages.to_workers(found, workers, assignment, body.text)
    items = [SentView(services.aliases.of(own, worker), thread) for worker, thread in sent]
    return JSON({"items": items, "next": None}, 201)


@router.get("/threads", **spec(list[ThreadView], auth="people", query=("cursor", "limit")))
def threads(request: Request) -> Response:
    """One's threads, by age."""
    own, services, most = account(request), coordinator(request), limit(request)
    cursor = request.query_params.get("cursor")
    rows = services.messages.threads(own, "" if cursor is None else hex_text("cursor", cursor, 16), most + 1)
    return JSON(views.page(rows, most, lambda row: _thread(services, row, own), lambda row: row.id))


@router.get("/threads/{id}", **spec(ThreadView, auth="people"))
def thread(request: Request, id: str) -> Response:
    """One thread, for its two sides."""
    own, services = account(request), coordinator(request)
    return JSON(_thread(services, services.messages.thread(_thread_id(id), own), own))


@router.get("/threads/{id}/messages", **spec(list[MessageView], auth="people", query=("cursor", "limit")))
def messages(request: Request, id: str) -> Response:
    """A thread's messages, by age."""
    own, services, most = account(request), coordinator(request).messages, limit(request)
    of = services.thread(_thread_id(id), own)
    rows = services.page(of.id, cursor_number(request, 0), most + 1)

    def view(row: Row[Any]) -> MessageView:
        sender = "worker" if row.sender == of.worker else "requester"
        return MessageView(str(row.number), sender, row.assignment, row.text, row.created_at)

    return JSON(views.page(rows, most, view, lambda row: row.number))


@router.put("/threads/{id}/read", **spec(None, 204, ReadMark, auth="people"))
async def mark_read(request: Request, id: str) -> Response:
    """Marks messages as read; the mark never goes back."""
    own, body, services = account(request), await read(request, ReadMark), coordinator(request).messages
    await services.read(_thread_id(id), own, amount("number", body.number))
    return Response(status_code=204)


@router.get("/mutes", **spec(list[MuteView], auth="people"))
def mutes(request: Request) -> Response:
    """Requesters whose messages one doesn't take."""
    items = [MuteView(requester) for requester in coordinator(request).messages.muted(account(request))]
    return JSON({"items": items, "next": None})


@router.put("/mutes/{requester}", **spec(None, 204, auth="people"))
async def mute(request: Request, requester: str) -> Response:
    """Takes no more messages of a requester, other than about answers that one has given: money hangs on those."""
    await coordinator(request).messages.mute(account(request), address("The requester", requester), True)
    return Response(status_code=204)


@router.delete("/mutes/{requester}", **spec(None, 204, auth="people"))
async def unmute(request: Request, requester: str) -> Response:
    """Takes them again."""
    await coordinator(request).messages.mute(account(request), address("The requester", requester), False)
    return Response(status_code=204)


@router.post("/bonuses", **spec(BonusView, 201, NewBonus, auth="payments"))
async def bonus(request: Request) -> Response:
    """Prepares a bonus: the transaction for the requester's wallet, which pays from its ledger balance; or has an operator send it."""
    own, body, services = account(request), await read(request, NewBonus), coordinator(request)
    assignment = hex_text("assignment", body.assignment, 16)
    operator = None if body.operator is None else address("operator", body.operator)
    row = await services.bonuses.prepare(own, body.request, assignment, amount("amount", body.amount), body.reason, operator)
    return JSON(_bonus(services, row, False), 201)


@router.get("/bonuses", **spec(list[BonusView], auth="payments", query=("role", "cursor", "limit")))
def bonuses(request: Request) -> Response:
    """Bonuses that one has prepared; with role=worker those that one was given."""
    own, services, most = account(request), coordinator(request), limit(request)
    as_worker, cursor = _as_worker(request), request.query_params.get("cursor")
    rows = services.bonuses.page(own, as_worker, "" if cursor is None else hex_text("cursor", cursor, 32), most + 1)
    return JSON(views.page(rows, most, lambda row: _bonus(services, row, as_worker), lambda row: row.note))


@router.get("/bonuses/{note}", **spec(BonusView, auth="payments"))
def one_bonus(request: Request, note: str) -> Response:
    """One bonus, for its requester; for its worker once it is given."""
    own, services = account(request), coordinator(request)
    row = services.bonuses.find(hex_text("The note", note, 32), own)
    return JSON(_bonus(services, row, own != row.requester))


def _as_worker(request: Request) -> bool:
    return choice("role", request.query_params.get("role"), ROLES) == "worker"


def _name(worker: str) -> str:
    return worker if worker.startswith("w-") else address("The worker", worker)


def _thread_id(id: str) -> str:
    return hex_text("The thread's id", id, 16)


def _block(services: Coordinator, row: Row[Any], as_worker: bool) -> BlockView:
    alias = None if as_worker else services.aliases.of(row.requester, row.worker)
    return BlockView(row.requester, row.worker, alias, row.reason, row.created_at)


def _thread(services: Coordinator, row: Row[Any], own: str) -> ThreadView:
    mine = own == row.worker
    worker = row.worker if mine else services.aliases.of(row.requester, row.worker)
    unread = row.worker_unread if mine else row.requester_unread
    return ThreadView(row.id, row.job, row.requester, worker, unread, str(row.newest), row.created_at)


def _bonus(services: Coordinator, row: Row[Any], as_worker: bool) -> BonusView:
    d = services.deployment
    return BonusView(
        note=row.note,
        requester=row.requester,
        worker=row.worker,
        assignment=row.assignment,
        token=row.token,
        amount=str(row.amount),
        decimals=d.token_decimals if row.token == d.token else None,
        reason=row.reason,
        created_at=row.created_at,
        transaction_hash=row.transaction_hash,
        transaction=None if as_worker else services.bonuses.transaction(row),
        operator=None if as_worker else row.operator,
        carried=None if as_worker else row.carried,
        error=None if as_worker else row.error,
    )
