"""The JSON that leaves: amounts as decimal strings, bytes as 0x hex, instants as ISO 8601 in UTC."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from backend.services.coordinator import Coordinator
from backend.services.postings import terms_of
from backend.store.records import RequesterRecord
from piecework.domain.answers import answer_schema
from piecework.domain.templates import Template
from piecework.domain.terms import Terms

Listed = TypeVar("Listed")

_SENT = {"signed": "sent"}
"""What an outbox state is called outside."""


class SessionView(msgspec.Struct):
    account: str
    expires_at: datetime
    payout: str


class TokenView(msgspec.Struct):
    """A new session. By cookie its token isn't here, and `csrf` is what X-CSRF-Token must say when something is changed."""

    token: str | None
    account: str
    expires_at: datetime
    csrf: str | None = None


class OpenSessionView(msgspec.Struct):
    """A session of the account; `current` is the one that asks."""

    id: str
    created_at: datetime
    expires_at: datetime
    user_agent: str | None
    current: bool


class ChallengeView(msgspec.Struct):
    nonce: str
    domain: str
    uri: str
    chain_id: int
    statement: str
    issued_at: datetime
    expires_at: datetime


class TermsView(msgspec.Struct):
    requester: str
    operator: str
    token: str
    reward: str
    fee: str
    coordinator: str
    arbitrator: str
    arbitrator_extra_data: str
    contest_deposit: str
    appeal_stake: str
    closes_at: int
    review_window: int
    appeal_window: int
    content_hash: str
    salt: str


class RequesterRecordView(msgspec.Struct):
    """What became of a requester's slots in all its jobs. `mean_seconds` is from opening to pay; the chain knows no other times."""

    paid: int
    contested: int
    conceded: int
    appealed: int
    overturned: int
    upheld: int
    reclaimed: int
    mean_seconds: float | None


class JobView(msgspec.Struct):
    """`median_seconds` and `hourly` (base units) are measured over `measured_answers`, from the reservation to the commitment. Before
    there are answers there is no median, and `hourly` is what the requester estimates, if it does."""

    id: str
    state: str
    title: str
    instructions: str
    template: str
    labels: list[str] | None
    requester: str
    slots: int
    units: int
    amount: str
    terms: TermsView
    manifest: dict[str, Any]
    content_hash: str
    answers_per_worker: int
    per_worker_limit: int | None
    assignment_seconds: int
    auto_approval_seconds: int | None
    criteria: msgspec.Raw
    qualifications: msgspec.Raw
    ai_policy: str
    answer_schema: dict[str, Any]
    created_at: datetime
    slot_counts: dict[str, int]
    measured_answers: int
    median_seconds: int | None
    hourly: str | None
    requester_record: RequesterRecordView


class FaultView(msgspec.Struct):
    field: str
    sentence: str


class CheckView(msgspec.Struct):
    """What is wrong with a job; `count` counts the faults that the list has no room for, too."""

    faults: list[FaultView]
    count: int


class TemplateView(msgspec.Struct):
    """A task template: schemas are JSON Schema, draft 2020-12, and the examples fit them."""

    name: str
    title: str
    about: str
    element: str | None
    least_labels: int
    most_labels: int
    unit: dict[str, Any]
    options: dict[str, Any]
    answer: dict[str, Any]
    labels_example: list[str]
    options_example: dict[str, Any]
    unit_example: Any
    answer_example: Any


class UnitView(msgspec.Struct, omit_defaults=True):
    unit: int
    first_slot: int
    slots: int
    leaf: str
    content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ReceiptView(msgspec.Struct):
    job: str
    slot: int
    worker: str
    commitment: str
    digest: str
    signature: str
    coordinator: str


class AssignmentView(msgspec.Struct):
    id: str
    job: str
    unit: int
    slot: int
    worker: str
    state: str
    content: msgspec.Raw
    expires_at: datetime
    commitment: str | None
    receipt: ReceiptView | None
    answer: msgspec.Raw
    salt: str | None
    reason: str | None
    reason_code: str | None
    criterion: str | None
    batch: str | None
    created_at: datetime


class RevealedView(AssignmentView, omit_defaults=True):
    """With what is next, where that was asked for: an assignment, or why there is none."""

    next: AssignmentView | None | msgspec.UnsetType = msgspec.UNSET
    nothing_next: str | msgspec.UnsetType = msgspec.UNSET


