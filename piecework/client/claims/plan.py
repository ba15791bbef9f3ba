"""What is to be done for one worker now, what waits until when, and what only the worker can decide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from piecework.chain.escrow import SignedBatch, encode_settle
from piecework.chain.escrow_recourse import (
    OpenedBatch,
    encode_appeal,
    encode_concede,
    encode_conclude,
    encode_finalize,
    encode_open,
)
from piecework.client.claims.trail import Trail
from piecework.client.holdings import HeldBatch, Holdings, Receipt
from piecework.domain.recourse import FOR_REQUESTER, RULING_LIMIT, Opening
from piecework.domain.terms import MAX_OPENED, Terms
from piecework.domain.typed_data import Key

PUSH_GAS = 60_000
"""Gas that each transfer into a wallet may use."""
MOST_OPENED = 60
"""Batches in one opening call: about 5 million gas."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: its calldata for the escrow, and what it is for.

    Attributes:
        key: tells it from every other step, so that none is tried for ever.
        slots: how many of the worker's slots it is about, and `amount` their worth in base units of `token`.
        closes_at: for an opening, when its job closes (Unix seconds): from then on nothing can be opened.
    """

    key: tuple[str, ...]
    words: str
    data: str
    token: str
    slots: int
    amount: int
    closes_at: int = 0

    @property
    def kind(self) -> str:
        return self.key[0]


@dataclass(frozen=True, slots=True)
class Wait:
    """Slots about which nothing can be done before `until` (Unix seconds)."""

    until: int
    words: str
    slots: int


@dataclass(slots=True)
class Plan:
    """Steps in the order in which they are to be carried; `decide` is what only the worker can say; `lost` is gone."""

    steps: list[Step] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    decide: list[Wait] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    paid: int = 0


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who signs and who sends: without the worker's key nothing is signed, and calls that need it are only described."""

    worker: Key | None
    sender: str
    credit_only: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How far a worker trusts a coordinator's receipts before it opens them on the chain.

    Attributes:
        unopened: by token, up to how many base units may lie in receipts that nobody approved; of other tokens nothing.
        seconds: how long before a job closes everything of it is opened, however little it is.
    """

    unopened: Mapping[str, int]
    seconds: int

    def put_off(self, plan: Plan, now: int) -> None:
        """Turns openings that aren't due yet into waiting."""
        opens = [step for step in plan.steps if step.kind == "open"]
        worth: dict[str, int] = {}
        for step in opens:
            worth[step.token] = worth.get(step.token, 0) + step.amount
        for step in opens:
            due = step.closes_at - self.seconds
            if worth[step.token] <= self.unopened.get(step.token, 0) and now < due:
                plan.steps.remove(step)
                plan.waits.append(Wait(due, f"within what you trust; due then: {step.words}", step.slots))


