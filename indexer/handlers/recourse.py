"""Openings and appeals: slots that somebody took without an approval, and what became of them."""

import json
from collections.abc import Iterable
from dataclasses import replace

from indexer import tables
from indexer.books import Change
from indexer.events import (
    Appealed,
    AppealEnded,
    BatchOpened,
    Defended,
    EvidenceShown,
    Position,
    Ruling,
    SlotsContested,
    SlotsReclaimed,
)
from indexer.handlers.dispatch import handles
from indexer.recall import AppealFacts, JobTerms, Opened, Stand
from indexer.store import Store

PLACE, ONE = 1, b"\1"
"""Of the one worker whom an appeal pays, and a slot of it."""


@handles(BatchOpened)
def batch_opened(event: BatchOpened, store: Store) -> None:
    at, slots = event.at, _named(event.places)
    store.add(
        tables.Opening,
        at,
        job=event.job,
        opening=event.opening,
        batch=event.batch,
        first_slot=event.first_slot,
        workers=json.dumps(event.workers),
        answer_root=event.answer_root,
        places=event.places,
        slots=slots,
        opened_at=store.time(at),
    )
    store.open(event.opening, Opened(event.first_slot, event.workers, store.time(at)))
    store.change(at, event.job, Change(taken=slots))
    _steps(at, event.job, [(event.opening, event.places)], "opened", store)


@handles(SlotsContested)
def slots_contested(event: SlotsContested, store: Store) -> None:
    at, slots, terms = event.at, _named(event.places), store.job(event.at, event.job)
    store.add(
        tables.Contest,
        at,
        job=event.job,
        opening=event.opening,
        contested_by=event.by,
        reason=event.reason,
        places=event.places,
        slots=slots,
    )
    store.change(at, event.job, Change(contested=slots))
    _steps(at, event.job, [(event.opening, event.places)], "contested", store)
    store.debit(at, terms.requester, terms.token, slots * terms.contest_deposit, "contest_deposit", event.job)


@handles(SlotsReclaimed)
def slots_reclaimed(event: SlotsReclaimed, store: Store) -> None:
    at = event.at
    store.add(
        tables.Reclaim, at, job=event.job, opening=event.opening, places=event.places, slots=event.slots
    )
    store.change(at, event.job, Change(refunded=event.slots, contested=-event.slots, reclaimed=event.slots))
    _refund(at, event.job, event.slots, [(event.opening, event.places)], store.job(at, event.job), store)


@handles(Appealed)
def appealed(event: Appealed, store: Store) -> None:
    at, terms = event.at, store.job(event.at, event.job)
    parts = tuple(zip(event.openings, event.places, strict=True))
    common = {"appeal": event.appeal, "job": event.job}
    store.add(
        tables.Appeal,
        at,
        worker=event.worker,
        sponsor=event.sponsor,
        request=event.request,
        slots=event.slots,
        appealed_at=store.time(at),
        **common,
    )
    for position, (opening, places) in enumerate(parts):
        store.add(
            tables.AppealedOpening, at, position=position, appeal=event.appeal, opening=opening, places=places
        )
    store.appeal(event.appeal, AppealFacts(event.worker, event.sponsor, parts))
    store.step(at, event.job, event.appeal, Stand("pending"))
    store.change(at, event.job, Change(appeals=1, appealed=event.slots))
    _steps(at, event.job, parts, "appealed", store)
    store.debit(at, event.sponsor, terms.token, terms.appeal_stake, "appeal_stake", event.job)


@handles(Defended)
def defended(event: Defended, store: Store) -> None:
    """What was sent over the arbitrator's price is a `Deposited` of its own."""
    before = store.stand(event.at, event.appeal)
    dispute = replace(before, arbitrator=event.arbitrator, dispute_id=event.dispute_id, cost=event.cost)
    store.step(event.at, event.job, event.appeal, replace(dispute, phase="defended"))


