"""The protocol as a model that is small enough to be looked at whole.

A world has three slots, of which the last one is funded later; two workers, of whom one is a contract that refuses coins and calls
back; two batches that the coordinator signed, each giving its slots to workers, to the requester or to nobody; a sponsor who stakes,
an arbitrator who may go away, and a clock. Everybody does whatever they can, in every order. What the protocol promises is asserted
after every call. To show that the assertions can fail, flaws are planted one at a time, and each must be caught.

    python docs/protocol/model.py             every flaw, then a world to its last state, then random lives
    python docs/protocol/model.py flaws       each flaw, with the calls that show it
    python docs/protocol/model.py worlds 3    the first worlds, each to its last state (minutes, and a gigabyte)
    python docs/protocol/model.py lives 5000  random lives over all pairs of batches

It needs Python alone. The numbers of the promises are those of contracts/README.md.
"""

import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from escrow import (
    ADA,
    APPEALED,
    BEN,
    CLOSES_AT,
    CONTESTED,
    DEFENDED,
    DEPOSIT,
    DONE,
    HIGHEST_FEE,
    LAST,
    NAMES,
    NOBODY,
    NONE,
    NOT_NAMED,
    PENDING,
    PRICE,
    REQUESTER,
    RESOLVED,
    RULED,
    SLOTS,
    SPONSOR,
    STAKE,
    WORKERS,
    Batch,
    Broken,
    Escrow,
    Refused,
    State,
    promise,
)

Call = tuple[str, Callable[[State], None], tuple[int, ...]]
"""What is done, how, and who signed it: theirs alone are the balances that may fall by it."""
Found = tuple[int, int, str, list[str]]
"""States seen, calls tried, the promise that was broken (or nothing), and the calls that led there."""


