"""Batches, withdrawals, and what the chain paid."""

from asyncio import to_thread

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.bodies import NewApproval, NewWithdrawal
from backend.api.requests import address, amount, coordinator, cursor_place, hex_bytes, hex_text, limit, number, read
from backend.api.schema import JSON, spec
from backend.api.views import AccountView, BatchView, PaymentView, WithdrawalView
from piecework.domain.typed_data import Withdrawal

router = APIRouter(prefix="/v1", tags=["settlement"])


@router.post("/batches/{digest}/approval", **spec(BatchView, 202, NewApproval))
async def approve(request: Request, digest: str) -> Response:
    """Takes the requester's signed approval; the signature is the authority."""
    body, services = await read(request, NewApproval), coordinator(request)
    await services.batches.approve(_digest(digest), hex_bytes("signature", body.signature))
    return JSON(await to_thread(lambda: views.batch(services, services.batches.find(_digest(digest)))), 202)


@router.get("/batches/{digest}", **spec(BatchView))
def batch(request: Request, digest: str) -> Response:
    """One batch."""
    services = coordinator(request)
    return JSON(views.batch(services, services.batches.find(_digest(digest))))


@router.post("/withdrawals", **spec(WithdrawalView, 202, NewWithdrawal))
async def withdraw(request: Request) -> Response:
    """Takes a signed withdrawal to be carried to the chain; the signature is the authority."""
    body, services = await read(request, NewWithdrawal), coordinator(request).withdrawals
    signed = Withdrawal(
        owner=address("owner", body.owner),
        token=address("token", body.token),
        receiver=address("receiver", body.receiver),
        amount=amount("amount", body.amount),
        max_fee=amount("max_fee", body.max_fee),
        nonce=number("nonce", body.nonce),
        deadline=number("deadline", body.deadline),
    )
    id = await services.relay(signed, hex_bytes("signature", body.signature))
    return JSON(views.withdrawal(await to_thread(services.find, id)), 202)


@router.get("/withdrawals/{id}", **spec(WithdrawalView))
def withdrawal(request: Request, id: str) -> Response:
    """One withdrawal."""
    return JSON(views.withdrawal(coordinator(request).withdrawals.find(hex_text("The withdrawal's id", id, 32))))


@router.get("/accounts/{account}", **spec(AccountView))
def account(request: Request, account: str) -> Response:
    """An account's ledger and earnings."""
    found = coordinator(request).payments.account(address("The address", account))
    return JSON(msgspec.convert(found, AccountView))


@router.get("/payments", **spec(list[PaymentView], query=("worker", "job", "cursor", "limit")))
def payments(request: Request) -> Response:
    """Slots that the chain paid, in its order."""
    query, most = request.query_params, limit(request)
    worker, job = query.get("worker"), query.get("job")
    rows = coordinator(request).payments.page(
        None if worker is None else address("worker", worker),
        None if job is None else hex_text("job", job, 32),
        cursor_place(request),
        most + 1,
    )
    return JSON(views.payments(rows, most))


def _digest(digest: str) -> str:
    return hex_text("The batch's digest", digest, 32)
