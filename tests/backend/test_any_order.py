"""Assignments and reviews in any order: what workers and requesters do, time that passes or jumps, and two at once, against a model.

After each step every row is compared with the model: no unit is over-assigned, no slot is held twice, a worker answers a unit once, each
receipt is kept, and the states are the model's. On PostgreSQL two coordinators share the database as two processes do. In the end what
was batched is settled on the chain, and each worker has been paid for each of its slots once.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sqlalchemy import bindparam, select
from sqlmodel import col

from backend.services.blocks import Blocked
from backend.services.bulk import Filter
from backend.services.coordinator import Coordinator
from backend.services.policies import Policies
from backend.services.postings import Draft, terms_of
from backend.services.reviews import Decisions, Rejection
from backend.settings import Settings
from backend.store.tables import SignedBatch
from indexer.tables import JobWord, SlotPayment
from piecework.chain.escrow import encode_post, token_abi
from piecework.chain.wallet import Wallet
from piecework.domain.content import commitment
from piecework.domain.errors import Conflict, Invalid, NotFound, PieceworkError, Unavailable
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import recover
from tests.backend.lives import LIMIT, OVER, UNITS, Held, Life
from tests.backend.workshop import Works, new_key
from tests.conftest import Chain

REWARD, WORKERS, ASSIGNMENT_SECONDS = 50_000, 4, 3600
EXAMPLES, STEPS = 10, 50
Draw = Callable[[Random], Any]


def whose(dice: Random) -> int:
    return dice.randrange(WORKERS)


def unit(dice: Random) -> int | None:
    return dice.choice([None, None, *range(len(UNITS))])


def seed(dice: Random) -> int:
    return dice.randrange(2**32)


def whether(dice: Random) -> bool:
    return dice.random() < 0.3


def several(draw: Draw, least: int, most: int) -> Draw:
    """A list of draws."""
    return lambda dice: [draw(dice) for _ in range(dice.randint(least, most))]


def among(*values: Any) -> Draw:
    """One of the values."""
    return lambda dice: dice.choice(values)


DRAWS: dict[str, tuple[int, tuple[Draw, ...]]] = {
    "accept": (4, (whose, unit)),
    "many_accept_at_once": (2, (several(lambda dice: (whose(dice), unit(dice)), 2, 12),)),
    "commit": (4, (seed, whether)),
    "commit_to_two_answers_at_once": (1, (seed,)),
    "reveal": (4, (seed, whether)),
    "give_back": (1, (seed,)),
    "whole_answers": (2, (several(whose, 1, 4),)),
    "time_passes": (2, (among(1, 1800, 3600, 3601),)),
    "the_clock_is_set_back": (1, (among(1, 600, 1800),)),
    "time_is_looked_at": (1, ()),
    "review": (4, (several(among("approve", "reject", "undo", "", ""), 9, 9), whether)),
    "approve_all": (1, ()),
    "decide_by_filter": (2, (among("approved", "rejected"), whether)),
    "cut_and_sign": (1, ()),
    "cut_twice_while_one_is_taken_back": (2, (seed,)),
    "bonus": (2, (seed, among("a", "b"), among(1, 2))),
    "block_or_lift": (1, (whose, whether)),
}
"""What may happen, how often as often as once, and what is drawn for it."""
NO = Rejection(None, "It isn't.")
WORD = (
    select(JobWord.funded, JobWord.locked, JobWord.paid_out)
    .where(col(JobWord.job) == bindparam("of"))
    .order_by(col(JobWord.block_number).desc(), col(JobWord.log_index).desc())
    .limit(1)
)


class World:
    """A chain, its mirror, and coordinators over one database, on a clock of the test's own."""

    def __init__(self, works: Works) -> None:
        self.works, self.chain, self.loop = works, works.chain, asyncio.new_event_loop()
        self.now = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        s = Settings(
            database_url=works.database_url,
            rpc_url=works.rpc_url,
            deployment=works.data / "deployment.json",
            data=works.data,
            coordinator_key="0x" + self.chain.coordinator.secret.hex(),  # type: ignore[arg-type]
            relayer_key="0x" + self.chain.relayer.secret.hex(),  # type: ignore[arg-type]
        )
        processes = 2 if works.database_url.startswith("postgresql") else 1
        self.coordinators = [Coordinator(s, works.url, lambda: self.now) for _ in range(processes)]
        self.wallet = Wallet(self.chain.rpc, self.chain.requester)
        d = self.chain.deployment
        self.wallet.send(d.token, token_abi().encode("mint", self.requester, 2**60))
        self.wallet.send(d.token, token_abi().encode("approve", d.escrow, 2**200))
        self.lives: list[tuple[str, Life]] = []

    @property
    def requester(self) -> str:
        return self.chain.requester.address

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)  # type: ignore[arg-type]

    def open_job(self) -> str:
        """A job that is funded on the chain and in the mirror."""
        closes = int((self.now + timedelta(days=30)).timestamp())
        draft = Draft(
            *("Any order", "Say what it is.", "label", None, REWARD, self.chain.deployment.token),
            units=[({"n": at}, slots) for at, slots in enumerate(UNITS)],
            answers_per_worker=1,
            assignment_seconds=ASSIGNMENT_SECONDS,
            closes_at=closes,
            review_window=86_400,
            appeal_window=86_400,
            salt=secrets.token_bytes(32),
            policies=Policies(per_worker_limit=LIMIT),
        )
        postings = self.coordinators[0].postings
        job, _ = self.run(postings.describe(self.requester, draft))
        self.wallet.send(self.chain.deployment.escrow, encode_post(terms_of(postings.row(job)), sum(UNITS), "wallet"))
        self.works.until("SELECT 1 FROM mirror_job WHERE job = :job", seconds=120, job=job)
        return str(job)

    def settle(self) -> None:
        """Carries what was approved onto the chain, until the mirror has it."""
        settler = self.coordinators[0].settler
        settler.start()
        batched = sum(len(life.in_state("batched")) for _, life in self.lives)
        paid = "SELECT count(*) FROM mirror_slot_payment JOIN posting ON posting.job = mirror_slot_payment.job"
        if batched:
            self.works.until(f"{paid} HAVING count(*) >= :all", seconds=120, all=batched)
        settler.stop()

    def close(self) -> None:
        for one in self.coordinators:
            one.unit_loads.stop()
            one.store.close()
        self.loop.close()


