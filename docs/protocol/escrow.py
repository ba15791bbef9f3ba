"""What the escrow does, in a world of three slots: see model.py beside this file, which explores it.

A slot's fate, an opening and an appeal are written down as such, not as bits and hashes. Each batch is opened at most once here.
`flaw` names the one mistake that is planted; without it this is the protocol.
"""

import itertools
from collections import Counter
from dataclasses import dataclass, field

ADA, BEN, REQUESTER, NOBODY, SPONSOR, TREASURY, RELAYER = range(7)
NAMES = ("ada", "ben", "the requester", "nobody", "the sponsor", "the treasury", "the relayer")
WORKERS = (ADA, BEN)
NOT_NAMED = -1

SLOTS, FUNDED_FIRST = 3, 2
REWARD, FEE, STAKE, DEPOSIT, COURT = 3, 1, 2, 1, 1
PRICE = REWARD + FEE
CLOSES_AT, REVIEW, APPEAL, RULING_LIMIT, LAST = 2, 1, 1, 1, 6
WITHDRAWN, HIGHEST_FEE = 1, 1  # the one withdrawal that was ever signed: ben's

FREE, OPENED, CONTESTED, APPEALED, RESOLVED = range(5)
NONE, PENDING, DEFENDED, RULED, DONE = range(5)

Batch = tuple[int, ...]
"""Who has each slot, or NOT_NAMED."""
Appeal = tuple[int, tuple[int, ...], int, bool]
"""Phase, slots, since when, and whether the ruling is for the requester."""


class Refused(Exception):
    """The escrow says no, and nothing has happened."""


class Broken(Exception):
    """A promise isn't kept."""


def require(condition: bool) -> None:
    if not condition:
        raise Refused


def promise(kept: bool, number: int, otherwise: str) -> None:
    if not kept:
        raise Broken(f"promise {number}: {otherwise}")


@dataclass(slots=True)
class State:
    """The escrow, the clock, and what is remembered to judge by (from `paid` on)."""

    now: int = 0
    closed: bool = False
    funded: int = FUNDED_FIRST
    fates: list[int] = field(default_factory=lambda: [FREE] * SLOTS)
    opened_at: list[int] = field(default_factory=lambda: [-1, -1])
    took: list[Batch] = field(default_factory=lambda: [(NOT_NAMED,) * SLOTS] * 2)
    finalized: list[bool] = field(default_factory=lambda: [False, False])
    approved: list[bool] = field(default_factory=lambda: [False, False])
    appeals: list[Appeal] = field(default_factory=lambda: [(NONE, (), 0, False)] * 4)
    """Of worker w, first about batch b: number 2 * b + w."""
    ledger: list[int] = field(default_factory=lambda: [0, WITHDRAWN + HIGHEST_FEE, PRICE + DEPOSIT, 0, 2 * STAKE, 0, 0])
    held: int = WITHDRAWN + HIGHEST_FEE + PRICE + DEPOSIT + 2 * STAKE + FUNDED_FIRST * PRICE
    """What the escrow's own wallet holds."""
    coins: int = 2 * COURT
    """The requester's, for the arbitrator."""
    withdrawn: bool = False
    gone: bool = False
    flipped: bool = False
    revoked: bool = False
    """The arbitrator is gone; the coordinator's account says no to what it signed; the operator isn't one any more."""
    depth: int = 0
    paid: list[int] = field(default_factory=lambda: [0] * SLOTS)
    refunded: list[int] = field(default_factory=lambda: [0] * SLOTS)
    claims: list[int] = field(default_factory=lambda: [NOT_NAMED] * SLOTS)
    """For whom each slot was opened first."""
    denied: list[bool] = field(default_factory=lambda: [False] * SLOTS)
    """Whether the worker's appeal was turned away."""

    def copy(self) -> "State":
        other = State.__new__(State)
        for name in State.__slots__:
            value = getattr(self, name)
            setattr(other, name, value[:] if type(value) is list else value)
        return other

    def key(self) -> tuple[object, ...]:
        return tuple(tuple(v) if type(v) is list else v for v in (getattr(self, name) for name in State.__slots__))

    def become(self, other: "State") -> None:
        for name in State.__slots__:
            setattr(self, name, getattr(other, name))