@dataclass(slots=True)
class JobClaim:
    """One job's part of a plan.

    Args:
        holdings: the worker's file.
        job: the job.
        trail: what became of its slots.
        appeals: the phase, since when, and the ruling of each appeal that isn't over (`Escrow.appeal`).
        taken: which of the worker's slots aren't free.
        now: the chain's time, Unix seconds.
        carrier: who signs and sends.
        appealing: whether contested slots are to be appealed.
        stake_left: base units in the sender's ledger for stakes.
    """

    holdings: Holdings
    job: bytes
    trail: Trail
    appeals: dict[bytes, tuple[str, int, int]]
    taken: set[int]
    now: int
    carrier: Carrier
    appealing: bool = False
    stake_left: int = 0
    plan: Plan = field(default_factory=Plan)

    @property
    def terms(self) -> Terms:
        return self.holdings.terms[self.job]

    @property
    def me(self) -> str:
        return self.holdings.worker

    @property
    def name(self) -> str:
        return f"job 0x{self.job.hex()[:8]}…"

    def add_to(self, plan: Plan) -> None:
        """Adds what this job needs."""
        self.plan = plan
        receipts = [one for (job, _), one in sorted(self.holdings.receipts.items()) if job == self.job]
        free = [one for one in receipts if one.slot not in self.taken]
        by_opening: dict[bytes, list[int]] = {}
        for receipt in receipts:
            if receipt.slot not in self.taken:
                continue
            opening = self.trail.opening_of.get(receipt.slot)
            if opening is None or self.trail.holder(receipt.slot) != self.me:
                self._elsewhere(receipt.slot)
            else:
                by_opening.setdefault(opening, []).append(receipt.slot)
        self._free(free)
        contested: dict[bytes, list[int]] = {}
        for opening, slots in by_opening.items():
            mine = [slot for slot in slots if slot in self.trail.contested]
            self._opened(opening, [slot for slot in slots if slot not in self.trail.contested])
            contested[opening] = [slot for slot in mine if slot not in self.trail.answers]
            self._answered([slot for slot in mine if slot in self.trail.answers])
        self._contested({opening: slots for opening, slots in contested.items() if slots})

    # ------------------------------------------------------------------------------------------- free slots

    def _free(self, receipts: Sequence[Receipt]) -> None:
        slots = {receipt.slot for receipt in receipts}
        for batch in self._approved():
            mine = _mine(batch, slots, self.me)
            slots -= mine
            if mine:
                self._settle(batch, len(mine))
        left = [receipt for receipt in receipts if receipt.slot in slots]
        if not left:
            return
        if self.trail.closed:
            self.plan.lost.append(f"{_slots(len(left))} of {self.name} weren't on the chain when it was closed; they can't be paid.")
        elif self.now >= self.terms.closes_at:
            words = f"{self.name} can be opened no more: its closing time is over. Only an approval could still pay."
            self.plan.lost.append(f"{_slots(len(left))} of {words}")
        else:
            self._open(left)

    def _approved(self) -> list[HeldBatch]:
        """Batches with an approval, those with most of this worker's slots first."""
        found = [held for held in self.holdings.batches.values() if held.batch.job == self.job and held.approval]
        return sorted(found, key=lambda held: -held.slots)

    def _settle(self, held: HeldBatch, slots: int) -> None:
        assert held.approval
        batch = SignedBatch(held.batch, held.signature, held.approval)
        data = encode_settle(self.terms, [batch], self._credited(), PUSH_GAS)
        self._step(("settle", held.digest.hex()), f"settle the approved batch 0x{held.digest.hex()[:8]}… of {self.name}", data, slots)

    def _open(self, receipts: Sequence[Receipt]) -> None:
        """Batches that name several of the slots first, because they cost one signature; then receipts."""
        entries: list[tuple[OpenedBatch, int]] = []
        slots = {receipt.slot for receipt in receipts}
        for held in self.holdings.batches.values():
            if held.batch.job != self.job or len(held.batch.places) > MAX_OPENED:
                continue
            mine = _mine(held, slots, self.me)
            if len(mine) > 1:
                slots -= mine
                entries.append((OpenedBatch(held.batch, held.signature, held.batch.workers.index(self.me) + 1), len(mine)))
        for receipt in receipts:
            if receipt.slot in slots and receipt.signature:
                entries.append((OpenedBatch(self.holdings.batch_of(receipt), receipt.signature, 1), 1))
        missing = sum(receipt.slot in slots and not receipt.signature for receipt in receipts)
        if missing:
            self.plan.lost.append(f"{_slots(missing)} of {self.name} have no receipt: only the coordinator could pay for them.")
        for start in range(0, len(entries), MOST_OPENED):
            self._open_step(entries[start : start + MOST_OPENED])

    def _open_step(self, entries: Sequence[tuple[OpenedBatch, int]]) -> None:
        digests = [self.holdings.domain.batch_digest(entry.batch) for entry, _ in entries]
        signature = self._signed(self.holdings.domain.open_request_digest(digests))
        data = encode_open(self.terms, [entry for entry, _ in entries], signature)
        slots = sum(count for _, count in entries)
        words = f"open {_slots(slots)} of {self.name}, which nobody approved; then the requester has {span(self.terms.review_window)} to contest"
        key = ("open", digests[0].hex(), str(len(digests)))
        self._step(key, words, data, slots, self.terms.closes_at)

    # ------------------------------------------------------------------------------------------- opened slots

    def _opened(self, opening: bytes, slots: list[int]) -> None:
        if not slots:
            return
        if opening in self.trail.finalized:
            self.plan.paid += len(slots)
            return
        matures_at = self.trail.opened_at[opening] + self.terms.review_window
        approval = self._approval_of(opening)
        handed = self.trail.openings[opening]
        if self.now < matures_at and not approval:
            words = f"{_slots(len(slots))} of {self.name} are opened; unless contested they can be finalized then"
            self.plan.waits.append(Wait(matures_at, words, len(slots)))
            return
        early = (approval.slots, approval.approval or b"") if approval and self.now < matures_at else (0, b"")
        data = encode_finalize(self.terms, handed, self._credited(), PUSH_GAS, *early)
        self._step(("finalize", opening.hex()), f"finalize the opening 0x{opening.hex()[:8]}… of {self.name}", data, len(slots))

    def _approval_of(self, opening: bytes) -> HeldBatch | None:
        """The approved batch that an opening is of."""
        held = self.holdings.batches.get(self.trail.openings[opening].batch)
        return held if held and held.approval else None

    def _contested(self, openings: dict[bytes, list[int]]) -> None:
        due: list[bytes] = []
        for opening, slots in openings.items():
            begins = self.trail.opened_at[opening] + self.terms.review_window
            ends = begins + self.terms.appeal_window
            held = self._approval_of(opening)
            if held:
                data = encode_concede(self.terms, self.trail.openings[opening], held.slots, held.approval or b"")
                words = f"have {_slots(len(slots))} of {self.name} paid that were approved before they were contested"
                self._step(("concede", opening.hex()), words, data, len(slots))
            elif self.now < begins:
                words = f"{_slots(len(slots))} of {self.name} are contested (reason 0x{self.trail.reasons[slots[0]].hex()}); appeal from then on"
                self.plan.decide.append(Wait(begins, words, len(slots)))
            elif self.now < ends:
                due.append(opening)
            else:
                self.plan.lost.append(f"{_slots(len(slots))} of {self.name} were contested and not appealed in time.")
        if due:
            self._appeal(due, openings)

    def _appeal(self, due: list[bytes], openings: dict[bytes, list[int]]) -> None:
        slots = sum(len(openings[opening]) for opening in due)
        ends = min(self.trail.opened_at[opening] for opening in due) + self.terms.review_window + self.terms.appeal_window
        if not self.appealing:
            words = f"{_slots(slots)} of {self.name} are contested; 'piecework claim … --appeal' appeals them, or they are lost then"
            self.plan.decide.append(Wait(ends, words, slots))
            return
        if self.terms.appeal_stake > self.stake_left:
            words = (
                f"appealing {_slots(slots)} of {self.name} takes a stake of {self.terms.appeal_stake} base units in the ledger, "
                f"which holds {self.stake_left}; deposit the rest, or they are lost then"
            )
            self.plan.decide.append(Wait(ends, words, slots))
            return
        handed = [self.trail.openings[opening] for opening in due]
        places = [_place(one, openings[opening][0]) for one, opening in zip(handed, due, strict=True)]
        signature = self._signed(self.holdings.domain.appeal_request_digest(due, places))
        data = encode_appeal(self.terms, handed, places, signature)
        self._step(("appeal", due[0].hex()), f"appeal {_slots(slots)} of {self.name} that were contested", data, slots)

    def _answered(self, slots: list[int]) -> None:
        appeals: dict[bytes, int] = {}
        for slot in slots:
            how, which = self.trail.answers[slot]
            if how == "appealed":
                appeals[which] = appeals.get(which, 0) + 1
            elif how == "conceded":
                self.plan.paid += 1
            else:
                self.plan.lost.append(f"1 slot of {self.name} was contested, not appealed, and went back to the requester.")
        for appeal, count in appeals.items():
            self._appealed(appeal, count)

    def _appealed(self, appeal: bytes, slots: int) -> None:
        if appeal in self.trail.ended:
            if self.trail.ended[appeal]:
                self.plan.paid += slots
            else:
                self.plan.lost.append(f"{_slots(slots)} of {self.name} were lost before the arbitrator.")
            return
        phase, since, ruling = self.appeals[appeal]
        until = since + (self.terms.appeal_window if phase == "pending" else RULING_LIMIT)
        if phase == "ruled" or self.now >= until:
            if phase == "ruled" and ruling == FOR_REQUESTER:
                self.plan.lost.append(f"{_slots(slots)} of {self.name} were lost before the arbitrator.")
                return
            data = encode_conclude(self.terms, self.trail.appeals[appeal])
            self._step(("conclude", appeal.hex()), f"conclude the appeal 0x{appeal.hex()[:8]}… of {self.name}, which is won", data, slots)
            return
        what = "the requester doesn't defend it" if phase == "pending" else "the arbitrator doesn't rule"
        self.plan.waits.append(Wait(until, f"{_slots(slots)} of {self.name} are appealed; won then, if {what}", slots))

    # ------------------------------------------------------------------------------------------- what they share

    def _elsewhere(self, slot: int) -> None:
        """A slot that isn't free and wasn't opened for this worker."""
        holder = self.trail.holder(slot)
        if holder == self.me:
            self.plan.paid += 1
        elif holder is None:
            self.plan.lost.append(f"Slot {slot} of {self.name} went back to the requester when the job was closed.")
        else:
            words = "whose coordinator signed it twice: its bond answers for that"
            self.plan.lost.append(f"Slot {slot} of {self.name} went to {holder}, {words}.")

    def _step(self, key: tuple[str, ...], words: str, data: str, slots: int, closes_at: int = 0) -> None:
        self.plan.steps.append(Step(key, words, data, self.terms.token, slots, slots * self.terms.reward, closes_at))

    def _credited(self) -> frozenset[str]:
        return frozenset((self.me,)) if self.carrier.credit_only else frozenset()

    def _signed(self, digest: bytes) -> bytes:
        """The worker's word where somebody else sends; nothing where it sends itself, or where its key isn't here."""
        key = self.carrier.worker
        return key.sign(digest) if key and self.carrier.sender != self.me else b""


def span(seconds: int) -> str:
    """A length of time in words."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length, 1)
            return f"{count:g} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


def _mine(held: HeldBatch, slots: set[int], worker: str) -> set[int]:
    """Those of the slots that a batch gives to the worker."""
    return {slot for slot in slots if held.batch.holder(slot) == worker}


def _place(opening: Opening, slot: int) -> int:
    return opening.places[slot - opening.first_slot]


def _slots(count: int) -> str:
    return f"{count} slot{'' if count == 1 else 's'}"


def in_order(steps: Sequence[Step]) -> Iterator[Step]:
    """What brings money first and costs no window: settling, then opening (the clock runs), then the rest."""
    order = ("settle", "open", "appeal", "concede", "finalize", "conclude")
    yield from sorted(steps, key=lambda step: order.index(step.kind))
