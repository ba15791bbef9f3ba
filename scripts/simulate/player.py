"""Somebody who does anything that comes to mind with the escrow, as often as not in vain; a seed decides."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from indexer.bonds import bond_abi
from piecework.chain.escrow import encode_close, token_abi
from piecework.domain.errors import Conflict
from piecework.domain.terms import DAY, Batch, Terms
from piecework.domain.units import NATIVE
from scripts.simulate.notes import NotedCourt
from tests.indexer.court import STAKE
from tests.indexer.workshop import worker

WORKERS = [worker(number) for number in range(5)]
Thing = TypeVar("Thing")


class Player:
    """Acts through a court.

    Attributes:
        done: how often each kind of act worked.
    """

    def __init__(self, court: NotedCourt, chance: random.Random) -> None:
        self.court, self.workshop, self.random = court, court.workshop, chance
        self.requester, self.operator = court.chain.requester, court.chain.relayer
        self.done: Counter[str] = Counter()
        self.acts: dict[str, tuple[int, Callable[[], Any]]] = {
            "post": (3, self.post),
            "settle": (8, self.settle),
            "open": (6, self.open),
            "contest": (7, self.contest),
            "finalize": (4, self.finalize),
            "concede": (2, lambda: court.concede(self.newest(court.contests))),
            "reclaim": (2, lambda: court.reclaim(self.newest(court.contests))),
            "appeal": (6, self.appeal),
            "defend": (5, lambda: court.defend(self.newest(list(court.appeals)), self.random.choice([0, 9]))),
            "rule": (4, lambda: court.rule(self.newest(court.disputes), self.random.randrange(3))),
            "conclude": (4, lambda: court.conclude(self.newest(list(court.appeals)), self.either())),
            "close": (2, lambda: self.workshop.call(self.operator, encode_close(self.job()))),
            "allow": (2, lambda: court.allow(self.operator, self.random.randrange(10**5), self.workshop.now() + DAY)),
            "tip": (3, self.tip),
            "relay": (2, lambda: self.workshop.relay(self.requester, 50, 3, WORKERS[0].address)),
            "deposit": (6, self.deposit),
            "withdraw": (4, self.withdraw),
            "burst": (5, self.burst),
            "bond": (4, self.bond),
            "unbond": (2, lambda: self.of_bond("withdraw", self.random.randrange(1, 300), WORKERS[1].address)),
            "lock": (1, lambda: self.of_bond("moveLock", self.workshop.now() + 3_600)),
            "wait": (2, lambda: self.workshop.wait_until(self.workshop.now() + self.random.choice([3_600, DAY // 2]))),
        }

    def go(self) -> None:
        """One act; one that the escrow refuses changes nothing."""
        names = list(self.acts)
        name = self.random.choices(names, [self.acts[name][0] for name in names])[0]
        try:
            self.acts[name][1]()
        except (Conflict, IndexError):  # refused by the escrow, or there is nothing to do it with
            return
        self.done[name] += 1

    def newest(self, things: Sequence[Thing]) -> Thing:
        """One of the newest few."""
        return self.random.choice(things[-4:])

    def either(self) -> Any:
        return self.random.choice([self.requester, self.operator])

    def job(self) -> Terms:
        return self.newest(list(self.court.jobs.values()))

    def post(self) -> None:
        token = self.random.choice([self.workshop.token, self.workshop.token, NATIVE])
        windows = {"review_window": DAY, "appeal_window": DAY, "closes_at": self.workshop.now() + 3 * DAY}
        stakes = {"contest_deposit": self.random.choice([0, 31]), "appeal_stake": self.random.choice([0, STAKE])}
        plain = self.court.terms(reward=1_009, token=token, operator=self.operator.address, **windows, **stakes)
        terms = replace(plain, salt=self.random.randbytes(32))
        self.workshop.post(terms, self.random.randrange(1, 300), self.random.choice(["ledger", "wallet"]))
        self.court.note_job(terms)

    def batch(self, terms: Terms) -> Batch:
        nobody = [terms.requester, NATIVE, self.workshop.escrow.address]
        table = [*self.random.sample([key.address for key in WORKERS], 3), self.random.choice(nobody)]
        places = bytes(self.random.choice([0, 1, 1, 2, 3, 4]) for _ in range(self.random.randrange(1, 40)))
        return self.workshop.batch(terms, self.random.randrange(120), table, places)

    def settle(self) -> None:
        terms = self.job()
        credit_only = frozenset(self.random.sample([key.address for key in WORKERS], 2))
        batches = [self.batch(terms)]
        self.workshop.settle(terms, *batches, credit_only=credit_only, push_gas=self.random.choice([0, 60_000]))

    def open(self) -> None:
        terms = self.job()
        self.court.open(terms, *(self.batch(terms) for _ in range(self.random.randrange(1, 4))))

    def contest(self) -> None:
        opening = self.newest(list(self.court.openings))
        places = self.court.opening(opening)[1].places
        chosen = bytes(place * self.random.randrange(2) for place in places)
        self.court.contest(opening, chosen, self.either())
        self.court.contests.append(opening)

    def finalize(self) -> None:
        opening = self.newest(list(self.court.openings))
        credit_only = frozenset({WORKERS[0].address})
        self.court.finalize(opening, self.random.choice([0, 60_000]), credit_only, self.random.random() < 0.2)

    def appeal(self) -> None:
        opening = self.newest(self.court.contests)
        terms, handed = self.court.opening(opening)
        place = self.random.choice([place for place in handed.places if place])
        holder = handed.workers[place - 1]
        who = [key for key in [*WORKERS, self.requester] if key.address == holder][0]
        self.workshop.wait_until(self.workshop.escrow.opening(bytes.fromhex(opening[2:])).opened_at + DAY)
        self.court.appeal(who, [(opening, place)], self.court.chain.bystander)

    def tip(self) -> None:
        amounts = {key.address: self.random.randrange(9) for key in self.random.sample(WORKERS, 2)}
        self.court.tip(self.either(), amounts, self.random.randbytes(32), self.requester.address)

    def deposit(self) -> None:
        token = self.random.choice([self.workshop.token, NATIVE])
        self.workshop.deposit(self.requester, self.random.randrange(1, 10**6), token)

    def withdraw(self) -> None:
        who = self.random.choice([self.requester, self.court.chain.bystander])
        self.workshop.withdraw(who, self.random.randrange(1, 1_000), who.address)

    def burst(self) -> None:
        """Deposits of two accounts in one block, which its bloom doesn't tell from one."""
        rpc = self.workshop.rpc
        rpc.call("evm_setAutomine", False)
        try:
            for key in (self.requester, self.court.chain.bystander):
                rpc.call("eth_sendRawTransaction", self.workshop.raw_deposit(key, self.random.randrange(1, 99)))
        finally:
            rpc.call("evm_setAutomine", True)
            rpc.call("evm_mine")

    def bond(self) -> None:
        """Money for the coordinator's bond, of somebody else's."""
        bystander, address = self.court.chain.bystander, self.workshop.deployment.bond
        approve = token_abi().encode("approve", address, 10**12)
        self.workshop.send(bystander, self.workshop.token, approve)
        coordinator, amount = self.court.chain.coordinator.address, self.random.randrange(1, 10**4)
        self.workshop.send(bystander, address, bond_abi().encode("bond", coordinator, self.workshop.token, amount))

    def of_bond(self, name: str, *arguments: Any) -> None:
        """The coordinator's own calls."""
        data = bond_abi().encode(name, self.workshop.token, *arguments)
        self.workshop.send(self.court.chain.coordinator, self.workshop.deployment.bond, data)
