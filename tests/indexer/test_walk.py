"""A few hundred calls at random, with reorgs in between: in the end every balance and every slot is the chain's."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer import tables
from piecework.chain.escrow import encode_close
from piecework.domain.errors import Conflict
from piecework.domain.terms import DAY, Terms
from piecework.domain.units import NATIVE
from tests.indexer.bench import bench, require_books
from tests.indexer.court import STAKE, Court
from tests.indexer.test_reorg import require_canonical
from tests.indexer.workshop import Workshop, worker

CALLS, MOST_CALLS = 300, 2_000
"""It goes on until every kind of call has worked."""
WORKERS = [worker(number) for number in range(5)]


class Walk:
    """Somebody who does anything that comes to mind, as often as not in vain.

    Attributes:
        done: how often each kind of call worked.
    """

    def __init__(self, court: Court, seed: int) -> None:
        self.court, self.workshop, self.random = court, court.workshop, random.Random(seed)
        self.requester, self.operator = court.chain.requester, court.chain.relayer
        self.done: Counter[str] = Counter()
        self.acts: dict[str, tuple[int, Callable[[], Any]]] = {
            "post": (4, self.post),
            "settle": (4, self.settle),
            "open": (8, self.open),
            "contest": (8, self.contest),
            "finalize": (5, self.finalize),
            "concede": (2, lambda: court.concede(self.any(tables.Contest).opening)),
            "reclaim": (6, lambda: court.reclaim(self.any(tables.Contest).opening)),
            "appeal": (10, self.appeal),
            "defend": (8, lambda: court.defend(self.appealed("pending"), self.random.choice([0, 9]))),
            "rule": (6, self.rule),
            "conclude": (6, lambda: court.conclude(self.appealed(), self.random.choice([self.requester, self.operator]))),
            "close": (3, self.close),
            "allow": (2, lambda: court.allow(self.operator, self.random.randrange(10**5), self.workshop.now() + DAY)),
            "tip": (3, self.tip),
            "withdraw": (2, lambda: self.workshop.relay(self.requester, 50, 3, WORKERS[0].address)),
            "wait": (4, lambda: self.workshop.wait_until(self.workshop.now() + self.random.choice([3_600, DAY // 2]))),
        }

    def go(self) -> None:
        """One call; one that the escrow refuses changes nothing."""
        names = list(self.acts)
        name = self.random.choices(names, [self.acts[name][0] for name in names])[0]
        try:
            self.acts[name][1]()
        except (Conflict, IndexError):  # refused by the escrow, or there is nothing to do it with
            return
        self.done[name] += 1

    def any(self, table: Any, **wanted: Any) -> Any:
        """One of the newest rows."""
        return self.random.choice(self.court.rows(table, **wanted)[-6:])

    def opening(self) -> str:
        return str(self.any(tables.Opening).opening)

    def appealed(self, phase: str | None = None) -> str:
        return str(self.any(tables.AppealPhase, **{"phase": phase} if phase else {}).appeal)

    def job(self) -> Terms:
        return self.court.terms_of(self.any(tables.Job).job)

    def post(self) -> None:
        token = self.random.choice([self.workshop.token, self.workshop.token, NATIVE])
        windows = {"review_window": DAY, "appeal_window": DAY, "closes_at": self.workshop.now() + 3 * DAY}
        stakes = {"contest_deposit": self.random.choice([0, 31]), "appeal_stake": self.random.choice([0, STAKE])}
        terms = self.court.terms(reward=1_009, token=token, operator=self.operator.address, **windows, **stakes)
        self.workshop.post(terms, self.random.randrange(1, 300), self.random.choice(["ledger", "wallet"]))

    def batch(self, terms: Terms) -> Any:
        nobody = [terms.requester, NATIVE, self.workshop.escrow.address]
        table = [*self.random.sample([key.address for key in WORKERS], 3), self.random.choice(nobody)]
        places = bytes(self.random.choice([0, 1, 1, 2, 3, 4]) for _ in range(self.random.randrange(1, 40)))
        return self.workshop.batch(terms, self.random.randrange(120), table, places)

    def settle(self) -> None:
        terms = self.job()
        credit_only = frozenset(self.random.sample([key.address for key in WORKERS], 2))
        self.workshop.settle(terms, self.batch(terms), credit_only=credit_only, push_gas=self.random.choice([0, 60_000]))

    def open(self) -> None:
        terms = self.job()
        self.court.open(terms, *(self.batch(terms) for _ in range(self.random.randrange(1, 4))))

    def contest(self) -> None:
        row = self.any(tables.Opening)
        chosen = bytes(place * self.random.randrange(2) for place in row.places)
        self.court.contest(row.opening, chosen, self.random.choice([self.requester, self.operator]))

    def finalize(self) -> None:
        credit_only = frozenset({WORKERS[0].address})
        self.court.finalize(self.opening(), self.random.choice([0, 60_000]), credit_only, self.random.random() < 0.2)

    def appeal(self) -> None:
        row = self.any(tables.Contest)
        place = self.random.choice([place for place in row.places if place])
        holder = self.court.opening(row.opening)[1].workers[place - 1]
        who = [key for key in [*WORKERS, self.requester] if key.address == holder][0]
        self.workshop.wait_until(self.court.rows(tables.Opening, opening=row.opening)[0].opened_at + DAY)
        self.court.appeal(who, [(row.opening, place)], self.court.chain.bystander)

    def rule(self) -> None:
        self.court.rule(self.any(tables.AppealPhase, phase="defended").dispute_id, self.random.randrange(3))

    def close(self) -> None:
        self.workshop.call(self.operator, encode_close(self.job()))

    def tip(self) -> None:
        by = self.random.choice([self.requester, self.operator])
        amounts = {key.address: self.random.randrange(9) for key in self.random.sample(WORKERS, 2)}
        self.court.tip(by, amounts, self.random.randbytes(32), self.requester.address)


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_walk_at_random_every_balance_is_the_chains(
    seed: int, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with bench(database_url, workshop) as mirror:
        walk = Walk(Court(workshop, mirror), seed)
        workshop.set_fee(111, worker(99).address)
        workshop.deposit(workshop.chain.requester, 10**8)
        workshop.deposit(workshop.chain.requester, 10**8, NATIVE)
        workshop.deposit(workshop.chain.bystander, 10**7)
        workshop.deposit(workshop.chain.bystander, 10**7, NATIVE)
        walk.post()
        for call in range(MOST_CALLS):
            if call >= CALLS and walk.done.keys() == walk.acts.keys():
                break
            walk.go()
            if call % 30 == 29:
                workshop.rpc.call("anvil_reorg", walk.random.randint(1, 8), [])
                require_books(mirror.catch_up(), workshop)
        require_canonical(mirror.catch_up(), workshop, tmp_path)
        require_books(mirror, workshop)
        assert walk.done.keys() == walk.acts.keys(), walk.done
