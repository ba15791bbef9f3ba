"""Operators: keys by which the coordinator acts for a requester, and the allowances that bound them."""

from asyncio import to_thread
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, address, amount, coordinator, hex_bytes, hex_text, number, read
from backend.api.schema import JSON, spec
from backend.services.operators import Operator
from piecework.domain.typed_data import OperatorGrant

router = APIRouter(prefix="/v1/operators", tags=["operators"])


class NewOperator(Body):
    """A new operator's name, for its owner."""

    name: str


class AllowanceTerms(Body):
    """An allowance: base units as a decimal string, and the Unix second at which it ends. The signature must be carried by `deadline`."""

    allowance: str
    expires_at: int
    deadline: int


class NewAllowance(Body):
    """A signed allowance."""

    allowance: str
    expires_at: int
    deadline: int
    nonce: int
    signature: str


class OperatorView(msgspec.Struct):
    """An operator. `allowance` in base units and `expires_at` in Unix seconds are what the chain says."""

    address: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
    allowance: str
    expires_at: str


class AllowanceMessage(msgspec.Struct):
    """What a wallet shows and signs (eth_signTypedData_v4)."""

    typed_data: dict[str, Any]


class AllowanceView(msgspec.Struct):
    """A signed allowance on its way: queued, signed (sent), confirmed or failed."""

    id: str
    operator: str
    allowance: str
    expires_at: str
    state: str
    transaction_hash: str | None
    error: str | None


@router.post("", **spec(OperatorView, 201, NewOperator, auth=True))
async def make(request: Request) -> Response:
    """Makes an operator, which can spend nothing until it has an allowance."""
    body, owner = await read(request, NewOperator), account(request)
    return JSON(_view(await coordinator(request).operators.make(owner, body.name)), 201)


@router.get("", **spec(list[OperatorView], auth=True))
def mine(request: Request) -> Response:
    """The account's operators, the oldest first; at most a hundred."""
    return JSON({"items": [_view(one) for one in coordinator(request).operators.of(account(request))], "next": None})


@router.delete("/{operator}", **spec(None, 204, auth=True))
async def revoke(request: Request, operator: str) -> Response:
    """Ends an operator here. Its allowance on the chain is the account's to take back: sign one of 0."""
    await coordinator(request).operators.revoke(account(request), address("The operator", operator))
    return Response(status_code=204)


@router.post("/{operator}/message", **spec(AllowanceMessage, reads=AllowanceTerms, auth=True))
async def message(request: Request, operator: str) -> Response:
    """The message to sign to give an operator this allowance, with the account's next nonce."""
    body, owner, services = await read(request, AllowanceTerms), account(request), coordinator(request)
    nonce = await to_thread(services.operators.next_nonce, owner)
    grant = _grant(services.deployment.token, owner, operator, body.allowance, body.expires_at, nonce, body.deadline)
    return JSON(AllowanceMessage(services.operators.message(grant)))


@router.post("/{operator}/grants", **spec(AllowanceView, 202, NewAllowance, auth=True))
async def grant(request: Request, operator: str) -> Response:
    """Takes a signed allowance to be carried to the chain."""
    body, owner, services = await read(request, NewAllowance), account(request), coordinator(request)
    terms = _grant(services.deployment.token, owner, operator, body.allowance, body.expires_at, body.nonce, body.deadline)
    id = await services.operators.grant(terms, hex_bytes("signature", body.signature))
    return JSON(await to_thread(_grant_view, services.operators.find_grant(id)), 202)


@router.get("/{operator}/grants/{id}", **spec(AllowanceView))
def find_grant(request: Request, operator: str, id: str) -> Response:
    """A signed allowance and its transaction."""
    return JSON(_grant_view(coordinator(request).operators.find_grant(hex_text("The grant's id", id, 32))))


def _grant(
    token: str, owner: str, operator: str, allowance: str, expires_at: int, nonce: int, deadline: int
) -> OperatorGrant:
    return OperatorGrant(
        owner,
        address("The operator", operator),
        token,
        amount("allowance", allowance),
        number("expires_at", expires_at),
        number("nonce", nonce),
        number("deadline", deadline),
    )


def _view(one: Operator) -> OperatorView:
    return OperatorView(one.address, one.name, one.created_at, one.revoked_at, str(one.allowance), str(one.expires_at))


def _grant_view(row: Any) -> AllowanceView:
    return AllowanceView(row.id, row.operator, str(row.allowance), str(row.expires_at), row.state, row.transaction_hash, row.error)