@handles(Ruling)
def ruled(event: Ruling, store: Store) -> None:
    """A ruling is only written down; the money moves when the appeal ends."""
    appeal, job = store.disputed(event.at, event.arbitrator, event.dispute_id)
    store.step(event.at, job, appeal, replace(store.stand(event.at, appeal), phase="ruled", ruling=event.ruling))


@handles(AppealEnded)
def appeal_ended(event: AppealEnded, store: Store) -> None:
    at, facts, terms = event.at, store.appealed(event.at, event.appeal), store.job(event.at, event.job)
    winner = "worker" if event.worker_won else "requester"
    store.step(at, event.job, event.appeal, replace(store.stand(at, event.appeal), phase="done", winner=winner))
    if event.worker_won:
        _award(event, facts, terms, store)
        receiver = facts.sponsor
    else:
        store.change(at, event.job, Change(refunded=event.slots, contested=-event.slots, appeals=-1))
        _refund(at, event.job, event.slots, facts.parts, terms, store)
        receiver = terms.requester
    store.credit(at, receiver, terms.token, terms.appeal_stake, "appeal_stake", event.job)


@handles(EvidenceShown)
def evidence_shown(event: EvidenceShown, store: Store) -> None:
    store.add(
        tables.Evidence, event.at, appeal=event.appeal, kind=event.kind, party=event.party, content=event.content
    )


def _award(event: AppealEnded, facts: AppealFacts, terms: JobTerms, store: Store) -> None:
    """The slots and their lost deposits go into the worker's ledger; the fee is an event of its own."""
    at, job, amount = event.at, event.job, event.slots * terms.reward
    won = [slot for opening, places in facts.parts for slot, _ in store.opening(at, opening).slots(places)]
    earner = store.earn(at, terms, store.crowd(job).workers, facts.worker, event.slots)
    store.pay_slots(at, job, [(slot, ONE) for slot in won])
    store.add(
        tables.WorkerPayment,
        at,
        place=PLACE,
        job=job,
        worker=facts.worker,
        token=terms.token,
        slots=event.slots,
        slot_amount=terms.reward,
        amount=amount,
        outcome="credited",
        first_slot=min(won),
        last_slot=max(won),
        slots_total=earner.slots,
        amount_total=earner.amount,
        jobs_total=earner.jobs,
        requesters_total=earner.requesters,
    )
    paid, seconds = event.slots, _seconds(at, facts, store)
    store.change(at, job, Change(paid=paid, contested=-paid, appeals=-1, timed=paid, seconds=seconds))
    store.credit(at, facts.worker, terms.token, amount, "earned", job)
    store.credit(at, facts.worker, terms.token, event.slots * terms.contest_deposit, "contest_deposit", job)


def _seconds(at: Position, facts: AppealFacts, store: Store) -> int:
    """From the opening of each appealed slot until now, added up."""
    return sum(_named(places) * (store.time(at) - store.opening(at, opening).opened_at) for opening, places in facts.parts)


def _refund(
    at: Position, job: str, slots: int, parts: Iterable[tuple[str, bytes]], terms: JobTerms, store: Store
) -> None:
    """Contested slots go back to the requester, with their fee and their deposits."""
    _steps(at, job, parts, "refunded", store)
    store.credit(at, terms.requester, terms.token, slots * terms.slot, "refunded", job)
    store.credit(at, terms.requester, terms.token, slots * terms.contest_deposit, "contest_deposit", job)


def _steps(at: Position, job: str, parts: Iterable[tuple[str, bytes]], state: str, store: Store) -> None:
    """A row for every slot that the bytes name, opening by opening."""
    keys = store.keys(at)
    for opening, places in parts:
        slots = store.opening(at, opening).slots(places)
        store.extend(tables.SlotStep, [(*keys, slot, job, worker, opening, state) for slot, worker in slots])


def _named(places: bytes) -> int:
    """How many slots the bytes name."""
    return len(places) - places.count(0)