class BatchView(msgspec.Struct):
    digest: str
    job: str
    first_slot: int
    workers: list[str]
    places: str
    answer_root: str
    signature: str
    approval: str | None
    slots: int
    amount: str
    approval_digest: str
    typed_data: dict[str, Any]
    state: str
    transaction_hash: str | None
    gas_used: int | None


class WithdrawalView(msgspec.Struct):
    id: str
    state: str
    transaction_hash: str | None
    error: str | None


class PaymentView(msgspec.Struct):
    job: str
    slot: int
    worker: str
    amount: str
    outcome: str
    transaction_hash: str
    block_number: int


class BalanceView(msgspec.Struct):
    token: str
    balance: str
    nonce: int


class AccountView(msgspec.Struct):
    address: str
    balances: list[BalanceView]
    earned: str
    slots_paid: int


class ReviewView(msgspec.Struct):
    approved: int
    rejected: int
    undone: int


class ReviewEntryView(msgspec.Struct):
    assignment: str
    before: str
    verdict: str
    code: str | None
    reason: str | None
    reviewer: str | None
    created_at: datetime


class BulkReviewView(msgspec.Struct):
    count: int
    done: bool
    token: str
    sample: list[AssignmentView]


class SiweView(msgspec.Struct):
    domain: str
    uri: str


class TokenInfoView(msgspec.Struct):
    address: str
    symbol: str
    decimals: int


class MarketView(msgspec.Struct):
    version: str
    chain_id: int
    rpc_url: str
    escrow: str
    token: TokenInfoView
    coordinator: str
    relayer: str
    fee_bps: int
    push_gas: int
    siwe: SiweView
    devnet: bool


class ReadyView(msgspec.Struct):
    ready: bool
    chain_block: int | None
    mirrored_block: int | None
    detail: str


def job(services: Coordinator, row: Row[Any]) -> JobView:
    """A job from its row with its state."""
    manifest, terms = services.postings.manifest(row), terms_of(row)
    pace, record = services.search.standing(row)
    return JobView(
        id=row.job,
        state=row.state,
        title=manifest["title"],
        instructions=manifest["instructions"],
        template=manifest["template"],
        labels=manifest["labels"],
        requester=row.requester,
        slots=row.slots,
        units=row.units,
        amount=str(terms.price * row.slots),
        terms=_terms(terms),
        manifest=manifest,
        content_hash=row.content_hash,
        answers_per_worker=row.answers_per_worker,
        per_worker_limit=row.per_worker_limit,
        assignment_seconds=row.assignment_seconds,
        auto_approval_seconds=row.auto_approval_seconds,
        criteria=msgspec.Raw(row.criteria.encode()),
        qualifications=msgspec.Raw(row.qualifications.encode()),
        ai_policy=row.ai_policy,
        answer_schema=answer_schema(manifest),
        created_at=row.created_at,
        slot_counts=services.assignments.counts(row.number, row.job, row.slots, row.state == "closed"),
        measured_answers=pace.answers if pace else 0,
        median_seconds=pace.median_seconds if pace and pace.answers else None,
        hourly=str(pace.hourly) if pace and pace.hourly else None,
        requester_record=requester_record(record),
    )


def requester_record(record: RequesterRecord) -> RequesterRecordView:
    shown = RequesterRecordView.__struct_fields__
    return RequesterRecordView(**{name: getattr(record, name) for name in shown})


def _terms(terms: Terms) -> TermsView:
    return TermsView(**terms.as_json())


def template(found: Template) -> TemplateView:
    """A template, its answer's schema as a job of its example would have it."""
    return TemplateView(
        name=found.name,
        title=found.title,
        about=found.about,
        element=found.element,
        least_labels=found.labels[0],
        most_labels=found.labels[1],
        unit=found.unit,
        options=found.options,
        answer=found.answer_schema(found.labels_example, found.options_example),
        labels_example=list(found.labels_example),
        options_example=dict(found.options_example),
        unit_example=found.unit_example,
        answer_example=found.answer_example,
    )


def unit(row: Row[Any], content: bytes | None) -> UnitView:
    """A unit; with its content where the asker may see it."""
    shown = msgspec.UNSET if content is None else msgspec.Raw(content)
    return UnitView(row.position, row.first_slot, row.slots, row.leaf, shown)


