"""Jobs: posted, funded, closed; and what posting costs."""

from indexer import tables
from indexer.books import Change
from indexer.events import JobClosed, JobFunded, JobPosted, ProtocolFeeSet
from indexer.handlers.dispatch import handles
from indexer.recall import JobTerms
from indexer.store import Store


@handles(JobPosted)
def job_posted(event: JobPosted, store: Store) -> None:
    terms, at, job = event.terms, event.at, event.job
    values = {name: getattr(terms, name) for name in terms.__slots__}
    values |= {name: "0x" + values[name].hex() for name in ("arbitrator_extra_data", "content_hash", "salt")}
    store.add(tables.Job, at, job=job, **values)
    store.post(job, JobTerms(*(values[name] for name in JobTerms.__slots__)))
    job_funded(JobFunded(at, job, 0, event.slots, values["content_hash"], event.source), store)


@handles(JobFunded)
def job_funded(event: JobFunded, store: Store) -> None:
    terms = store.job(event.at, event.job)
    store.add(
        tables.Funding,
        event.at,
        job=event.job,
        first_slot=event.first_slot,
        slots=event.slots,
        content_hash=event.content_hash,
        source=event.source,
    )
    store.change(event.at, event.job, Change(funded=event.slots))
    if event.source == "ledger":
        store.debit(event.at, terms.requester, terms.token, event.slots * terms.slot, "locked", event.job)


@handles(JobClosed)
def job_closed(event: JobClosed, store: Store) -> None:
    terms = store.job(event.at, event.job)
    store.add(tables.Close, event.at, job=event.job, slots_refunded=event.slots_refunded)
    store.change(event.at, event.job, Change(refunded=event.slots_refunded, closes=True))
    store.credit(event.at, terms.requester, terms.token, event.slots_refunded * terms.slot, "refunded", event.job)


@handles(ProtocolFeeSet)
def protocol_fee_set(event: ProtocolFeeSet, store: Store) -> None:
    store.add(tables.ProtocolFee, event.at, fee_bps=event.fee_bps, treasury=event.treasury)
