"""What every rule of the machine stands on: the same call on the model and on the chain, and who could be meant by it."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from piecework.chain.escrow import escrow_abi
from piecework.domain.recourse import RULING_LIMIT
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import Key
from piecework.domain.units import NATIVE
from tests.contracts.model.jobs import Appealed, Approval, Opened, SignedBatch
from tests.contracts.model.money import Refused
from tests.contracts.model.recourse import Model
from tests.contracts.model.world import World

seeds = st.integers(0, 2**64 - 1)
"""A step chooses by dice of its own, because hypothesis likes to choose alike, and lives that do stay shallow."""

tally: Counter[tuple[str, str]] = Counter()
"""How often each call ended in what, over all examples: (call, error), or (call, "done")."""


class Stage(RuleBasedStateMachine):
    """One life of the escrow, from the same beginning each time."""

    world: ClassVar[World]
    furnished: ClassVar[Model]
    snapshot: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        assert self.world.rpc.call("evm_revert", self.snapshot)
        type(self).snapshot = self.world.rpc.call("evm_snapshot")
        self.model = self.furnished.copy()
        self.batches: list[tuple[SignedBatch, bytes, bytes]] = []
        """What was signed off the chain: batches with their digests and signatures."""
        self.life = self.steps = 0
        self.agreed = True

    # The same call on both ---------------------------------------------------------------------------------------------

    def call(
        self,
        name: str,
        sender: str,
        data: str,
        step: Callable[[Model], Any],
        value: int = 0,
        to: str | None = None,
    ) -> None:
        """Both accept, with the same answer and the same state behind it; or both refuse, in the same words."""
        self.agreed = False
        after = self.model.copy()
        try:
            expected, error = step(after), None
        except Refused as refused:
            expected, error = None, str(refused)
        ended, answer = self.world.ask(sender, to or self.world.escrow, data, value, self.model.now)
        assert ended == error, f"{name}: the chain says {ended or 'done'}, the model {error or 'done'}"
        tally[name, error if error is not None else "done"] += 1
        event(f"{name}: {error if error is not None else 'done'}")
        if error is None:
            if expected is not None:
                assert escrow_abi().decode_result(name, answer) == expected
            self.world.tell(sender, to or self.world.escrow, data, value, self.model.now)
            self.model = after
            self.compare()
        self.agreed = True

    def compare(self) -> None:
        """The chain is as the model says, and no token has gone or come from nowhere."""
        found = self.world.differences(self.model)
        assert not found, "\n".join(found)
        for token in (NATIVE, self.world.dollar):
            in_ledger = sum(amount for (_, of), amount in self.model.ledger.items() if of == token)
            in_jobs = sum(job.locked() for job in self.model.jobs.values() if job.terms.token == token)
            assert self.model.wallets[self.world.escrow, token] == in_ledger + in_jobs

    # Who and what ----------------------------------------------------------------------------------------------------

    def address(self, name: str) -> str:
        return self.world.address(name)

    def roster(self) -> tuple[str, ...]:
        """The table that all batches begin: workers, one of them twice, one that takes no coins, and three that are nobody."""
        ada, ben = self.address("ada"), self.address("ben")
        return ada, ben, self.world.dollar, self.address("requester"), ada, NATIVE, self.world.escrow

    def key(self, address: str) -> Key | None:
        """The key of an address, where it has one."""
        return next((key for key in self.world.cast.values() if key.address == address), None)

    def sender(self, dice: Random, usual: str) -> str:
        """Mostly the one who should call, sometimes any other."""
        others = [self.address(name) for name in ("stranger", "relayer", "operator", "requester", "coordinator", "ada")]
        return dice.choice([usual] * 30 + others)

    def signer(self, dice: Random, usual: str) -> Key:
        """Mostly the key that should sign; a stranger's where there is none."""
        key = self.key(usual) or self.world.cast["stranger"]
        return dice.choice([key] * 15 + [self.world.cast["stranger"]])

    def token(self, dice: Random) -> str:
        return dice.choice([self.world.dollar, NATIVE])

    def job(self, dice: Random) -> tuple[bytes, Terms]:
        """One of the jobs there are."""
        job = dice.choice(list(self.model.jobs))
        return job, self.model.jobs[job].terms

    def openings(self) -> list[tuple[bytes, Terms, Opened]]:
        """Every opening with its job."""
        return [(key, job.terms, entry) for key, job in self.model.jobs.items() for entry in job.openings.values()]

    def in_time(self, fate: str, after: bool) -> list[tuple[bytes, Terms, Opened]]:
        """Openings with a slot of this fate that are in their review window, or in the appeal window after it."""
        found = []
        for key, terms, entry in self.with_fate(fate):
            ends = entry.at + terms.review_window
            begins, ends = (ends, ends + terms.appeal_window) if after else (entry.at, ends)
            if begins <= self.model.now < ends:
                found.append((key, terms, entry))
        return found

    def with_fate(self, fate: str) -> list[tuple[bytes, Terms, Opened]]:
        """Openings with a slot of this fate."""
        return [entry for entry in self.openings() if self.model.with_fate(self.model.jobs[entry[0]], entry[2], fate)]

    def opened(self, dice: Random, fit: list[tuple[bytes, Terms, Opened]]) -> tuple[bytes, Terms, Opened]:
        """Mostly one of these openings, seldom any other."""
        return dice.choice(fit if fit and dice.random() < 0.9 else self.openings())

    def appealed(self, dice: Random, phases: tuple[str, ...]) -> tuple[bytes, Terms, Appealed]:
        """An appeal, mostly one in these phases."""
        every = [(key, job.terms, entry) for key, job in self.model.jobs.items() for entry in job.appeals.values()]
        fit = [entry for entry in every if entry[2].phase in phases]
        return dice.choice(fit if fit and dice.random() < 0.9 else every)

    def approval(self, dice: Random, terms: Terms, batch: bytes, slots: int) -> tuple[Approval, bytes]:
        """An approval of a batch: the caller's own, or the requester's or operator's signature, mostly of the right number."""
        usual = dice.choice([terms.requester] * 3 + [terms.operator, None])
        if usual is None:
            return Approval(None, 0), b""
        signer = self.signer(dice, usual)
        slots = dice.choice([slots] * 15 + [slots + 1])
        digest = self.world.domain.approval_digest(batch, slots, slots * terms.price)
        return Approval(signer.address, slots), signer.sign(digest)

    def turns(self) -> list[int]:
        """The instants ahead at which somebody's turn begins or ends, soonest first."""
        instants = set()
        for job in self.model.jobs.values():
            terms = job.terms
            for opened in job.openings.values():
                review_ends = opened.at + terms.review_window
                instants |= {review_ends, review_ends + terms.appeal_window}
            for appealed in job.appeals.values():
                instants |= {appealed.since + terms.appeal_window} if appealed.phase == "pending" else set()
                instants |= {appealed.since + RULING_LIMIT} if appealed.phase == "defended" else set()
        instants |= {expires_at for allowance, expires_at in self.model.operators.values() if allowance}
        return sorted(at for at in instants if at > self.model.now)

    def closings(self) -> list[int]:
        """The instants ahead at which jobs may be closed."""
        return sorted(job.terms.closes_at for job in self.model.jobs.values() if job.terms.closes_at > self.model.now)

    def sign(self, batch: Batch, signer: Key) -> tuple[SignedBatch, bytes, bytes]:
        """A batch with its digest and a signature."""
        digest = self.world.domain.batch_digest(batch)
        return SignedBatch(batch, signer.address), digest, signer.sign(digest)
