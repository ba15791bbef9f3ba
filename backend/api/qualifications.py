"""Qualifications: made and granted by requesters, held and asked for by workers."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import qualification_views as views
from backend.api.qualification_views import GrantView, HeldView, QualificationView, RequestView
from backend.api.requests import account, address, coordinator, cursor_id, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.api.views import page
from backend.services.qualifications import Qualifications
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1/qualifications", tags=["qualifications"])


class NewQualification(msgspec.Struct, forbid_unknown_fields=True):
    """A kind of qualification. Who asks for it is granted `auto_value` at once, where there is one; `retry_seconds` says when one may
    ask again after a refusal, null for never."""

    name: str
    description: str = ""
    keywords: str = ""
    requestable: bool = True
    auto_value: int | None = None
    retry_seconds: int | None = None


class NewGrant(msgspec.Struct, forbid_unknown_fields=True):
    """A value from 0 to 100, or a locale (US, US-PA)."""

    value: int | None = None
    locale: str | None = None


class NewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What one says for oneself."""

    answer: str = ""


class Refusal(msgspec.Struct, forbid_unknown_fields=True):
    """Why; whom it concerns sees it."""

    reason: str | None = None


class NewAttester(msgspec.Struct, forbid_unknown_fields=True):
    """An account whose attestations count, and the EAS contract that they are bound to."""

    attester: str
    chain_id: int
    registry: str
    version: str = "1.3.0"


class NewAttesters(msgspec.Struct, forbid_unknown_fields=True):
    """All of them; an empty list for none. The attestation's `evidence` must be their own number for the person, the same for all
    accounts of one."""

    attesters: list[NewAttester]


class BroughtAttestation(msgspec.Struct, forbid_unknown_fields=True):
    """EAS's off-chain attestation as its SDK writes it: {sig, signer}."""

    attestation: dict[str, Any]


class AttestationView(msgspec.Struct):
    """The attestation, and what its evidence is the Keccak-256 of (as canonical JSON)."""

    attestation: dict[str, Any]
    evidence: dict[str, Any]


class Outcome(msgspec.Struct):
    """granted or pending."""

    state: str


@router.post("", **spec(QualificationView, 201, NewQualification, auth=True))
async def create(request: Request) -> Response:
    """Makes a kind of qualification that one grants oneself."""
    owner, body = account(request), await read(request, NewQualification)
    return JSON(views.qualification(await _services(request).create(owner, msgspec.structs.asdict(body))), 201)


@router.get("", **spec(list[QualificationView], query=("owner", "cursor", "limit")))
def kinds(request: Request) -> Response:
    """Kinds by age."""
    owner, most = request.query_params.get("owner"), limit(request)
    rows = _services(request).page(None if owner is None else address("owner", owner), cursor_id(request), most + 1)
    return JSON(page(rows, most, views.qualification, lambda row: row.id))


@router.get("/held", **spec(list[HeldView], auth=True))
def held(request: Request) -> Response:
    """What one has and had."""
    return JSON({"items": [views.held(row) for row in _services(request).held(account(request))], "next": None})


@router.get("/held/{id}/attestation", **spec(AttestationView, auth=True))
def attestation(request: Request, id: str) -> Response:
    """A signed attestation that one has a qualification, to carry along: EAS's off-chain format, which its SDK verifies."""
    attested, evidence = coordinator(request).attestations.of(_id(id), account(request))
    return JSON(AttestationView(attested, evidence))


@router.put("/{id}/attesters", **spec(None, 204, NewAttesters, auth=True))
async def trust(request: Request, id: str) -> Response:
    """Says whose attestations a qualification of one's own is granted by, a person once."""
    owner, body = account(request), await read(request, NewAttesters)
    rows = [
        {"attester": address("attester", one.attester), "chain_id": one.chain_id, "eas": address("registry", one.registry)}
        | {"version": one.version[:16]}
        for one in body.attesters
        if _check_chain(one.chain_id)
    ]
    await coordinator(request).attestations.trust(_id(id), owner, rows)
    return Response(status_code=204)