def reserved(job: str, row: dict[str, Any], content: bytes) -> AssignmentView:
    """An assignment that was reserved just now."""
    return AssignmentView(
        id=row["id"],
        job=job,
        unit=row["unit"],
        slot=row["slot"],
        worker=row["worker"],
        state="reserved",
        content=msgspec.Raw(content),
        expires_at=row["expires_at"],
        commitment=None,
        receipt=None,
        answer=msgspec.Raw(b"null"),
        salt=None,
        reason=None,
        reason_code=None,
        criterion=None,
        batch=None,
        created_at=row["created_at"],
    )


def assignment(services: Coordinator, row: Row[Any]) -> AssignmentView:
    """An assignment from its row with job and content."""
    return AssignmentView(
        id=row.id,
        job=row.job,
        unit=row.unit,
        slot=row.slot,
        worker=row.worker,
        state=row.shown_state,
        content=msgspec.Raw(services.assignments.content(row)),
        expires_at=row.expires_at,
        commitment=row.commitment,
        receipt=None if row.receipt is None else receipt(services, row),
        answer=msgspec.Raw(b"null" if row.answer is None else row.answer.encode()),
        salt=row.salt,
        reason=row.reason,
        reason_code=row.reason_code,
        criterion=services.reviews.criterion(row),
        batch=row.batch,
        created_at=row.created_at,
    )


def revealed(services: Coordinator, row: Any, following: AssignmentView | str) -> RevealedView:
    """An answered assignment with the one that follows, or the sentence that says why none does."""
    shown = msgspec.structs.asdict(assignment(services, row))
    if isinstance(following, str):
        return RevealedView(**shown, next=None, nothing_next=following)
    return RevealedView(**shown, next=following)


def receipt(services: Coordinator, row: Row[Any]) -> ReceiptView:
    """The receipt of a committed assignment."""
    return ReceiptView(**services.assignments.receipt(row.job, row.slot, row.worker, row.commitment, row.receipt))


def batch(services: Coordinator, row: Row[Any]) -> BatchView:
    """A batch with what its requester signs and what became of it."""
    return BatchView(
        digest=row.digest,
        job=row.job,
        first_slot=row.first_slot,
        workers=json.loads(row.workers),
        places="0x" + row.places.hex(),
        answer_root=row.answer_root,
        signature=row.signature,
        approval=row.approval,
        slots=row.slots,
        amount=str(row.amount),
        approval_digest="0x" + services.batches.approval_digest(row).hex(),
        typed_data=services.batches.approval_message(row),
        state="settled" if row.settled_by else "approved" if row.approval else "signed",
        transaction_hash=row.settled_by or row.sent_as,
        gas_used=row.gas_used,
    )


def decision(row: Row[Any]) -> ReviewEntryView:
    """One decision about a submission."""
    return ReviewEntryView(row.assignment, row.before, row.verdict, row.code, row.reason, row.reviewer, row.created_at)


def withdrawal(row: Row[Any]) -> WithdrawalView:
    """A relayed withdrawal and its transaction."""
    return WithdrawalView(row.id, _SENT.get(row.state, row.state), row.transaction_hash, row.error)


def payment(row: Row[Any]) -> PaymentView:
    """A slot that the chain paid."""
    return PaymentView(
        row.job, row.slot, row.worker, str(row.amount), row.outcome, row.transaction_hash, row.block_number
    )


def payments(rows: Sequence[Row[Any]], limit: int) -> dict[str, Any]:
    """A page of payments in the chain's order."""
    return page(rows, limit, payment, lambda row: f"{row.block_number}-{row.log_index}-{row.slot}")


def page(rows: Sequence[Listed], limit: int, view: Callable[[Listed], Any], key: Callable[[Listed], Any]) -> dict[str, Any]:
    """A list's page, of rows that were read to one beyond `limit`, and what leads on, see `cut`."""
    shown, following = cut(rows, limit, key)
    return {"items": [view(row) for row in shown], "next": following}


def cut(rows: Sequence[Listed], limit: int, key: Callable[[Listed], Any]) -> tuple[Sequence[Listed], str | None]:
    """The first `limit` of rows that were read to one beyond, and the key of the last of them if that one is there; else nothing follows."""
    return rows[:limit], str(key(rows[limit - 1])) if len(rows) > limit else None