@pytest.fixture
def world(shared_chain: Chain, database_url: str, tmp_path: Any) -> Iterator[World]:
    works = Works(shared_chain, database_url, tmp_path, shared_chain.rpc.url)
    works.start("indexer")
    try:
        made = World(works)
        yield made
        made.close()
    finally:
        works.kill("indexer")


class AnyOrder(RuleBasedStateMachine):
    """One job's life. Each step is told to one of the processes."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.job, self.life = self.world.open_job(), Life()
        self.world.lives.append((self.job, self.life))
        self.workers = [new_key().address for _ in range(WORKERS)]
        self.turn = 0

    # Words -------------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.world.now

    def process(self) -> Coordinator:
        """The one whose turn it is."""
        self.turn += 1
        return self.world.coordinators[self.turn % len(self.world.coordinators)]

    def facts(self) -> Any:
        return self.world.coordinators[0].postings.find(self.job)

    def do(self, work: Awaitable[Any], *refusals: type[PieceworkError]) -> Any:
        """What came of it: the result, or the refusal. Anything else that goes wrong is a fault."""
        try:
            return self.world.run(work)
        except refusals as refused:
            return refused

    def at_once(self, *works: Callable[[], Awaitable[Any]]) -> list[Any]:
        """What came of each of several that begin together; who meets another's lock tries again, as clients do."""

        async def patiently(work: Callable[[], Awaitable[Any]]) -> Any:
            for _ in range(20):
                with suppress(Unavailable):
                    return await work()
            return await work()

        async def run() -> list[Any]:
            return await asyncio.gather(*map(patiently, works), return_exceptions=True)

        found: list[Any] = self.world.run(run())
        assert all(isinstance(one, Conflict) or not isinstance(one, BaseException) for one in found), found
        return found

    def any(self, seed: int, *states: str) -> Held | None:
        """One of the assignments, in one of the states where there are any."""
        found = self.life.in_state(*states) if states else list(self.life.held.values())
        return found[seed % len(found)] if found else None

    def given(self, worker: str, row: dict[str, Any]) -> Held:
        return Held(row["id"], worker, row["unit"], row["slot"], row["expires_at"])

    @rule(seed=st.integers(0, 2**64 - 1))
    def step(self, seed: int) -> None:
        """One step by dice of its own: hypothesis likes to choose alike, and lives that do stay shallow."""
        dice = Random(seed)
        (name,) = dice.choices(list(DRAWS), [often for often, _ in DRAWS.values()])
        drawn = [draw(dice) for draw in DRAWS[name][1]]
        note(f"{name}{tuple(drawn)} at {self.now}")
        getattr(self, name)(*drawn)

    # Workers -----------------------------------------------------------------------------------------------------------

    def accept(self, who: int, unit: int | None) -> None:
        worker = self.workers[who]
        found = self.do(self.process().assignments.reserve(self.job, worker, unit), Conflict, Blocked)
        assert isinstance(found, Blocked) == (worker in self.life.blocked)
        assert (not isinstance(found, PieceworkError)) == self.life.may_take(worker, unit, self.now), found
        if not isinstance(found, PieceworkError):
            self.life.take(self.given(worker, found[1]))

    def many_accept_at_once(self, asks: list[tuple[int, int | None]]) -> None:
        self.time_is_looked_at()
        calls = [(self.workers[who], unit) for who, unit in asks if self.workers[who] not in self.life.blocked]
        found = self.at_once(*(partial(self.process().assignments.reserve, self.job, *call) for call in calls))
        for (worker, _), one in zip(calls, found, strict=True):
            if not isinstance(one, BaseException):
                self.life.take(self.given(worker, one[1]))

    def commit(self, seed: int, other: bool) -> None:
        if (one := self.any(seed)) is None:
            return
        salt = one.salt if one.commitment and not other else secrets.token_bytes(32)
        promised = commitment(bytes.fromhex(self.job[2:]), one.slot, one.worker, salt, "a")
        found = self.do(self.process().assignments.commit(one.id, one.worker, promised), Conflict)
        if one.commitment is not None:
            assert isinstance(found, Conflict) if other else found["signature"] == one.receipt
        elif one.state == "reserved" and one.expires_at > self.now:
            self.receipted(one, salt, promised, found["signature"])
        else:
            assert isinstance(found, Conflict)

    def receipted(self, one: Held, salt: bytes, promised: bytes, receipt: str) -> None:
        digest = self.world.chain.deployment.domain.batch_digest(
            receipt_batch(bytes.fromhex(self.job[2:]), one.slot, one.worker, promised)
        )
        assert recover(digest, bytes.fromhex(receipt[2:])) == self.world.chain.coordinator.address
        one.state, one.salt, one.commitment, one.receipt = "committed", salt, promised, receipt

    def commit_to_two_answers_at_once(self, seed: int) -> None:
        if (one := self.any(seed, "reserved")) is None:
            return
        salts = [secrets.token_bytes(32) for _ in range(2)]
        both = [commitment(bytes.fromhex(self.job[2:]), one.slot, one.worker, salt, "a") for salt in salts]
        found = self.at_once(*(partial(self.process().assignments.commit, one.id, one.worker, promised) for promised in both))
        won = [at for at, came in enumerate(found) if isinstance(came, dict)]
        assert len(won) == (one.expires_at > self.now), "one slot is receipted for one answer"
        for at in won:
            self.receipted(one, salts[at], both[at], found[at]["signature"])

    def reveal(self, seed: int, wrong: bool) -> None:
        if (one := self.any(seed, *(("committed",) if self.life.in_state("committed") else ()))) is None:
            return
        found = self.do(self.process().assignments.reveal(one.id, one.worker, "b" if wrong else "a", one.salt), Conflict, Invalid)
        if one.commitment is None:
            assert isinstance(found, Conflict)
        elif wrong:
            assert isinstance(found, Invalid)
        elif one.state == "committed":
            one.state, one.revealed_at = "revealed", self.now
            assert found.shown_state == "revealed"

    def give_back(self, seed: int) -> None:
        if (one := self.any(seed)) is None:
            return
        found = self.do(self.process().assignments.give_back(one.id, one.worker), Conflict)
        assert (found is None) == (one.state in ("reserved", "returned"))
        one.state = "returned" if found is None else one.state

    def whole_answers(self, some: list[int]) -> None:
        """Without these few lives would come as far as a batch."""
        for who in some:
            self.accept(who, None)
            fresh = [at for at, one in enumerate(self.life.held.values()) if one.state == "reserved" and one.expires_at > self.now]
            for at in fresh[:1]:
                self.commit(at, False)
                self.reveal(self.life.in_state("committed").index(list(self.life.held.values())[at]), False)

    # Time --------------------------------------------------------------------------------------------------------------

    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    def the_clock_is_set_back(self, seconds: int) -> None:
        self.world.now -= timedelta(seconds=seconds)

    def time_is_looked_at(self) -> None:
        self.world.run(self.process().assignments.expire())
        for one in self.life.due(self.now):
            one.state = "expired"

    # The requester -----------------------------------------------------------------------------------------------------

    def review(self, verdicts: list[str], wild: bool) -> None:
        about = list(self.life.held.values()) if wild else self.life.in_state("revealed", "approved", "rejected")
        said = {what: [one for one, verdict in zip(about, verdicts, strict=False) if verdict == what] for what in ("approve", "reject", "undo")}
        fits = {"approve": ("revealed", "rejected", "approved", "batched"), "reject": ("revealed", "rejected")}
        fits["undo"] = ("approved", "rejected", "revealed")
        goals = {"approve": "approved", "reject": "rejected", "undo": "revealed"}
        ids = {what: [one.id for one in some] for what, some in said.items()}
        decisions = Decisions(ids["approve"], [(id, NO) for id in ids["reject"]], ids["undo"])
        found = self.do(self.process().reviews.review(self.facts(), self.world.requester, decisions), Conflict)
        if any(one.state not in fits[what] for what, some in said.items() for one in some):
            assert isinstance(found, Conflict), "all or nothing"
            return
        counted = {what: [one for one in some if one.state not in (goals[what], "batched")] for what, some in said.items()}
        assert found == tuple(len(counted[what]) for what in ("approve", "reject", "undo"))
        for what, some in counted.items():
            self.decided(some, goals[what])

    def decided(self, some: list[Held], state: str) -> None:
        for one in some:
            one.state = state

    def approve_all(self) -> None:
        waiting = self.life.in_state("revealed")
        assert self.do(self.process().reviews.review(self.facts(), self.world.requester, Decisions(None))) == (len(waiting), 0, 0)
        self.decided(waiting, "approved")

    def decide_by_filter(self, verdict: str, late: bool) -> None:
        by, why, bulk = Filter("revealed"), NO if verdict == "rejected" else None, self.process().bulk
        found = bulk.preview(self.facts(), verdict, by, why)
        about = [one for one in self.life.in_state("revealed") if one.revealed_at and one.revealed_at <= self.now]
        assert found.count == len(about)
        if late and about:
            self.world.run(self.process().reviews.review(self.facts(), self.world.requester, Decisions([about[0].id])))
            self.decided(about[:1], "approved")
        done = self.do(bulk.decide(self.facts(), self.world.requester, verdict, by, why, found.token), Conflict)
        assert isinstance(done, Conflict) if late and about else done == len(about)
        if not (late and about):
            self.decided(about, verdict)

    def cut_and_sign(self) -> None:
        cut = self.world.run(self.process().batches.cut(self.facts()))
        for one in self.life.in_state("approved"):
            one.state = "batched"
        self.sign(cut)

    def sign(self, cut: Any) -> None:
        for batch in cut:
            process = self.process()
            signature = self.world.chain.requester.sign(process.batches.approval_digest(process.batches.find(batch.digest)))
            for _ in range(2):
                self.world.run(process.batches.approve(batch.digest, signature))

    def cut_twice_while_one_is_taken_back(self, seed: int) -> None:
        if (one := self.any(seed, "approved")) is None:
            return
        undo = partial(self.process().reviews.review, self.facts(), self.world.requester, Decisions([], undo=[one.id]))
        *cuts, undone = self.at_once(*(partial(self.process().batches.cut, self.facts()) for _ in range(2)), undo)
        assert isinstance(undone, Conflict) or undone == (0, 0, 1), "it is taken back, or said to be signed"
        if not isinstance(undone, Conflict):
            one.state = "revealed"
        for cut in cuts:
            assert not isinstance(cut, BaseException)
        for other in self.life.in_state("approved"):
            other.state = "batched"
        self.sign(self.world.run(self.process().batches.cut(self.facts())))

    def bonus(self, seed: int, word: str, amount: int) -> None:
        if (one := self.any(seed)) is None:
            return
        word, wanted = f"{self.job[2:12]}{word}", (one.id, amount)
        found = self.do(self.process().bonuses.prepare(self.world.requester, word, one.id, amount, "Well done."), Conflict, NotFound)
        if one.commitment is None:
            assert isinstance(found, NotFound)
        elif self.life.bonuses.setdefault(word, wanted) != wanted:
            assert isinstance(found, Conflict)
        else:
            assert (found.worker, found.amount) == (one.worker, amount)

    def block_or_lift(self, who: int, whether: bool) -> None:
        worker, blocks = self.workers[who], self.process().blocks
        if whether:
            self.world.run(blocks.block(self.world.requester, worker, "Enough."))
            self.life.blocked.add(worker)
        else:
            self.world.run(blocks.lift(self.world.requester, worker))
            self.life.blocked.discard(worker)

    # What holds --------------------------------------------------------------------------------------------------------

    @invariant()
    def every_row_is_the_models(self) -> None:
        store, job = self.world.coordinators[0].store, self.facts()
        with store.read() as connection:
            read: Callable[..., Any] = lambda statement: connection.exec_driver_sql(statement.format(job.number)).all()  # noqa: E731
            rows = {row.id: row for row in read("SELECT id, worker, unit, slot, state, receipt, batch FROM assignment WHERE posting = {}")}
            unit_rows = read("SELECT position, slots, free, handed FROM unit WHERE posting = {} ORDER BY position")
            counted = {row.worker: row.held for row in read("SELECT worker, held FROM job_worker WHERE posting = {}")}
            batches = connection.execute(select(SignedBatch.slots, SignedBatch.amount).where(col(SignedBatch.posting) == job.number)).all()
        said = {id: (one.worker, one.unit, one.slot, one.state, one.receipt) for id, one in self.life.held.items()}
        there = {id: tuple(row)[1:6] for id, row in rows.items()}
        assert there == said, (there.items() - said.items(), said.items() - there.items())
        assert all((row.batch is not None) == (row.state == "batched") for row in rows.values())
        live = [(row.slot, row.unit, row.worker) for row in rows.values() if row.state not in OVER]
        assert len({slot for slot, _, _ in live}) == len({(unit, worker) for _, unit, worker in live}) == len(live)
        assert [(row.slots, row.free) for row in unit_rows] == [(slots, len(self.life.free(at))) for at, slots in enumerate(UNITS)]
        assert {worker: count for worker, count in counted.items() if count} == {w: len(of) for w in self.workers if (of := self.life.of(w))}
        counts = self.world.coordinators[0].assignments.counts(job.number, job.id, job.slots, False)
        assert {state: count for state, count in counts.items() if count} == dict(self.life.counts())
        batched = len(self.life.in_state("batched"))
        assert (sum(row.slots for row in batches), sum(row.amount for row in batches)) == (batched, batched * job.price)


def test_in_any_order_no_slot_is_held_twice_and_every_receipt_and_payment_is_kept(world: World) -> None:
    machine = type("Here", (AnyOrder,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],  # a race needn't come out alike again, and a job for each attempt takes long
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = Counter(one.state for _, life in world.lives for one in life.held.values())
    assert seen.keys() >= {"revealed", "approved", "rejected", "batched", "expired"} and seen["batched"] >= EXAMPLES, "lives come to little"
    world.settle()
    with world.coordinators[0].store.read() as connection:
        for job, life in world.lives:
            paid = connection.execute(select(SlotPayment.slot, SlotPayment.worker, SlotPayment.amount).where(col(SlotPayment.job) == job))
            expected = [(one.slot, one.worker, REWARD) for one in life.in_state("batched")]
            assert sorted(map(tuple, paid)) == sorted(expected), "each slot is paid once, to who answered it"
            word = connection.execute(WORD, {"of": job}).one()
            price = world.coordinators[0].postings.find(job).price
            assert (word.funded, word.paid_out) == (sum(UNITS), REWARD * len(expected))
            assert word.locked == (sum(UNITS) - len(expected)) * price, "what isn't paid is still there"