class Model:
    """Everything that anybody can try in one world, and what must hold behind it."""

    def __init__(self, batches: tuple[Batch, Batch], flaw: str = "", pushes_a_block: int = 9) -> None:
        self.escrow, self.flaw = Escrow(batches, flaw, pushes_a_block), flaw

    def calls(self, s: State) -> Iterator[Call]:
        """Every call that might succeed now."""
        e = self.escrow
        yield "fund", e.fund, (REQUESTER,)
        for b in (0, 1):
            if not s.approved[b]:
                yield f"approve {b}", partial(e.approve, b=b), ()
            yield f"settle {b}", partial(e.settle, b=b), ()
            yield f"finalize {b}", partial(e.finalize, b=b), ()
            yield f"concede {b}", partial(e.concede, b=b), ()
            yield f"reclaim {b}", partial(e.reclaim, b=b), ()
            for slot in range(SLOTS):
                yield f"contest {b} {slot}", partial(e.contest, b=b, slot=slot), (REQUESTER,)
        for which in ((0,), (1,), (0, 1)):
            yield f"open {which}", partial(e.open, which=which), ()
            for worker in WORKERS:
                yield f"appeal {which} {NAMES[worker]}", partial(e.appeal, which=which, worker=worker), (SPONSOR,)
        yield from self.disputes(s)
        for by_requester in (False, True):
            yield f"close{' by the requester' * by_requester}", partial(e.close, by_requester=by_requester), ()
        for fee in (HIGHEST_FEE, HIGHEST_FEE + 1):
            yield f"withdraw {fee}", partial(e.withdraw, fee=fee), (BEN,) if fee <= HIGHEST_FEE else ()
        yield from self.accidents(s)

    def disputes(self, s: State) -> Iterator[Call]:
        e = self.escrow
        for n, (phase, _, _, _) in enumerate(s.appeals):
            if phase in (NONE, DONE):
                continue
            yield f"defend {n}", partial(e.defend, number=n), ()
            for ruling in (0, 1, 2):
                yield f"rule {n} {ruling}", partial(e.rule, number=n, ruling=ruling), ()
            for by_requester in (False, True):
                name = f"conclude {n}{' by the requester' * by_requester}"
                yield name, partial(e.conclude, number=n, by_requester=by_requester), ()

    def accidents(self, s: State) -> Iterator[Call]:
        """What happens by itself; and what only a flaw makes possible."""
        e = self.escrow
        if not s.gone:
            yield "the arbitrator goes", partial(e.happen, what="gone"), ()
        if self.flaw == "a contract signs as coordinator" and not s.flipped:
            yield "the coordinator's contract changes", partial(e.happen, what="flipped"), ()
        if self.flaw == "an approval ends with its operator" and not s.revoked:
            yield "the operator is revoked", partial(e.happen, what="revoked"), ()
        if self.flaw == "cancelling is a call":
            for slot in range(SLOTS):
                yield f"cancel {slot}", partial(e.cancel, slot=slot), ()
        if s.now < LAST:
            yield "time", e.wait, ()

    # Promises --------------------------------------------------------------------------------------------------------

    def step(self, s: State, call: Call) -> State | None:
        """What follows from a call, or None where it is refused."""
        name, do, signers = call
        after = s.copy()
        try:
            do(after)
        except Refused:
            self.check_refusal(s, name)
            return None
        self.check(s, after, signers)
        if name not in ("time", "fund"):
            self.check_again(after, do, name)
        return after

    def check(self, s: State, after: State, signers: tuple[int, ...]) -> None:
        unresolved = after.funded - sum(fate == RESOLVED for fate in after.fates[: after.funded])
        disputed = sum(fate in (CONTESTED, APPEALED) for fate in after.fates)
        stakes = sum(phase in (PENDING, DEFENDED, RULED) for phase, _, _, _ in after.appeals)
        locked = PRICE * unresolved + DEPOSIT * disputed + STAKE * stakes
        promise(after.held == sum(after.ledger) + locked, 1, f"{after.held} held, {sum(after.ledger)} + {locked} owed")
        for slot in range(SLOTS):
            ends = after.paid[slot] + after.refunded[slot]
            promise(after.paid[slot] <= 1, 2, f"slot {slot} was paid twice")
            promise(ends <= (slot < after.funded), 2, f"slot {slot} was paid and given back, or never funded")
        for who, name in enumerate(NAMES):
            promise(after.ledger[who] >= s.ledger[who] or who in signers, 4, f"{name} lost money without a word")

    def check_again(self, after: State, do: Callable[[State], None], name: str) -> None:
        """No signature works twice: the very same call moves nothing more."""
        again = after.copy()
        try:
            do(again)
        except Refused:
            return
        promise((again.held, again.ledger, again.coins) == (after.held, after.ledger, after.coins), 6, f"'{name}' worked twice")

    def check_refusal(self, s: State, name: str) -> None:
        """What its signers were promised can't be refused."""
        if self.flaw == "no batch is too large" or s.closed and not name.startswith("concede"):
            return
        verb, _, about = name.partition(" ")
        which = tuple(int(digit) for digit in about if digit in "01") if verb in ("settle", "open", "concede") else ()
        free = [bool(self.escrow.free_of(s, b)) for b in which]
        fresh = all(s.opened_at[b] < 0 for b, has in zip(which, free, strict=True) if has)
        if verb == "open" and s.now < CLOSES_AT and any(free) and fresh:
            promise(False, 3, "a receipt in time was turned away")
        if verb == "settle" and any(free) and s.approved[which[0]]:
            promise(False, 7 if self.flaw == "a push that fails reverts" else 3, "an approval was turned away")
        if verb == "concede" and s.approved[which[0]] and self.escrow.of_fate(s, which[0], CONTESTED):
            promise(False, 3, "an approval is worth nothing after a contest")

    def check_end(self, s: State) -> None:
        """At last anybody's calls alone bring all the money out of the job."""
        s, moved = s.copy(), True
        while moved:
            moved = False
            for call in self.calls(s):
                if call[0].split()[0] in ("finalize", "reclaim", "conclude", "close") and "requester" not in call[0]:
                    after = self.step(s, call)
                    s, moved = (s, moved) if after is None else (after, True)
        left = [slot for slot in range(s.funded) if s.fates[slot] != RESOLVED]
        promise(not left and all(phase in (NONE, DONE) for phase, _, _, _ in s.appeals), 5, f"slots {left} never end")

    # Exploring -------------------------------------------------------------------------------------------------------

    def explore(self, most: int) -> Found:
        """Every state that can be reached, breadth first, until a promise is broken."""
        begin = State()
        came_from: dict[object, tuple[object, str] | None] = {begin.key(): None}
        frontier, tried = [begin], 0
        while frontier and len(came_from) < most:
            following = []
            for s in frontier:
                key = s.key()
                name = "the end"
                try:
                    if s.now == LAST:
                        self.check_end(s)
                    for call in self.calls(s):
                        name, tried = call[0], tried + 1
                        after = self.step(s, call)
                        if after is not None and (reached := after.key()) not in came_from:
                            came_from[reached] = (key, name)
                            following.append(after)
                except Broken as broken:
                    return len(came_from), tried, str(broken), [*trail(came_from, key), name]
            frontier = following
        return len(came_from), tried, "", []

    def live(self, dice: random.Random, done: Counter[str]) -> int:
        """One random life until the clock stops; how many calls it tried."""
        s, tried = State(), 0
        rare = {"time": 0.2, "the arbitrator goes": 0.01}
        while s.now < LAST:
            call = dice.choice([call for call in self.calls(s) if dice.random() < rare.get(call[0], 1)])
            after, tried = self.step(s, call), tried + 1
            if after is not None:
                s = after
                done[call[0].split()[0]] += 1
        self.check_end(s)
        return tried