@router.get("/{id}/attesters", **spec(list[NewAttester]))
def attesters(request: Request, id: str) -> Response:
    """Whose attestations a qualification is granted by."""
    rows = coordinator(request).attestations.trusted(_id(id))
    return JSON({"items": [NewAttester(row.attester, row.chain_id, row.eas, row.version) for row in rows], "next": None})


@router.post("/{id}/attestations", **spec(Outcome, 201, BroughtAttestation, auth=True))
async def bring(request: Request, id: str) -> Response:
    """Has a qualification granted by an attestation about oneself, of somebody whom its owner trusts."""
    own, body = account(request), await read(request, BroughtAttestation)
    await coordinator(request).attestations.bring(_id(id), own, body.attestation)
    return JSON(Outcome("granted"), 201)


@router.get("/{id}", **spec(QualificationView))
def one(request: Request, id: str) -> Response:
    """One kind."""
    return JSON(views.qualification(_services(request).one(_id(id))))


@router.delete("/{id}", **spec(None, 204, auth=True))
async def retire(request: Request, id: str) -> Response:
    """Ends a kind; whoever has it keeps it."""
    await _services(request).retire(_id(id), account(request))
    return Response(status_code=204)


@router.get("/{id}/grants", **spec(list[GrantView], auth=True, query=("cursor", "limit")))
def grants(request: Request, id: str) -> Response:
    """Who has it or had it, for its owner."""
    most, cursor = limit(request), request.query_params.get("cursor")
    rows = _services(request).grants(_id(id), account(request), "" if cursor is None else address("cursor", cursor), most + 1)
    return JSON(page(rows, most, views.grant, lambda row: row.account))


@router.put("/{id}/grants/{holder}", **spec(None, 204, NewGrant, auth=True))
async def grant(request: Request, id: str, holder: str) -> Response:
    """Grants it to an account, instead of what it had."""
    owner, body = account(request), await read(request, NewGrant)
    await _services(request).grant(_id(id), owner, address("account", holder), body.value, body.locale)
    return Response(status_code=204)


@router.delete("/{id}/grants/{holder}", **spec(None, 204, auth=True, query=("reason",)))
async def revoke(request: Request, id: str, holder: str) -> Response:
    """Takes it back."""
    reason = request.query_params.get("reason")
    await _services(request).revoke(_id(id), account(request), address("account", holder), reason)
    return Response(status_code=204)


@router.post("/{id}/requests", **spec(Outcome, 201, NewRequest, auth=True))
async def ask(request: Request, id: str) -> Response:
    """Asks for it."""
    asker, body = account(request), await read(request, NewRequest)
    return JSON(Outcome(await _services(request).ask(_id(id), asker, body.answer)), 201)


@router.get("/{id}/requests", **spec(list[RequestView], auth=True, query=("cursor", "limit")))
def requests(request: Request, id: str) -> Response:
    """Requests that wait, for its owner; granting answers one."""
    most = limit(request)
    rows = _services(request).requests(_id(id), account(request), cursor_id(request), most + 1)
    return JSON(page(rows, most, views.request, lambda row: row.id))


@router.post("/{id}/requests/{asker}/refuse", **spec(None, 204, Refusal, auth=True))
async def refuse(request: Request, id: str, asker: str) -> Response:
    """Refuses a request."""
    owner, body = account(request), await read(request, Refusal)
    await _services(request).refuse(_id(id), owner, address("account", asker), body.reason)
    return Response(status_code=204)


def _services(request: Request) -> Qualifications:
    return coordinator(request).qualifications


def _check_chain(chain_id: int) -> bool:
    if not 0 < chain_id < 2**63:
        raise Invalid("chain_id is a whole number above 0.")
    return True


def _id(id: str) -> str:
    return hex_text("The qualification's id", id, 16)
