"""What the machine does with slots: settling, opening, contesting, appealing, and what ends it all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from hypothesis.stateful import initialize, rule

from piecework.chain import escrow, escrow_recourse
from piecework.chain.escrow import escrow_abi
from piecework.domain.keccak import keccak256
from piecework.domain.recourse import FOR_REQUESTER, RULING_LIMIT, Appeal, Opening
from piecework.domain.terms import MAX_DURATION, MAX_OPENED, MAX_WINDOW, Batch, Terms
from tests.contracts.model.jobs import Appealed, Approval, Job, Opened, SignedBatch
from tests.contracts.model.postings import Postings
from tests.contracts.model.recourse import Model, Request
from tests.contracts.model.stage import seeds, tally
from tests.contracts.model.world import council_abi

ANSWERS = keccak256(b"answers")
FIRST_SLOTS = (0, 1, 2, 3, 100, 127, 128, 255, 256, 383, 640)
LENGTHS = (1, 2, 3, 4, 5, 6, 33, 129, 256, 300, MAX_OPENED)
MOST_BATCHES = 12
OPENERS = ("coordinator", "coordinator", "coordinator", "worker", "worker", "worker", "relayer", "relayer", "stranger")
NO_APPROVAL = Approval(None, 0)
ENDS = (
    "an end in favour of the requester",
    "an end in favour of the worker, ruled",
    "an end in favour of the worker, pending",
    "an end in favour of the worker, defended",
    "an end of what a sponsor staked for",
)
"""How appeals end."""
FOREVER = MAX_DURATION + 2 * MAX_WINDOW + RULING_LIMIT
"""Seconds after which every wait has ended."""


Move = Callable[[Random], None]


class Machine(Postings):
    """Everything that can happen to the escrow."""

    @initialize(life=seeds)
    def begin(self, life: int) -> None:
        """Most lives have a job from the start."""
        self.life = life
        self.post(Random(life))

    @rule(seed=seeds)
    def step(self, seed: int) -> None:
        """One rule for all, because hypothesis leaves out rules by chance, and what is deep needs every one on the way to it."""
        self.steps += 1
        dice = Random(f"{self.life} {self.steps} {seed}")
        dice.choice(self.moves())(dice)

    def moves(self) -> list[Move]:
        """What may be tried now, as often as it should be: much that may succeed, and a little of everything that won't."""
        fates = {fate for job in self.model.jobs.values() for fate in job.fates}
        phases = {entry.phase for job in self.model.jobs.values() for entry in job.appeals.values()}
        weights: dict[Move, int] = {
            self.wait: 8 if self.turns() else 1,
            self.post_somehow: 2 if self.running() else 60,
            self.move_money: 10,
            self.sign_batch: (2 if self.free() else 20) * bool(self.running()),
            self.settle: (1 + 8 * self.free()) * bool(self.batches),
            self.open: (1 + 16 * self.free()) * bool(self.batches),
            self.finalize: 5 * ("opened" in fates),
            self.contest: (1 + 30 * bool(self.contestable())) * ("opened" in fates),
            self.reclaim: 4 * ("contested" in fates),
            self.concede: 2 * ("contested" in fates),
            self.appeal: (2 + 60 * bool(self.appealable())) * ("contested" in fates),
            self.defend: (2 + 40 * self.defensible()) * ("pending" in phases),
            self.vote: 30 * ("defended" in phases),
            self.rule_as_nobody: "defended" in phases,
            self.submit_evidence: 2 * bool(phases) + 5 * ("defended" in phases),
            self.conclude: 3 * bool(phases) + 10 * ("ruled" in phases),
            self.close: any(self.model.now >= job.terms.closes_at - 1 for job in self.model.jobs.values()),
        }
        return [move for move, weight in weights.items() for _ in range(weight)]

    def running(self) -> set[bytes]:
        """Jobs in which something can still be opened."""
        return {key for key, job in self.model.jobs.items() if not job.closed and self.model.now < job.terms.closes_at}

    def free(self) -> bool:
        """Whether a signed batch names a slot that can be had."""
        return any(entry[0].batch.job in self.running() and self.is_good(entry[0]) for entry in self.batches)

    def is_good(self, signed: SignedBatch) -> bool:
        """Whether a batch takes something and isn't refused for itself."""
        job, batch = self.model.jobs[signed.batch.job], signed.batch
        right = signed.signer == job.terms.coordinator and max(batch.places) <= len(batch.workers)
        return right and len(batch.places) <= MAX_OPENED and bool(job.free(batch))

    def appealable(self) -> list[tuple[bytes, Terms, Opened]]:
        """Openings that some worker with a key could appeal now."""
        return [entry for entry in self.in_time("contested", after=True) if self.losers(entry[0], entry[2])]

    def losers(self, job: bytes, entry: Opened) -> list[int]:
        """The places of contested slots whose workers have keys."""
        lost = self.model.with_fate(self.model.jobs[job], entry, "contested").values()
        return [place for place in lost if self.key(entry.opening.workers[place - 1])]

    def defensible(self) -> bool:
        """Whether it is some requester's turn to defend."""
        entries = [(job.terms, entry) for job in self.model.jobs.values() for entry in job.appeals.values()]
        pending = [entry.since + terms.appeal_window for terms, entry in entries if entry.phase == "pending"]
        return any(self.model.now < ends for ends in pending)

    def contestable(self) -> list[tuple[bytes, Terms, Opened]]:
        """Openings that their requester could contest now, and with an arbitrator."""
        return [entry for entry in self.in_time("opened", after=False) if entry[1].arbitrator == self.world.council]

    # Settling --------------------------------------------------------------------------------------------------------

    def sign_batch(self, dice: Random) -> None:
        """The coordinator signs a batch, off the chain; now and then a byte points past its table."""
        size = dice.randint(1, 7)
        job, terms = self.job(dice)
        first, length = self.span(dice, len(self.model.jobs[job].fates))
        pattern = bytes([dice.randint(1, size), *(dice.randint(0, size) for _ in range(dice.randint(0, 5)))])
        places = (pattern * (length // len(pattern) + 1))[:length]
        batch = Batch(job, first, self.roster()[:size], places, ANSWERS)
        if dice.random() < 0.05:
            object.__setattr__(batch, "places", places[:-1] + bytes([size + 1]))
        self.batches.append(self.sign(batch, self.signer(dice, terms.coordinator)))

    def span(self, dice: Random, funded: int) -> tuple[int, int]:
        """Where a batch begins and how long it is, mostly within the job; often over the edge of a word of bits."""
        within = [first for first in FIRST_SLOTS if first < funded]
        first = dice.choice(within * 4 + [funded - 1, funded])
        fit = [length for length in LENGTHS if first + length <= funded + 2]
        return first, dice.choice(fit * 6 + [1, 256, MAX_OPENED + 1])

    def batches_of(self, dice: Random, most: int) -> tuple[bytes, Terms, list[tuple[SignedBatch, bytes, bytes]]]:
        """Some batches, mostly of one job and in the order of their tables."""
        signed_for = [entry[0].batch.job for entry in self.batches]
        open_jobs = [job for job in signed_for if job in self.running()]
        job = dice.choice(open_jobs * 9 + signed_for)
        own = [entry for entry in self.batches if entry[0].batch.job == job]
        fit = [entry for entry in own if self.is_good(entry[0])] or own
        candidates = dice.choice([fit] * 9 + [own, self.batches])
        chosen = dice.choices(candidates, k=dice.randint(1, most))
        if dice.random() < 0.9:
            chosen.sort(key=lambda entry: len(entry[0].batch.workers))
        return job, self.model.jobs[job].terms, chosen

    def settle(self, dice: Random) -> None:
        push_gas = dice.choice([0, 100_000])
        credited = dice.randint(0, 3)
        job, terms, chosen = self.batches_of(dice, 3)
        sender, credit_only = self.sender(dice, terms.requester), frozenset(self.roster()[:credited])
        ours, entries = [], []
        for batch, digest, signature in chosen:
            approval, approved = self.approval(dice, terms, digest, batch.batch.named)
            ours.append((batch, approval))
            entries.append(escrow.SignedBatch(batch.batch, signature, approved))
        encoded = escrow.encode_settle(terms, entries, credit_only, push_gas)
        self.call("settle", sender, encoded, lambda m: m.settle(sender, job, terms, ours, credit_only, push_gas))

    # Openings --------------------------------------------------------------------------------------------------------

    def open(self, dice: Random) -> None:
        by = dice.choice(OPENERS)
        job, terms, chosen = self.batches_of(dice, 2)
        first = self.place_in(dice, chosen[0][0].batch)
        worker = dict(enumerate(chosen[0][0].batch.workers, 1)).get(first, self.address("ada"))
        places = [first, *(self.place_in(dice, batch.batch, worker) for batch, _, _ in chosen[1:])]
        sender = worker if by == "worker" and self.key(worker) else self.address("relayer" if by == "worker" else by)
        signer = self.signer(dice, worker)
        digests = [digest for _, digest, _ in chosen]
        signature = signer.sign(self.world.domain.open_request_digest(digests)) if by == "relayer" else b""
        requests = [Request(batch, digest, place) for (batch, digest, _), place in zip(chosen, places, strict=True)]
        entries = [
            escrow_recourse.OpenedBatch(batch.batch, word, place)
            for (batch, _, word), place in zip(chosen, places, strict=True)
        ]
        encoded = escrow_recourse.encode_open(terms, entries, signature)
        word_of = signer.address if signature else None
        self.call("open", sender, encoded, lambda m: m.open(sender, job, terms, requests, word_of))

    def place_in(self, dice: Random, batch: Batch, worker: str | None = None) -> int:
        """A place that the batch names, this worker's if there is one; seldom another."""
        named = sorted({place for place in batch.places if 0 < place <= len(batch.workers)})
        own = [place for place in named if batch.workers[place - 1] == worker]
        return dice.choice((own or named) * 9 + [0, 1, 2])

    def handed(self, dice: Random, opening: Opening) -> Opening:
        """The opening, or now and then something else in its place."""
        wrong = replace(opening, places=opening.places[:-1] + b"\x09")
        return dice.choice([opening] * 15 + [wrong])

    def finalize(self, dice: Random) -> None:
        fewer = dice.choice([0] * 5 + [1])
        push_gas = dice.choice([0, 100_000])
        job, terms, entry = self.opened(dice, self.with_fate("opened"))
        opening, slots = self.handed(dice, entry.opening), len(entry.named()) - fewer
        approval, signature = self.approval(dice, terms, opening.batch, slots)
        sender, credit_only = self.sender(dice, terms.requester), frozenset([self.address("ben")])
        encoded = escrow_recourse.encode_finalize(terms, opening, credit_only, push_gas, slots, signature)

        self.call(
            "finalize",
            sender,
            encoded,
            lambda m: m.finalize(sender, job, terms, opening, approval, slots, credit_only, push_gas),
        )

    def contest(self, dice: Random) -> None:
        """All slots, or those of one place, or bytes that the opening doesn't have."""
        wrong = dice.choice([b""] * 9 + [b"\x07"])
        job, terms, entry = self.opened(dice, self.contestable())
        opening = self.handed(dice, entry.opening)
        whose = dice.choice([0, 0, dice.choice(opening.places), dice.randint(1, 7)])
        places = bytes(place if whose in (0, place) else 0 for place in opening.places) + wrong
        sender = self.sender(dice, dice.choice([terms.requester] * 3 + [self.address("operator")]))
        encoded = escrow_recourse.encode_contest(terms, opening, places, ANSWERS)
        self.call("contest", sender, encoded, lambda m: m.contest(sender, job, terms, opening, places))

    def reclaim(self, dice: Random) -> None:
        job, terms, entry = self.opened(dice, self.with_fate("contested"))
        opening = self.handed(dice, entry.opening)
        encoded = escrow_recourse.encode_reclaim(terms, opening)
        self.call("reclaim", self.anybody(dice), encoded, lambda m: m.reclaim(job, terms, opening))

    def concede(self, dice: Random) -> None:
        fewer = dice.choice([0] * 5 + [1])
        job, terms, entry = self.opened(dice, self.with_fate("contested"))
        opening, slots = self.handed(dice, entry.opening), len(entry.named()) - fewer
        approval, signature = self.approval(dice, terms, opening.batch, slots)
        sender = self.sender(dice, terms.requester)
        encoded = escrow_recourse.encode_concede(terms, opening, slots, signature)
        self.call("concede", sender, encoded, lambda m: m.concede(sender, job, terms, opening, approval, slots))

    # Appeals ---------------------------------------------------------------------------------------------------------

    def appeal(self, dice: Random) -> None:
        """One worker's slots of one opening, or of all those in which it stands."""
        by = dice.choice(["worker", "relayer"])
        several = dice.random() < 0.5
        job, terms, entry = self.opened(dice, self.appealable())
        losers = self.losers(job, entry)
        place = dice.choice(losers) if losers and dice.random() < 0.9 else dice.randint(0, 7)
        worker = dict(enumerate(entry.opening.workers, 1)).get(place, self.address("ada"))
        chosen = [(self.handed(dice, entry.opening), place)]
        chosen += self.others(self.model.jobs[job], worker) if several else []
        openings, places = [opening for opening, _ in chosen], [place for _, place in chosen]
        signer = self.signer(dice, worker)
        digest = self.world.domain.appeal_request_digest([opening.id(job) for opening in openings], places)
        sender = worker if by == "worker" and self.key(worker) else self.sender(dice, self.address("relayer"))
        word_of, signature = (signer.address, signer.sign(digest)) if sender != worker else (None, b"")
        encoded = escrow_recourse.encode_appeal(terms, openings, places, signature)
        self.call("appeal", sender, encoded, lambda m: m.appeal(sender, job, terms, openings, places, word_of))

    def others(self, job: Job, worker: str) -> Sequence[tuple[Opening, int]]:
        """Every place at which a worker lost slots of a job."""
        found = {}
        for entry in job.openings.values():
            lost = self.model.with_fate(job, entry, "contested")
            standing = (place for place in lost.values() if entry.opening.workers[place - 1] == worker)
            found.update({(entry.opening.id(bytes(32)), place): (entry.opening, place) for place in standing})
        return list(found.values())

    def claimed(self, dice: Random, appeal: Appeal) -> Appeal:
        """The appeal, or now and then something else in its place."""
        return dice.choice([appeal] * 15 + [replace(appeal, slots=appeal.slots + 1)])

    def defend(self, dice: Random) -> None:
        surplus = dice.choice([0, 0, 5, -1])
        job, terms, entry = self.appealed(dice, ("pending",))
        appeal, value = self.claimed(dice, entry.appeal), self.model.cost + surplus
        sender = self.sender(dice, terms.requester)
        encoded = escrow_recourse.encode_defend(terms, appeal, "ipfs://what it is about")
        self.call("defend", sender, encoded, lambda m: m.defend(sender, job, terms, appeal, value), value)

    def vote(self, dice: Random) -> None:
        """The council's member votes, which gives the ruling."""
        ruling = dice.choice([0, 1, 2, 2, 3])
        unsolved = [at for at, case in enumerate(self.model.cases) if not case.solved]
        dispute = dice.choice(unsolved * 5 + [0, len(self.model.cases)])
        sender = self.sender(dice, self.model.member)
        encoded = council_abi().encode("vote", dispute, ruling, "")
        self.call("vote", sender, encoded, lambda m: m.vote(sender, dispute, ruling), to=self.world.council)

    def rule_as_nobody(self, dice: Random) -> None:
        """Somebody who isn't the arbitrator rules."""
        ruling = dice.randint(0, 2)
        encoded = escrow_abi().encode("rule", 0, ruling)
        self.call("rule", self.anybody(dice), encoded, lambda m: m.rule_as_nobody())

    def conclude(self, dice: Random) -> None:
        job, terms, entry = self.appealed(dice, ("ruled", "defended", "pending"))
        appeal, sender = self.claimed(dice, entry.appeal), self.anybody(dice)
        encoded = escrow_recourse.encode_conclude(terms, appeal)
        before = self.model
        self.call("conclude", sender, encoded, lambda m: m.conclude(sender, job, terms, appeal))
        if self.model is not before:
            self.note_end(entry, terms)

    def note_end(self, entry: Appealed, terms: Terms) -> None:
        """Counts how an appeal ended: each way must have been seen."""
        how = "in favour of the requester" if entry.ruling == FOR_REQUESTER else f"in favour of the worker, {entry.phase}"
        tally[f"an end {how}", "done"] += 1
        if terms.appeal_stake and entry.appeal.sponsor != entry.appeal.worker:
            tally["an end of what a sponsor staked for", "done"] += 1

    def submit_evidence(self, dice: Random) -> None:
        job, _, entry = self.appealed(dice, ("defended",))
        appeal = self.claimed(dice, entry.appeal)
        encoded = escrow_recourse.encode_submit_evidence(appeal.id(job), "ipfs://what was answered")
        self.call("submitEvidence", self.anybody(dice), encoded, lambda m: m.submit_evidence(job, appeal))

    # The end ---------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Once every wait has ended, a stranger's calls alone bring all the money out of every job."""
        if not self.agreed:
            return
        self.model.now += FOREVER
        for key in list(self.model.jobs):
            self.end(key, self.address("stranger"))
            assert self.model.jobs[key].locked() == 0
        tally["end", "done"] += 1

    def end(self, key: bytes, stranger: str) -> None:
        """Finalizes, reclaims, concludes and closes whatever of a job is due."""
        terms, job = self.model.jobs[key].terms, self.model.jobs[key]
        for entry in job.openings.values():
            opening = entry.opening
            if not entry.finalized:
                encoded = escrow_recourse.encode_finalize(terms, opening, frozenset(), 0)
                step = partial(Model.finalize, sender=stranger, job=key, terms=terms, opening=opening, approval=NO_APPROVAL,
                               slots=0, credit_only=frozenset(), push_gas=0)  # fmt: skip
                self.call("finalize", stranger, encoded, step)
            if self.model.with_fate(self.model.jobs[key], entry, "contested"):
                encoded = escrow_recourse.encode_reclaim(terms, opening)
                self.call("reclaim", stranger, encoded, partial(Model.reclaim, job=key, terms=terms, opening=opening))
        for appeal in [entry.appeal for entry in job.appeals.values() if entry.phase != "done"]:
            encoded = escrow_recourse.encode_conclude(terms, appeal)
            self.call("conclude", stranger, encoded, partial(Model.conclude, sender=stranger, job=key, terms=terms, appeal=appeal))
            self.note_end(job.appeals[appeal.id(key)], terms)
        if not job.closed:
            self.call("close", stranger, escrow.encode_close(terms), lambda m: m.close(key, terms))