class Escrow:
    """The contract over two signed batches, with at most one flaw planted."""

    def __init__(self, batches: tuple[Batch, Batch], flaw: str = "", pushes_a_block: int = 9) -> None:
        self.batches, self.flaw, self.pushes_a_block = batches, flaw, pushes_a_block

    # Slots -----------------------------------------------------------------------------------------------------------

    def free(self, s: State, slot: int) -> bool:
        if slot >= s.funded and self.flaw != "a slot that isn't funded is free":
            return False
        return s.fates[slot] == FREE or (s.fates[slot] == OPENED and self.flaw == "an opened slot is free")

    def free_of(self, s: State, b: int) -> list[int]:
        return [slot for slot, who in enumerate(self.batches[b]) if who != NOT_NAMED and self.free(s, slot)]

    def of_fate(self, s: State, b: int, fate: int) -> list[int]:
        return [slot for slot, who in enumerate(s.took[b]) if who != NOT_NAMED and s.fates[slot] == fate]

    def signed(self, s: State) -> bool:
        return not (s.flipped and self.flaw == "a contract signs as coordinator")

    def has_approval(self, s: State, b: int) -> bool:
        if self.flaw == "a receipt passes for an approval":
            return True
        return s.approved[b] and not (s.revoked and self.flaw == "an approval ends with its operator")

    # Money out of the job --------------------------------------------------------------------------------------------

    def pay(self, s: State, slots: list[int], holders: Batch) -> None:
        """One reward a slot, each worker once; what is the requester's own or nobody's goes back with its fee."""
        owed = Counter(holders[slot] for slot in slots)
        require(sum(who in WORKERS for who in owed) <= self.pushes_a_block)
        for slot in slots:
            who = holders[slot]
            promise(s.claims[slot] in (NOT_NAMED, who), 3, f"slot {slot} was opened for {NAMES[s.claims[slot]]}, {NAMES[who]} has it")
            (s.paid if who in WORKERS else s.refunded)[slot] += 1
        earned = sum(count for who, count in owed.items() if who in WORKERS)
        s.ledger[TREASURY] += FEE * earned + (self.flaw == "fees are rounded up" and earned > 1)
        for who, count in sorted(owed.items()):
            self.pay_one(s, who, count)

    def pay_one(self, s: State, who: int, count: int) -> None:
        if who == ADA or (who == NOBODY and self.flaw == "nobody is paid"):
            promise(who == ADA, 2, "money was sent to nobody")
            s.held -= count * REWARD
        elif who == BEN:
            require(self.flaw != "a push that fails reverts")
            self.call_back(s)
            s.ledger[BEN] += count * REWARD
        else:
            s.ledger[REQUESTER] += count * PRICE

    def call_back(self, s: State) -> None:
        """What ben does when he is sent something. There is no lock here: the order alone must be safe."""
        for b, call in itertools.product((0, 1), (self.settle, self.finalize, self.concede)):
            if s.depth == 2:
                return
            inner = s.copy()
            inner.depth += 1
            try:
                call(inner, b)
            except Refused:
                continue
            inner.depth -= 1
            s.become(inner)

    def refund(self, s: State, slots: list[int]) -> None:
        for slot in slots:
            lost = s.fates[slot] in (CONTESTED, APPEALED)
            owner = s.claims[slot]
            promise(owner not in WORKERS or lost, 3, f"slot {slot} was taken back from {NAMES[owner]}, who had it opened")
            s.fates[slot] = RESOLVED
            s.refunded[slot] += 1
            s.ledger[REQUESTER] += PRICE

    def resolve(self, s: State, slots: list[int], holders: Batch) -> None:
        if self.flaw == "slots are marked after the push":
            self.pay(s, slots, holders)
        for slot in slots:
            s.fates[slot] = RESOLVED
        if self.flaw != "slots are marked after the push":
            self.pay(s, slots, holders)

    # What isn't a call -----------------------------------------------------------------------------------------------

    def approve(self, s: State, b: int) -> None:
        s.approved[b] = True

    def happen(self, s: State, what: str) -> None:
        setattr(s, what, True)

    def wait(self, s: State) -> None:
        s.now += 1

    # Calls -----------------------------------------------------------------------------------------------------------

    def fund(self, s: State) -> None:
        require(not s.closed and s.funded < SLOTS and s.ledger[REQUESTER] >= PRICE)
        s.funded += 1
        s.ledger[REQUESTER] -= PRICE

    def settle(self, s: State, b: int) -> None:
        free = self.free_of(s, b)
        require(bool(free) and self.has_approval(s, b) and self.signed(s) and not s.closed)
        promise(s.approved[b], 6, "a receipt's signature served as an approval")
        if self.flaw == "every receipt is a claim":
            rivals = [(slot, who) for slot, who in enumerate(self.batches[1 - b]) if slot in free and who in WORKERS]
            promise(all(who == self.batches[b][slot] for slot, who in rivals), 3, "another's receipt can't be paid any more")
        self.resolve(s, free, self.batches[b])

    def open(self, s: State, which: tuple[int, ...]) -> None:
        require(not s.closed and s.now < CLOSES_AT and self.signed(s))
        took = [self.open_one(s, b) for b in which]
        require(any(took))
        require(all(took) or self.flaw != "one stale batch stops the others")

    def open_one(self, s: State, b: int) -> bool:
        require(s.opened_at[b] < 0 or not self.free_of(s, b))
        free = self.free_of(s, b)
        if self.flaw == "an opening keeps what was taken" and s.opened_at[b] < 0:
            free = [slot for slot, who in enumerate(self.batches[b]) if who != NOT_NAMED and slot < s.funded]
        if not free:
            return False
        s.opened_at[b] = s.now
        s.took[b] = tuple(who if slot in free else NOT_NAMED for slot, who in enumerate(self.batches[b]))
        for slot in free:
            s.fates[slot] = OPENED
            if s.claims[slot] == NOT_NAMED:
                s.claims[slot] = self.batches[b][slot]
        return True

    def finalize(self, s: State, b: int) -> None:
        require(s.opened_at[b] >= 0 and not s.finalized[b])
        require(s.now >= s.opened_at[b] + REVIEW or self.has_approval(s, b))
        s.finalized[b] = self.flaw != "slots are marked after the push"
        self.resolve(s, self.of_fate(s, b, OPENED), s.took[b])
        s.finalized[b] = True

    def contest(self, s: State, b: int, slot: int) -> None:
        endless = self.flaw == "contests have no end"
        require(s.opened_at[b] >= 0 and slot in self.of_fate(s, b, OPENED) and s.ledger[REQUESTER] >= DEPOSIT)
        require(endless or (s.now < s.opened_at[b] + REVIEW and not s.finalized[b]))
        promise(s.now < s.opened_at[b] + REVIEW, 3, f"slot {slot} was contested after its window")
        s.ledger[REQUESTER] -= DEPOSIT
        s.fates[slot] = CONTESTED

    def concede(self, s: State, b: int) -> None:
        """By an approval; the requester's own word is one that it gives at that moment."""
        slots = self.of_fate(s, b, CONTESTED)
        require(bool(slots) and self.has_approval(s, b) and self.flaw != "a contest undoes an approval")
        for slot in slots:
            owner = s.took[b][slot]
            s.ledger[owner if owner in WORKERS else REQUESTER] += DEPOSIT
        self.resolve(s, slots, s.took[b])

    def appeal(self, s: State, which: tuple[int, ...], worker: int) -> None:
        """One worker's contested slots of some openings, at one stake."""
        mine = [slot for b in which for slot in self.answerable(s, b, worker)]
        require(bool(mine) and s.ledger[SPONSOR] >= STAKE)
        if s.gone and self.flaw == "an appeal asks the arbitrator":
            for slot in mine:
                s.denied[slot] = True
            return
        number = 2 * which[0] + worker
        require(s.appeals[number][0] == NONE)
        s.ledger[SPONSOR] -= STAKE
        s.appeals[number] = (PENDING, tuple(mine), s.now, False)
        for slot in mine:
            s.fates[slot] = OPENED if self.flaw == "an appeal undoes the contest" else APPEALED

    def answerable(self, s: State, b: int, worker: int) -> list[int]:
        """A worker's turn lasts from the end of the review window for one appeal window."""
        begins = s.opened_at[b] + REVIEW
        early = self.flaw == "appeals may come before contests end"
        require(s.opened_at[b] >= 0 and (early or s.now >= begins) and s.now < begins + APPEAL)
        return [slot for slot in self.of_fate(s, b, CONTESTED) if s.took[b][slot] == worker]

    def reclaim(self, s: State, b: int) -> None:
        slots = self.of_fate(s, b, CONTESTED)
        require(bool(slots) and s.now >= s.opened_at[b] + REVIEW + APPEAL)
        for slot in slots:
            owner = s.took[b][slot]
            appealed = owner in WORKERS and s.appeals[2 * b + owner][0] != NONE
            promise(not appealed, 7, f"slot {slot} was contested after {NAMES[owner]}'s appeal")
            promise(not s.denied[slot], 3, f"slot {slot} was lost because the arbitrator couldn't be asked")
        if self.flaw != "a deposit is forgotten":
            s.ledger[REQUESTER] += DEPOSIT * len(slots)
        self.refund(s, slots)

    def defend(self, s: State, number: int) -> None:
        phase, slots, since, _ = s.appeals[number]
        require(phase == PENDING and s.now < since + APPEAL and not s.gone and s.coins >= COURT)
        s.coins -= COURT
        s.appeals[number] = (DEFENDED, slots, s.now, False)

    def rule(self, s: State, number: int, ruling: int) -> None:
        """Writes the ruling down, and moves nothing: 2 is for the requester, any other for the worker."""
        phase, slots, since, _ = s.appeals[number]
        require(phase == DEFENDED and s.now < since + RULING_LIMIT and not s.gone)
        s.appeals[number] = (RULED, slots, since, ruling == 2)
        if self.flaw == "a ruling pays too":
            self.give(s, number)

    def conclude(self, s: State, number: int, by_requester: bool) -> None:
        phase, slots, since, _ = s.appeals[number]
        limit = APPEAL if phase == PENDING else RULING_LIMIT
        over = s.now >= since + limit and not (phase == DEFENDED and self.flaw == "a ruling may never come")
        require(phase == RULED or (phase in (PENDING, DEFENDED) and (over or by_requester)))
        if phase != RULED and by_requester and self.flaw == "giving in wins":
            s.appeals[number] = (phase, slots, since, True)
        self.give(s, number)
        s.appeals[number] = (DONE, slots, since, False)

    def give(self, s: State, number: int) -> None:
        """The slots, the deposits and the stake, to whom the appeal was decided for."""
        _, slots, _, for_requester = s.appeals[number]
        if for_requester:
            promise(s.appeals[number][0] == RULED, 3, "a slot was lost without a ruling")
            s.ledger[REQUESTER] += DEPOSIT * len(slots) + STAKE
            return self.refund(s, list(slots))
        worker = number % 2
        for slot in slots:
            s.fates[slot] = RESOLVED
            s.paid[slot] += 1
        s.ledger[worker] += (REWARD + DEPOSIT) * len(slots)
        s.ledger[TREASURY] += FEE * len(slots)
        s.ledger[SPONSOR] += STAKE

    def cancel(self, s: State, slot: int) -> None:
        """There is no such call: a cancellation is a batch. It exists as a flaw alone."""
        require(self.flaw == "cancelling is a call" and slot < s.funded and s.fates[slot] in (FREE, OPENED) and not s.closed)
        self.refund(s, [slot])

    def close(self, s: State, by_requester: bool) -> None:
        require(not s.closed and s.now >= CLOSES_AT)
        require(by_requester or self.flaw != "the requester alone closes")
        given_back = (FREE, OPENED) if self.flaw == "closing ends openings" else (FREE,)
        s.closed = True
        self.refund(s, [slot for slot in range(s.funded) if s.fates[slot] in given_back])

    def withdraw(self, s: State, fee: int) -> None:
        require(not s.withdrawn or self.flaw == "a withdrawal has no nonce")
        require(fee <= HIGHEST_FEE or self.flaw == "the relayer names its fee")
        require(s.ledger[BEN] >= WITHDRAWN + fee)
        s.withdrawn = True
        s.ledger[BEN] -= WITHDRAWN + fee
        s.ledger[RELAYER] += fee
        s.held -= WITHDRAWN