def trail(came_from: dict[object, tuple[object, str] | None], key: object) -> list[str]:
    """The calls that lead to a state."""
    names: list[str] = []
    while (before := came_from[key]) is not None:
        key, name = before
        names.insert(0, name)
    return names


TWICE = ((ADA, BEN, NOT_NAMED), (BEN, NOT_NAMED, REQUESTER))
"""Slot 0 is given twice, slot 2 is cancelled."""
PAST = ((ADA, BEN, ADA), (NOT_NAMED, NOT_NAMED, BEN))
PAIR = ((ADA, ADA, NOT_NAMED), (NOT_NAMED, NOT_NAMED, BEN))
LOST = ((ADA, NOBODY, NOT_NAMED), (BEN, NOT_NAMED, NOBODY))
RIVALS = ((ADA, NOT_NAMED, NOT_NAMED), (BEN, NOT_NAMED, NOT_NAMED))
WORLDS = (RIVALS, ((ADA, NOT_NAMED, NOBODY), (REQUESTER, NOT_NAMED, BEN)), TWICE)

FLAWS: dict[str, tuple[Batch, Batch]] = {
    "an opened slot is free": TWICE,
    "an opening keeps what was taken": TWICE,
    "a slot that isn't funded is free": PAST,
    "closing ends openings": TWICE,
    "the requester alone closes": TWICE,
    "cancelling is a call": TWICE,
    "an appeal undoes the contest": TWICE,
    "contests have no end": TWICE,
    "an appeal asks the arbitrator": TWICE,
    "a ruling may never come": RIVALS,
    "a contract signs as coordinator": TWICE,
    "an approval ends with its operator": TWICE,
    "a receipt passes for an approval": TWICE,
    "a push that fails reverts": TWICE,
    "slots are marked after the push": TWICE,
    "fees are rounded up": TWICE,
    "a withdrawal has no nonce": TWICE,
    "the relayer names its fee": TWICE,
    "no batch is too large": TWICE,
    "appeals may come before contests end": PAIR,
    "a deposit is forgotten": TWICE,
    "every receipt is a claim": TWICE,
    "nobody is paid": LOST,
    "one stale batch stops the others": TWICE,
    "a contest undoes an approval": TWICE,
    "a ruling pays too": TWICE,
    "giving in wins": TWICE,
}
"""What could have been built wrong, and the batches that show it. "No batch is too large" lets one pay more workers than a block can;
"every receipt is a claim" is wrong as a promise: until its slot is opened, a receipt is its coordinator's word."""
MOST = 400_000


def find_flaws() -> bool:
    """Plants each flaw; whether all were caught."""
    caught = 0
    for flaw, batches in FLAWS.items():
        states, _, broken, calls = Model(batches, flaw, 1 if flaw == "no batch is too large" else 9).explore(MOST)
        caught += bool(broken)
        print(f"{'caught' if broken else 'MISSED'}: {flaw}\n    {broken}\n    {' > '.join(calls)} ({states} states)", flush=True)
    print(f"{caught} of {len(FLAWS)} flaws caught")
    return caught == len(FLAWS)


def explore_worlds(count: int) -> bool:
    """Looks at the first worlds to their last state; whether every promise was kept."""
    for batches in WORLDS[:count]:
        begun = time.monotonic()
        states, tried, broken, calls = Model(batches).explore(10**9)
        print(f"{batches}: {states} states, {tried} calls, {time.monotonic() - begun:.0f} s: {broken or 'every promise kept'}", flush=True)
        if broken:
            print(" > ".join(calls))
            return False
    return True


def live_lives(count: int) -> bool:
    """Random lives over all pairs of batches; whether every promise was kept."""
    dice, done, tried = random.Random(1), Counter[str](), 0
    batches = list(itertools.product((NOT_NAMED, ADA, BEN, REQUESTER, NOBODY), repeat=SLOTS))[1:]
    for _ in range(count):
        pair = dice.choice(batches), dice.choice(batches)
        try:
            tried += Model(pair).live(dice, done)
        except Broken as broken:
            print(f"{pair}: {broken}")
            return False
    print(f"{count} lives, {tried} calls, every promise kept; accepted: {dict(sorted(done.items()))}")
    return True


def main(what: str = "", count: str = "") -> int:
    """0 if all is as it should be."""
    parts: dict[str, Callable[[], bool]] = {
        "flaws": find_flaws,
        "worlds": partial(explore_worlds, int(count or 1)),
        "lives": partial(live_lives, int(count or 500)),
    }
    results = [part() for name, part in parts.items() if what in ("", name)]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
