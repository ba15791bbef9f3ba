"""The reference model's jobs: a slot has one fate at a time, and everything that a job says of itself is counted from them."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Self

from piecework.domain.recourse import Appeal, Opening
from piecework.domain.terms import (
    MAX_DURATION,
    MAX_EXTRA_DATA,
    MAX_SLOTS,
    MAX_WINDOW,
    MIN_APPEAL_WINDOW,
    Batch,
    Terms,
    protocol_fee,
)
from piecework.domain.typed_data import Funding
from piecework.domain.units import NATIVE
from tests.contracts.model.money import Authorization, Money, Permit, require

MOST_FUNDED = 2**32 - 1

# A slot's fate: free → resolved; or free → opened → resolved; or free → opened → contested → resolved; or free → opened →
# contested → appealed → resolved. It is resolved when its money has left the job, to whomever.


@dataclass(frozen=True)
class SignedBatch:
    """A batch and who signed it as its coordinator."""

    batch: Batch
    signer: str


@dataclass(frozen=True)
class Approval:
    """Who signed that so many slots of the batch are approved; nobody, where the caller's own word is to count."""

    signer: str | None
    slots: int


@dataclass
class Opened:
    """An opening: what it took, when, and whether it was finalized."""

    opening: Opening
    at: int
    finalized: bool = False

    def named(self) -> list[tuple[int, int]]:
        """The slots that it took, with the places of their workers."""
        return [(self.opening.first_slot + i, place) for i, place in enumerate(self.opening.places) if place]


@dataclass
class Appealed:
    """An appeal: its slots, its phase, since when, and the ruling."""

    appeal: Appeal
    slots: tuple[int, ...]
    phase: str
    since: int
    ruling: int = 0


@dataclass
class Job:
    """A job's terms and the fate of each of its slots; `unused` are those that the close gave back."""

    terms: Terms
    fates: list[str]
    closed: bool = False
    unused: frozenset[int] = frozenset()
    openings: dict[bytes, Opened] = field(default_factory=dict)
    appeals: dict[bytes, Appealed] = field(default_factory=dict)

    def copy(self) -> "Job":
        openings = {key: copy(opened) for key, opened in self.openings.items()}
        appeals = {key: copy(appealed) for key, appealed in self.appeals.items()}
        return Job(self.terms, self.fates.copy(), self.closed, self.unused, openings, appeals)

    def counts(self) -> tuple[int, int, int, bool]:
        """Slots funded, taken and resolved; and whether the job is closed."""
        funded = len(self.fates)
        return funded, funded - self.fates.count("free"), self.fates.count("resolved"), self.closed

    def free(self, batch: Batch) -> list[tuple[int, int]]:
        """The free slots that a batch names, with the places of their workers."""
        named = [(batch.first_slot + i, place) for i, place in enumerate(batch.places) if place]
        return [(slot, place) for slot, place in named if slot < len(self.fates) and self.fates[slot] == "free"]

    def locked(self) -> int:
        """Base units that the job holds: slots that aren't resolved, deposits of contested ones, stakes of appeals."""
        terms = self.terms
        unresolved = len(self.fates) - self.fates.count("resolved")
        deposits = (self.fates.count("contested") + self.fates.count("appealed")) * terms.contest_deposit
        stakes = sum(terms.appeal_stake for appealed in self.appeals.values() if appealed.phase != "done")
        return unresolved * terms.price + deposits + stakes


