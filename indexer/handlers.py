"""What each event means in rows. A handler knows the event and the store, sets values and never increments."""

from collections import Counter
from functools import singledispatch

from indexer import tables
from indexer.decode import (
    BatchSettled,
    Deposited,
    Event,
    FeePaid,
    JobClosed,
    JobFunded,
    JobPosted,
    ProtocolFeeSet,
    Settled,
    Withdrawn,
)
from indexer.store import JobPrice, Store


@singledispatch
def handle(event: Event, store: Store) -> None:
    """Puts the rows of one event into the store; events come in the order of the chain."""
    raise TypeError(f"no handler for {type(event).__name__}")


@handle.register
def deposited(event: Deposited, store: Store) -> None:
    store.credit(event.at, event.account, event.token, event.amount, "deposited")


@handle.register
def withdrawn(event: Withdrawn, store: Store) -> None:
    at, owner, token = event.at, event.owner, event.token
    store.add(
        tables.LedgerWithdrawal,
        at,
        owner=owner,
        token=token,
        receiver=event.receiver,
        amount=event.amount,
        relayer=event.relayer,
        relay_fee=event.fee,
    )
    store.debit(at, owner, token, event.amount, "withdrawn")
    store.debit(at, owner, token, event.fee, "relay_fee")
    store.credit(at, event.relayer, token, event.fee, "relay_fee")


@handle.register
def job_posted(event: JobPosted, store: Store) -> None:
    terms, at, job = event.terms, event.at, event.job
    values = {name: getattr(terms, name) for name in terms.__slots__}
    values |= {name: "0x" + values[name].hex() for name in ("arbitrator_extra_data", "content_hash", "salt")}
    store.add(tables.Job, at, job=job, **values)
    store.post(job, JobPrice(terms.requester, terms.token, terms.reward, terms.fee))
    job_funded(JobFunded(at, job, 0, event.slots, values["content_hash"], event.source), store)


@handle.register
def job_funded(event: JobFunded, store: Store) -> None:
    price = store.job(event.at, event.job)
    store.add(
        tables.Funding,
        event.at,
        job=event.job,
        first_slot=event.first_slot,
        slots=event.slots,
        content_hash=event.content_hash,
        source=event.source,
    )
    if event.source == "ledger":
        store.debit(event.at, price.requester, price.token, event.slots * price.slot, "locked", event.job)


@handle.register
def settled(event: Settled, store: Store) -> None:
    """Each worker was paid once, for all its slots in all batches of the settlement."""
    price = store.job(event.at, event.job)
    outcomes = [""] + [_outcome(event, place, price) for place in range(1, len(event.workers) + 1)]
    amounts = {"pushed": price.reward, "credited": price.reward, "cancelled": price.slot}
    counts: Counter[int] = Counter()
    for batch in event.batches:
        _batch_settled(batch, store)
        store.extend(tables.SlotPayment, _slot_payments(batch, event.workers, outcomes, amounts, store))
        counts.update(batch.places)
    for place, worker in enumerate(event.workers, 1):
        if counts[place]:
            _worker_paid(event, place, worker, counts[place], outcomes[place], amounts, price.token, store)


def _outcome(event: Settled, place: int, price: JobPrice) -> str:
    if event.workers[place - 1] == price.requester:
        return "cancelled"
    return "credited" if event.credited >> place & 1 else "pushed"


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


def _slot_payments(
    event: BatchSettled, workers: tuple[str, ...], outcomes: list[str], amounts: dict[str, int], store: Store
) -> list[dict[str, object]]:
    """A row for every slot that was paid; what is the same for all slots of a worker is made once."""
    common = store.keys(event.at) | {"job": event.job}
    of_place = [
        common | {"worker": worker, "outcome": outcome, "amount": amounts.get(outcome)}
        for worker, outcome in zip(("", *workers), outcomes, strict=True)
    ]
    return [
        {**of_place[place], "slot": slot} for slot, place in enumerate(event.places, event.first_slot) if place
    ]


def _worker_paid(
    event: Settled,
    place: int,
    worker: str,
    slots: int,
    outcome: str,
    amounts: dict[str, int],
    token: str,
    store: Store,
) -> None:
    amount = slots * amounts[outcome]
    paid = {"job": event.job, "worker": worker, "token": token, "slots": slots, "amount": amount, "outcome": outcome}
    store.add(tables.WorkerPayment, event.at, place=place, **paid)
    if outcome != "pushed":
        store.credit(event.at, worker, token, amount, "earned" if outcome == "credited" else outcome, event.job)


@handle.register
def fee_paid(event: FeePaid, store: Store) -> None:
    store.credit(event.at, event.treasury, event.token, event.amount, "fee", event.job)


@handle.register
def job_closed(event: JobClosed, store: Store) -> None:
    price = store.job(event.at, event.job)
    store.add(tables.Close, event.at, job=event.job, slots_refunded=event.slots_refunded)
    store.credit(event.at, price.requester, price.token, event.slots_refunded * price.slot, "refunded", event.job)


@handle.register
def protocol_fee_set(event: ProtocolFeeSet, store: Store) -> None:
    store.add(tables.ProtocolFee, event.at, fee_bps=event.fee_bps, treasury=event.treasury)
