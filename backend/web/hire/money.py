"""What a requester signs to fund and close jobs, and to keep money ready."""

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, amount, coordinator, hex_bytes, number, read
from backend.api.schema import JSON
from backend.services.funding import Plan
from backend.web.hire.shell import desk, show
from backend.web.page import readable
from piecework.domain.units import decimal_text

router = APIRouter(prefix="/hire")
OPERATORS = 100


class Signed(Body):
    """A signature over what was prepared; `deadline` as the message has it."""

    signature: str
    deadline: str


class Deposit(Body):
    """Base units to keep ready; with `signature` and `deadline` once the permit is signed."""

    amount: str
    signature: str | None = None
    deadline: str | None = None


class PlayMoney(Body):
    """Base units to make on a devnet."""

    amount: str


@router.get("/jobs/{job}/funding.json")
def plan(request: Request, job: str) -> Response:
    """How the job's money gets into it: what to sign, and what to send."""
    at = desk(request, job)
    if at.row.state != "draft":
        return JSON({"done": True})
    under_way = at.services.funding.carried(at.job.id)
    if under_way is not None and under_way.state != "failed":
        return JSON({"done": False, "carried": under_way.state, "transaction_hash": under_way.transaction_hash})
    error = None if under_way is None else under_way.error
    return JSON(_plan(request, at.services.funding.plan(at.row)) | {"carried": None, "error": error})


@router.post("/jobs/{job}/funding.json")
async def post(request: Request, job: str) -> Response:
    """Takes the signed authorization to be carried; where the job isn't worth that, the transaction for the requester's wallet."""
    body, at = await read(request, Signed), desk(request, job)
    signature, until = hex_bytes("signature", body.signature), number("deadline", body.deadline)
    if await at.services.funding.carry(at.row, until, signature):
        return JSON({"carried": True, "transaction": None}, 202)
    return JSON({"carried": False, "transaction": at.services.funding.post(at.row, until, signature)})


@router.get("/jobs/{job}/close.json")
def close(request: Request, job: str) -> Response:
    """The transaction that closes the job."""
    at = desk(request, job)
    return JSON({"transaction": at.services.funding.close(at.row)})


@router.post("/money/deposit.json")
async def deposit(request: Request) -> Response:
    """What a deposit takes: first the permit to sign, then, with its signature, the transaction."""
    own, body, funding = account(request), await read(request, Deposit), coordinator(request).funding
    wanted = amount("amount", body.amount)
    if body.signature is None or body.deadline is None:
        return JSON({"typed_data": funding.permit(own, wanted), "transaction": None})
    signature = hex_bytes("signature", body.signature)
    return JSON({"typed_data": None, "transaction": funding.deposit(own, wanted, number("deadline", body.deadline), signature)})


@router.post("/money/play.json")
async def play(request: Request) -> Response:
    """On a devnet: the transaction that makes play money."""
    own, body = account(request), await read(request, PlayMoney)
    return JSON({"transaction": coordinator(request).funding.play_money(own, amount("amount", body.amount))})


@router.get("/money.json")
def money_json(request: Request) -> Response:
    """What the requester has, as JSON."""
    return JSON(_money(request))


@router.get("/money")
@readable
def money(request: Request) -> Response:
    """What the requester has, what is locked, and what it gave."""
    return show(request, "money.html", "/hire/money.json", _money(request))


def _plan(request: Request, plan: Plan) -> dict[str, Any]:
    d = coordinator(request).deployment
    shown = {name: decimal_text(getattr(plan, name), d.token_decimals) for name in ("amount", "wallet", "ledger", "missing")}
    detail = (
        f"The job costs {shown['amount']} {d.token_symbol}. Your wallet holds {shown['wallet']} and your balance here {shown['ledger']}, "
        f"so {shown['missing']} {d.token_symbol} are missing in the wallet."
        if plan.missing
        else ""
    )
    return {
        "done": False, "detail": detail, "typed_data": plan.typed_data, "transaction": plan.transaction,
        **{name: str(getattr(plan, name)) for name in ("amount", "wallet", "ledger", "missing")},
    }


def _money(request: Request) -> dict[str, Any]:
    own, services = account(request), coordinator(request)
    found, token = services.payments.account(own), services.deployment.token
    with services.store.read() as connection:
        locked = services.funding.locked(connection, own)
    balance = next((one["balance"] for one in found["balances"] if one["token"] == token), "0")
    return {"account": own, "balance": balance, "wallet": str(services.funding.held(own)), "locked": str(locked)}
