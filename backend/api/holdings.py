"""The worker's file: what it needs to be paid without this service."""

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.requests import account, coordinator, limit
from backend.api.schema import JSON, spec
from backend.api.views import TermsView

router = APIRouter(prefix="/v1", tags=["holdings"])


class HeldJobView(msgspec.Struct):
    id: str
    terms: TermsView
    since_block: int | None


class HeldReceiptView(msgspec.Struct):
    job: str
    slot: int
    commitment: str
    signature: str
    salt: str | None
    answer: msgspec.Raw
    assignment: str


class HeldBatchView(msgspec.Struct):
    digest: str
    job: str
    first_slot: int
    workers: list[str]
    places: str
    answer_root: str
    signature: str
    slots: int
    amount: str
    approval: str | None


class HoldingsView(msgspec.Struct):
    """A document of format piecework-holdings; documents merge by key, so a file may have one a line."""

    format: str
    version: int
    chain_id: int
    escrow: str
    worker: str
    jobs: list[HeldJobView]
    receipts: list[HeldReceiptView]
    batches: list[HeldBatchView]
    cursor: str
    more: bool


@router.get("/holdings", **spec(HoldingsView, auth="assignments", query=("cursor", "limit")))
def holdings(request: Request) -> Response:
    """One's own receipts, batches and approvals, for `piecework claim`; with the cursor of the last document only what is new."""
    worker, cursor = account(request), request.query_params.get("cursor")
    return JSON(coordinator(request).files.page(worker, cursor, limit(request)))
