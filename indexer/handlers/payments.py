"""Who was paid for which slot: settlements, finalized openings and conceded contests, and the fee of each."""

from msgspec.structs import replace

from indexer import tables
from indexer.books import Change
from indexer.events import BatchSettled, ContestConceded, FeePaid, OpeningFinalized, WorkersPaid
from indexer.handlers.dispatch import handles
from indexer.store import Store
from piecework.domain.units import NATIVE

Paid = BatchSettled | OpeningFinalized | ContestConceded
_OF_OPENING = {OpeningFinalized: tables.Finalization, ContestConceded: tables.Concession}
_NOBODY = {0}
"""The byte of a slot that no place has."""


@handles(WorkersPaid)
def workers_paid(event: WorkersPaid, store: Store) -> None:
    """Each place was paid once, for all its slots in all batches of the settlement."""
    parts = [(_part(part, store), part.places) for part in event.paid]
    store.pay_slots(event.at, event.job, parts)
    named = b"".join([places for _, places in parts])
    paid = _pay(event, parts, named, store)
    store.change(event.at, event.job, _change(event, paid, len(named) - named.count(0), store))


def _change(event: WorkersPaid, paid: int, slots: int, store: Store) -> Change:
    """What a payment changes about its job; `paid` of the `slots` were, and the others went back."""
    part = event.paid[0]
    if isinstance(part, BatchSettled):
        return Change(taken=slots, paid=paid, refunded=slots - paid)
    seconds = paid * (store.time(event.at) - store.opening(event.at, part.opening).opened_at)
    settled = Change(paid=paid, refunded=slots - paid, timed=paid, seconds=seconds)
    return replace(settled, contested=-slots, conceded=slots) if isinstance(part, ContestConceded) else settled


def _part(part: Paid, store: Store) -> int:
    """The row of a batch or an opening that was paid; returns the slot of its first byte."""
    if isinstance(part, BatchSettled):
        own = (part.at.transaction_hash, part.job, part.batch, part.first_slot, part.worker_count, part.answer_root, part.places)
        store.rows[tables.SettledBatch].append((*store.keys(part.at), *own))
        return part.first_slot
    slots = len(part.places) - part.places.count(0)
    store.add(_OF_OPENING[type(part)], part.at, job=part.job, opening=part.opening, places=part.places, slots=slots)
    return store.opening(part.at, part.opening).first_slot


def _pay(event: WorkersPaid, parts: list[tuple[int, bytes]], named: bytes, store: Store) -> int:
    """What each place got: the money of its slots, and of a contest that was conceded the deposit of each; how many slots were paid.

    Slots of the requester's own, of the zero address and of the escrow are cancelled: they go back with their fee.

    Args:
        named: the bytes of all parts.
    """
    at, job, terms = event.at, event.job, store.job(event.at, event.job)
    token, reward, nobody = terms.token, terms.reward, (NATIVE, terms.requester, store.escrow)
    workers, credited = event.workers, event.credited
    deposit = terms.contest_deposit if isinstance(event.paid[0], ContestConceded) else 0
    chain_id, block_number, log_index, escrow = store.keys(at)
    add, crowd, paid = store.rows[tables.WorkerPayment].append, store.crowd(job).workers, 0
    (first_slot, places), is_one = parts[0], len(parts) == 1
    for place in sorted({*named} - _NOBODY):
        worker, slots = workers[place - 1], named.count(place)
        if worker in nobody:
            outcome, slot_amount, account, reason = "cancelled", terms.slot, terms.requester, "cancelled"
            earner = store.earner(worker, token)
        else:
            if credited >> place & 1:
                outcome, slot_amount, account, reason = "credited", reward, worker, "earned"
            else:
                outcome, slot_amount, account, reason = "pushed", reward, "", ""
            earner = store.earn(at, terms, crowd, worker, slots)
            paid += slots
        amount = slots * slot_amount
        if is_one:
            first, last = first_slot + places.find(place), first_slot + places.rfind(place)
        else:
            first, last = _between(place, parts)
        add(
            (
                *(chain_id, block_number, log_index, escrow, place, job, worker, token, slots, slot_amount, amount, outcome),
                *(first, last, earner.slots, earner.amount, earner.jobs, earner.requesters),
            )
        )
        if account:
            store.credit(at, account, token, amount, reason, job)
            if deposit:
                store.credit(at, account, token, slots * deposit, "contest_deposit", job)
    return paid


def _between(place: int, parts: list[tuple[int, bytes]]) -> tuple[int, int]:
    """The first and the last slot of a place that is in one of several parts."""
    held = [(slot + at, slot + places.rfind(place)) for slot, places in parts if (at := places.find(place)) >= 0]
    return held[0] if len(held) == 1 else (min(held)[0], max([last for _, last in held]))


@handles(FeePaid)
def fee_paid(event: FeePaid, store: Store) -> None:
    store.credit(event.at, event.treasury, event.token, event.amount, "fee", event.job)
