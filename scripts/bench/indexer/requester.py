"""A busy requester: what it does next, as calls of the escrow, and how many events each makes."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from piecework.chain.escrow import encode_deposit, encode_post, encode_withdraw
from piecework.domain.terms import DAY, Batch, Terms
from piecework.domain.typed_data import Domain, Key
from piecework.domain.units import NATIVE
from scripts.bench.indexer.calldata import Call, Settle

REWARD = 1_000
JOB_SLOTS = 2_000
LARGE_SLOTS, LARGE_WORKERS = 10_000, 100
PUSH_GAS = 10_000
FIRST_DEPOSIT = 10**15
"""Wei that every requester begins with in its ledger, more than all its jobs cost."""
MOST_SLOTS, MOST_WORKERS = 20, 10


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the escrow."""

    call: Call
    events: int
    slots: int = 0


@dataclass
class Job:
    """A job that is being settled from its first slot on."""

    id: bytes
    settle: Settle
    slots: int
    next_slot: int = 0


class Requester:
    """One contract that posts, settles, deposits and withdraws in turn.

    Args:
        contract: its address, which is the requester of its jobs.
        crowd: who works for it.
        closes_at: when its jobs may be closed, Unix seconds.
    """

    def __init__(self, contract: str, coordinator: Key, domain: Domain, crowd: Sequence[str], closes_at: int, seed: int) -> None:
        self.contract, self._coordinator, self._domain = contract, coordinator, domain
        self._crowd, self._closes_at = crowd, closes_at
        self._rng, self._jobs = random.Random(seed), 0
        self._job: Job | None = None
        self._deposit = bytes.fromhex(encode_deposit(NATIVE, 1)[2:])

    def begin(self) -> Step:
        """The deposit that all its jobs are paid from."""
        return Step((FIRST_DEPOSIT, bytes.fromhex(encode_deposit(NATIVE, FIRST_DEPOSIT)[2:])), 1)

    def steps(self) -> Iterator[Step]:
        """What it does, without an end: of a hundred calls 60 settle, 20 deposit and 20 withdraw; a post where a job is used up."""
        while True:
            chance = self._rng.random()
            if chance < 0.6:
                yield from self._settlement()
            elif chance < 0.8:
                yield Step((1, self._deposit), 1)
            else:
                yield Step((0, bytes.fromhex(encode_withdraw(NATIVE, 1, self._rng.choice(self._crowd))[2:])), 1)

    def large(self) -> list[Step]:
        """A job of 10,000 slots, and its one settlement with 100 workers."""
        post, job = self._post(LARGE_SLOTS)
        table = tuple(self._rng.sample(self._crowd, LARGE_WORKERS))
        places = bytes(at % LARGE_WORKERS + 1 for at in range(LARGE_SLOTS))
        return [post, self._settle(job, table, [places])]

    def _settlement(self) -> Iterator[Step]:
        """One batch, or two to four over the same workers; 1 to 20 slots each, by 1 to 10 workers."""
        if self._job is None or self._job.slots - self._job.next_slot < 4 * MOST_SLOTS:
            post, self._job = self._post(JOB_SLOTS)
            yield post
        rng = self._rng
        table = tuple(rng.sample(self._crowd, rng.randint(1, MOST_WORKERS)))
        batches = rng.choices((1, 2, 3, 4), (70, 20, 5, 5))[0]
        yield self._settle(self._job, table, [_places(rng, len(table)) for _ in range(batches)])

    def _settle(self, job: Job, table: tuple[str, ...], parts: Sequence[bytes]) -> Step:
        signed, slots = [], 0
        for places in parts:
            batch = Batch(job.id, job.next_slot, table, places, self._rng.randbytes(32))
            signed.append((batch, self._coordinator.sign(self._domain.batch_digest(batch))))
            job.next_slot += len(places)
            slots += len(places)
        push_gas = self._rng.choice((0, PUSH_GAS))
        return Step((0, job.settle.encode(signed, 0, push_gas)), len(parts) + 1, slots)

    def _post(self, slots: int) -> tuple[Step, Job]:
        self._jobs += 1
        terms = Terms(
            requester=self.contract,
            operator=NATIVE,
            token=NATIVE,
            reward=REWARD,
            fee=0,
            coordinator=self._coordinator.address,
            arbitrator=NATIVE,
            arbitrator_extra_data=b"",
            contest_deposit=REWARD,
            appeal_stake=REWARD,
            closes_at=self._closes_at,
            review_window=DAY,
            appeal_window=DAY,
            content_hash=self._rng.randbytes(32),
            salt=self._jobs.to_bytes(32),
        )
        call = (0, bytes.fromhex(encode_post(terms, slots, "ledger")[2:]))
        return Step(call, 1), Job(self._domain.job_id(terms), Settle(terms), slots)


def _places(rng: random.Random, workers: int) -> bytes:
    """Each slot some worker's, one in twenty nobody's, the first always somebody's."""
    rest = (rng.randint(1, workers) if rng.random() < 0.95 else 0 for _ in range(rng.randint(0, MOST_SLOTS - 1)))
    return bytes((rng.randint(1, workers), *rest))
