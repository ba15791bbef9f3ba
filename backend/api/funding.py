"""Funding a job from its requester's wallet: what it costs, and the transactions, prepared and unsigned."""

from asyncio import to_thread
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, coordinator, hex_bytes, hex_text, read
from backend.api.schema import JSON, spec

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class TransactionView(msgspec.Struct):
    """A transaction as `eth_sendTransaction` takes it; `from_` is the account whose wallet shall send it."""

    from_: str = msgspec.field(name="from")
    to: str = ""
    value: str = "0x0"
    data: str = "0x"
    chain_id: str = msgspec.field(name="chainId", default="0x1")


class FundingView(msgspec.Struct):
    """What a job costs and what its requester has, in base units of its token; gas in gas, its price in wei.

    `transactions` fund the job one after the other. Where there is a `permit`, its signature makes it one: see `…/funding/permit`.
    """

    amount: str
    token: str
    decimals: int | None
    posted: bool
    wallet: str
    ledger: str
    allowance: str
    gas: int
    gas_price: str
    transactions: list[TransactionView]
    permit: dict[str, Any] | None


class SignedPermit(Body):
    """The owner's signature of the permit, 65 bytes as 0x hex."""

    signature: str


@router.get("/{job}/funding", **spec(FundingView, auth="jobs:read"))
async def funding(request: Request, job: str) -> Response:
    """What funding the job takes. Asks the chain."""
    services = coordinator(request)
    found = services.postings.owned(hex_text("The job's id", job, 32), account(request))
    row = await to_thread(services.postings.row, found.id)
    s = await to_thread(services.wallet_funding.standing, row)
    known = row.token == services.deployment.token
    return JSON(
        FundingView(
            amount=str(s.amount),
            token=row.token,
            decimals=services.deployment.token_decimals if known else None,
            posted=s.posted,
            wallet=str(s.wallet),
            ledger=str(s.ledger),
            allowance=str(s.allowance),
            gas=s.gas,
            gas_price=str(s.gas_price),
            transactions=[transaction_view(sent) for sent in s.transactions],
            permit=s.permit,
        )
    )


@router.post("/{job}/funding/permit", **spec(TransactionView, reads=SignedPermit, auth="jobs:write"))
async def permit(request: Request, job: str) -> Response:
    """The one transaction that posts the job with a signed permit. It is prepared, not sent."""
    services, body = coordinator(request), await read(request, SignedPermit)
    found = services.postings.owned(hex_text("The job's id", job, 32), account(request))
    row = await to_thread(services.postings.row, found.id)
    signature = hex_bytes("signature", body.signature, 65)
    return JSON(transaction_view(await to_thread(services.wallet_funding.with_permit, row, signature)))


def transaction_view(sent: dict[str, str]) -> TransactionView:
    """A prepared transaction as JSON has it."""
    return TransactionView(from_=sent["from"], to=sent["to"], value=sent["value"], data=sent["data"], chain_id=sent["chainId"])
