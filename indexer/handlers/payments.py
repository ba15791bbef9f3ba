"""Who was paid for which slot: settlements, finalized openings and conceded contests, and the fee of each."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from indexer import tables
from indexer.events import BatchSettled, ContestConceded, FeePaid, OpeningFinalized, WorkersPaid
from indexer.handlers.dispatch import handle
from indexer.recall import JobTerms
from indexer.store import Store
from piecework.domain.units import NATIVE

Paid = BatchSettled | OpeningFinalized | ContestConceded
_OF_OPENING = {OpeningFinalized: tables.Finalization, ContestConceded: tables.Concession}


@dataclass(frozen=True, slots=True)
class Payee:
    """A place of the table: its worker, how the money of its slots went, and how much that is a slot, in base units."""

    worker: str
    outcome: str
    amount: int


@handle.register
def workers_paid(event: WorkersPaid, store: Store) -> None:
    """Each place was paid once, for all its slots in all batches of the settlement."""
    terms = store.job(event.at, event.job)
    nobody = {NATIVE, terms.requester, store.escrow}
    payees = [
        _payee(worker, worker in nobody, bool(event.credited >> place & 1), terms)
        for place, worker in enumerate(event.workers, 1)
    ]
    counts: Counter[int] = Counter()
    for part in event.paid:
        first_slot = _part(part, store)
        store.extend(tables.SlotPayment, _slot_payments(part, first_slot, payees, store))
        counts.update(part.places)
    slots = counts.total() - counts[0]
    store.count(event.at, event.job, taken=slots if isinstance(event.paid[0], BatchSettled) else 0, resolved=slots)
    deposit = terms.contest_deposit if isinstance(event.paid[0], ContestConceded) else 0
    for place, payee in enumerate(payees, 1):
        if counts[place]:
            _paid(event, place, payee, counts[place], deposit, store)


def _payee(worker: str, is_nobody: bool, is_credited: bool, terms: JobTerms) -> Payee:
    """Slots of the requester's own, of the zero address and of the escrow are cancelled."""
    if is_nobody:
        return Payee(worker, "cancelled", terms.slot)
    return Payee(worker, "credited" if is_credited else "pushed", terms.reward)


def _part(part: Paid, store: Store) -> int:
    """The row of a batch or an opening that was paid; returns the slot of its first byte."""
    if isinstance(part, BatchSettled):
        _batch_settled(part, store)
        return part.first_slot
    slots = len(part.places) - part.places.count(0)
    store.add(_OF_OPENING[type(part)], part.at, job=part.job, opening=part.opening, places=part.places, slots=slots)
    return store.opening(part.at, part.opening).first_slot


def _batch_settled(event: BatchSettled, store: Store) -> None:
    store.add(
        tables.SettledBatch,
        event.at,
        job=event.job,
        batch=event.batch,
        first_slot=event.first_slot,
        worker_count=event.worker_count,
        answer_root=event.answer_root,
        places=event.places,
    )


def _slot_payments(part: Paid, first_slot: int, payees: list[Payee], store: Store) -> list[dict[str, Any]]:
    """A row for every slot that was paid; what is the same for all slots of a worker is made once."""
    common = store.keys(part.at) | {"job": part.job}
    of_place = [
        common | {"worker": payee.worker, "outcome": payee.outcome, "amount": payee.amount} for payee in payees
    ]
    return [{**of_place[place - 1], "slot": slot} for slot, place in enumerate(part.places, first_slot) if place]


def _paid(event: WorkersPaid, place: int, payee: Payee, slots: int, deposit: int, store: Store) -> None:
    """What one place got: the money of its slots, and of a contest that was conceded the `deposit` of each."""
    terms, amount = store.job(event.at, event.job), slots * payee.amount
    paid = {"job": event.job, "worker": payee.worker, "token": terms.token, "slots": slots, "amount": amount}
    store.add(tables.WorkerPayment, event.at, place=place, outcome=payee.outcome, **paid)
    if payee.outcome == "pushed":
        return
    cancelled = payee.outcome == "cancelled"
    account, reason = (terms.requester, "cancelled") if cancelled else (payee.worker, "earned")
    store.credit(event.at, account, terms.token, amount, reason, event.job)
    store.credit(event.at, account, terms.token, slots * deposit, "contest_deposit", event.job)


@handle.register
def fee_paid(event: FeePaid, store: Store) -> None:
    store.credit(event.at, event.treasury, event.token, event.amount, "fee", event.job)