@dataclass
class Jobs(Money):
    """Posting, funding, settling and closing."""

    jobs: dict[bytes, Job] = field(default_factory=dict)

    def copy(self) -> Self:
        other = super().copy()
        other.jobs = {key: job.copy() for key, job in self.jobs.items()}
        return other

    # Money into jobs -------------------------------------------------------------------------------------------------

    def post(self, sender: str, job: bytes, terms: Terms, slots: int, source: str, value: int) -> bytes:
        self.create(job, terms, slots)
        self.bring(sender, terms, slots, source, value)
        return self.begin(job, terms, slots)

    def post_with_permit(self, sender: str, job: bytes, terms: Terms, slots: int, permit: Permit) -> bytes:
        self.create(job, terms, slots)
        require(sender == terms.requester, "CallerNotRequester")
        self.from_permit(sender, terms.token, slots * terms.price, permit)
        return self.begin(job, terms, slots)

    def post_with_authorization(self, job: bytes, terms: Terms, slots: int, signed: Authorization) -> bytes:
        self.create(job, terms, slots)
        self.from_authorization(terms.requester, terms.token, slots * terms.price, job, signed)
        return self.begin(job, terms, slots)

    def fund(self, sender: str, terms: Terms, funding: Funding, source: str, value: int) -> None:
        self.extend(funding)
        self.bring(sender, terms, funding.slots, source, value)
        self.lengthen(funding)

    def fund_with_permit(self, sender: str, terms: Terms, funding: Funding, permit: Permit) -> None:
        self.extend(funding)
        require(sender == terms.requester, "CallerNotRequester")
        self.from_permit(sender, terms.token, funding.slots * terms.price, permit)
        self.lengthen(funding)

    def fund_with_authorization(self, terms: Terms, funding: Funding, nonce: bytes, signed: Authorization) -> None:
        self.extend(funding)
        self.from_authorization(terms.requester, terms.token, funding.slots * terms.price, nonce, signed)
        self.lengthen(funding)

    def create(self, job: bytes, terms: Terms, slots: int) -> None:
        self.check_terms(terms)
        require(slots > 0, "SlotsZero")
        require(job not in self.jobs, "JobExists")

    def begin(self, job: bytes, terms: Terms, slots: int) -> bytes:
        self.jobs[job] = Job(terms, ["free"] * slots)
        return job

    def extend(self, funding: Funding) -> None:
        require(funding.slots > 0, "SlotsZero")
        job = self.open_job(funding.job)
        require(funding.first_slot == len(job.fates), "FirstSlotMoved")
        require(funding.slots <= MOST_FUNDED - funding.first_slot, "SlotsTooMany")

    def lengthen(self, funding: Funding) -> None:
        self.jobs[funding.job].fates += ["free"] * funding.slots

    def bring(self, sender: str, terms: Terms, slots: int, source: str, value: int) -> None:
        """The money of so many slots: from the requester's own wallet, or its balance."""
        amount = slots * terms.price
        if source == "wallet":
            require(sender == terms.requester, "CallerNotRequester")
            return self.from_wallet(sender, terms.token, amount, value)
        require(value == 0, "ValueWrong")
        if sender != terms.requester:
            self.spend(terms.requester, sender, terms.token, amount)
        self.debit(terms.requester, terms.token, amount)

    def check_terms(self, terms: Terms) -> None:
        require(terms.requester not in (NATIVE, self.escrow), "AddressInvalid")
        require(terms.coordinator != NATIVE, "CoordinatorZero")
        require(terms.reward > 0, "RewardZero")
        require(len(terms.arbitrator_extra_data) <= MAX_EXTRA_DATA, "ExtraDataTooLong")
        require(terms.fee == protocol_fee(terms.reward, self.fee_bps), "FeeNotToday")
        require(self.now < terms.closes_at <= self.now + MAX_DURATION, "ClosesAtWrong")
        windows = terms.review_window <= MAX_WINDOW and MIN_APPEAL_WINDOW <= terms.appeal_window <= MAX_WINDOW
        require(windows, "WindowWrong")

    def open_job(self, job: bytes) -> Job:
        require(job in self.jobs, "JobUnknown")
        require(not self.jobs[job].closed, "JobIsClosed")
        return self.jobs[job]

    def close(self, job: bytes, terms: Terms) -> None:
        require(self.now >= terms.closes_at, "ClosesLater")
        entry = self.open_job(job)
        entry.unused = frozenset(slot for slot, fate in enumerate(entry.fates) if fate == "free")
        self.credit(terms.requester, terms.token, len(entry.unused) * terms.price)
        entry.fates = ["resolved" if fate == "free" else fate for fate in entry.fates]
        entry.closed = True

    # Settling --------------------------------------------------------------------------------------------------------

    def settle(
        self,
        sender: str,
        job: bytes,
        terms: Terms,
        batches: Sequence[tuple[SignedBatch, Approval]],
        credit_only: frozenset[str],
        push_gas: int,
    ) -> None:
        """The batches share one table, each the first entries of the last one's."""
        entry = self.open_job(job)
        widest = max((signed.batch.workers for signed, _ in batches), key=len, default=())
        table: tuple[str, ...] = ()
        taken: list[int] = []
        for signed, approval in batches:
            require(len(signed.batch.places) <= MAX_SLOTS, "BatchTooLarge")
            if len(signed.batch.workers) != len(table):
                require(all(place <= len(table) for place in taken), "PlaceUnknown")
                table = widest[: len(signed.batch.workers)]
            require(signed.signer == terms.coordinator and signed.batch.job == job, "SignatureInvalid")
            for slot, place in entry.free(signed.batch):
                entry.fates[slot] = "resolved"
                taken.append(place)
            self.require_approved(sender, terms, approval, signed.batch.named)
        require(bool(taken), "NothingFree")
        require(all(place <= len(table) for place in taken), "PlaceUnknown")
        self.pay(terms, table, taken, credit_only, push_gas)

    def require_approved(self, sender: str, terms: Terms, approval: Approval, slots: int) -> None:
        signer = approval.signer or sender
        agreed = approval.signer is None or approval.slots == slots
        require(agreed and signer in (terms.requester, terms.operator), "SignatureInvalid")

    def pay(
        self, terms: Terms, table: Sequence[str], places: list[int], credit_only: frozenset[str], push_gas: int
    ) -> None:
        """Pays each place of the table once for its slots; slots of nobody's go back with their fee."""
        for place, slots in Counter(places).items():
            worker = table[place - 1]
            if self.is_nobody(terms, worker):
                self.credit(terms.requester, terms.token, slots * terms.price)
                continue
            self.credit(self.treasury, terms.token, slots * terms.fee)
            by_ledger = push_gas == 0 or worker in credit_only
            if by_ledger or not self.push(terms.token, worker, slots * terms.reward, push_gas):
                self.credit(worker, terms.token, slots * terms.reward)

    def is_nobody(self, terms: Terms, worker: str) -> bool:
        return worker in (terms.requester, NATIVE, self.escrow)
