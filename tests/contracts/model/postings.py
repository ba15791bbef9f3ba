"""What the machine does with jobs: posting, funding, closing, and time, which passes for all."""

from dataclasses import replace
from random import Random
from typing import Any

from piecework.chain import escrow
from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY, MAX_DURATION, MAX_EXTRA_DATA, MAX_WINDOW, MIN_APPEAL_WINDOW, Terms, protocol_fee
from piecework.domain.typed_data import Funding
from piecework.domain.units import NATIVE
from tests.contracts.model.money import Authorization
from tests.contracts.model.purses import Purses

SLOTS = (1, 2, 3, 4, 5, 6, 130, 300, 700)
MOST_JOBS = 3
VARIANTS: dict[str, tuple[Any, ...]] = {
    "review_window": (DAY, DAY, 2 * DAY, 2 * DAY, 0, MAX_WINDOW),
    "appeal_window": (MIN_APPEAL_WINDOW, MIN_APPEAL_WINDOW, MAX_WINDOW),
    "contest_deposit": (7, 7, 0),
    "appeal_stake": (11, 11, 0),
    "reward": (1_000, 1_000, 1),
    "arbitrator_extra_data": (b"", bytes(MAX_EXTRA_DATA)),
}
"""What differs from job to job, with the usual most often."""
WRONG: tuple[tuple[str, Any], ...] = (
    ("requester", NATIVE),
    ("coordinator", NATIVE),
    ("reward", 0),
    ("arbitrator_extra_data", bytes(MAX_EXTRA_DATA + 1)),
    ("fee", 10**6),
    ("closes_at", 0),
    ("closes_at", 2**40),
    ("review_window", MAX_WINDOW + 1),
    ("appeal_window", MAX_WINDOW + 1),
    ("appeal_window", MIN_APPEAL_WINDOW - 1),
)
"""Terms that are refused."""


class Postings(Purses):
    """Calls that bring money into jobs."""

    def terms(self, dice: Random) -> Terms:
        """Terms of a new job."""
        varied = {name: dice.choice(values) for name, values in VARIANTS.items()}
        requester = dice.choice(["requester"] * 5 + ["ada"])
        operator = dice.choice(["operator"] * 3 + [None])
        arbitrator = dice.choice([self.world.council] * 9 + [NATIVE, self.address("stranger")])
        return Terms(
            requester=self.address(requester),
            operator=self.address(operator) if operator else NATIVE,
            token=self.token(dice),
            fee=protocol_fee(varied["reward"], self.model.fee_bps),
            coordinator=self.address("coordinator"),
            arbitrator=arbitrator,
            closes_at=self.model.now + dice.choice([MAX_DURATION, MAX_DURATION, 99 * DAY, 9 * DAY, 1]),
            content_hash=keccak256(b"content"),
            salt=len(self.model.jobs).to_bytes(32),
            **varied,
        )

    def price_of(self, terms: Terms, slots: int, dice: Random) -> int:
        """Coins to send along, mostly the right number."""
        right = slots * terms.price if terms.token == NATIVE else 0
        return dice.choice([right] * 9 + [right + 1])

    def authorization(
        self, dice: Random, terms: Terms, slots: int, nonce: bytes
    ) -> tuple[Authorization, escrow.Authorization]:
        """An EIP-3009 authorization of the requester, mostly good."""
        now, amount = self.model.now, slots * terms.price
        valid = dice.choice([(0, now + 1)] * 6 + [(now, now + 1), (now - 1, now)])
        signer = self.signer(dice, terms.requester)
        digest = self.world.messages.authorization(terms.requester, self.world.escrow, amount, valid, nonce)
        signed = escrow.Authorization(*valid, signer.sign(digest))
        return Authorization(signer.address, amount, nonce, *valid), signed

    def post(self, dice: Random) -> None:
        slots = dice.choice(SLOTS)
        source = dice.choice(["wallet", "ledger"])
        terms = self.terms(dice)
        job, sender = self.world.domain.job_id(terms), self.sender(dice, terms.requester)
        value = self.price_of(terms, slots, dice) if source == "wallet" else 0
        encoded = escrow.encode_post(terms, slots, source)
        self.call("post", sender, encoded, lambda m: m.post(sender, job, terms, slots, source, value), value)

    def post_what_is_wrong(self, dice: Random) -> None:
        """Wrong terms, no slots, or a job that is there already."""
        wrong = dice.choice(WRONG)
        slots = dice.choice([0, 1])
        posted = [job.terms for job in self.model.jobs.values()]
        fresh = self.terms(dice)
        candidates = [replace(fresh, **{wrong[0]: wrong[1]}), replace(fresh, requester=self.world.escrow), fresh, *posted]
        terms = dice.choice(candidates)
        slots = 0 if terms == fresh else slots
        job, sender = self.world.domain.job_id(terms), self.address("requester")
        encoded = escrow.encode_post(terms, slots, "ledger")
        self.call("post", sender, encoded, lambda m: m.post(sender, job, terms, slots, "ledger", 0))

    def post_with_permit(self, dice: Random) -> None:
        slots = dice.choice(SLOTS)
        terms = self.terms(dice)
        job, sender = self.world.domain.job_id(terms), self.sender(dice, terms.requester)
        permit, deadline, signature = self.permit(dice, sender, slots * terms.price)
        encoded = escrow.encode_post_with_permit(terms, slots, deadline, signature)
        self.call("postWithPermit", sender, encoded, lambda m: m.post_with_permit(sender, job, terms, slots, permit))

    def post_with_authorization(self, dice: Random) -> None:
        slots = dice.choice(SLOTS)
        terms = self.terms(dice)
        job = self.world.domain.job_id(terms)
        ours, signed = self.authorization(dice, terms, slots, job)
        encoded = escrow.encode_post_with_authorization(terms, slots, signed)
        step = lambda m: m.post_with_authorization(job, terms, slots, ours)
        self.call("postWithAuthorization", self.anybody(dice), encoded, step)

    def funding(self, dice: Random) -> tuple[Terms, Funding]:
        """More slots for a job, mostly where its last ones end; sometimes for a job that nobody posted."""
        job, terms = self.job(dice)
        if dice.choice([False] * 9 + [True]):
            terms = replace(terms, salt=bytes(31) + b"\xff")
            job = self.world.domain.job_id(terms)
        entry = self.model.jobs.get(job)
        after = len(entry.fates) if entry else 0
        first = dice.choice([after] * 9 + [after + 1])
        slots = dice.choice([1, 2, 3, 1, 2, 3, 60, 0, 2**32 - 1])
        return terms, Funding(job, first, slots, keccak256(b"more"))

    def fund(self, dice: Random) -> None:
        source = dice.choice(["wallet", "ledger"])
        terms, funding = self.funding(dice)
        sender = self.sender(dice, terms.requester)
        value = self.price_of(terms, funding.slots, dice) if source == "wallet" else 0
        encoded = escrow.encode_fund(terms, funding, source)
        self.call("fund", sender, encoded, lambda m: m.fund(sender, terms, funding, source, value), value)

    def fund_with_permit(self, dice: Random) -> None:
        terms, funding = self.funding(dice)
        sender = self.sender(dice, terms.requester)
        permit, deadline, signature = self.permit(dice, sender, funding.slots * terms.price)
        encoded = escrow.encode_fund_with_permit(terms, funding, deadline, signature)
        self.call("fundWithPermit", sender, encoded, lambda m: m.fund_with_permit(sender, terms, funding, permit))

    def fund_with_authorization(self, dice: Random) -> None:
        terms, funding = self.funding(dice)
        nonce = self.world.domain.funding_nonce(funding)
        ours, signed = self.authorization(dice, terms, funding.slots, nonce)
        encoded = escrow.encode_fund_with_authorization(terms, funding, signed)
        step = lambda m: m.fund_with_authorization(terms, funding, nonce, ours)
        self.call("fundWithAuthorization", self.anybody(dice), encoded, step)

    def post_somehow(self, dice: Random) -> None:
        posts = (self.post, self.post, self.post_with_permit, self.post_with_authorization)
        few = sum(not job.closed for job in self.model.jobs.values()) < MOST_JOBS
        dice.choice((*posts, self.post_what_is_wrong) if few else (self.post_what_is_wrong,))(dice)

    def move_money(self, dice: Random) -> None:
        """Something that happens to money alone."""
        fundings = (self.fund, self.fund, self.fund_with_permit, self.fund_with_authorization)
        dice.choice((*fundings, *self.purses()) if self.model.jobs else self.purses())(dice)

    def close(self, dice: Random) -> None:
        job, terms = self.job(dice)
        encoded = escrow.encode_close(terms)
        self.call("close", self.anybody(dice), encoded, lambda m: m.close(job, terms))

    def wait(self, dice: Random) -> None:
        """Until somebody's turn begins or ends, or a second before; seldom until a job may be closed."""
        instants = self.turns()[:3] * 8 + self.closings()[:1]
        at = dice.choice(instants or [self.model.now + DAY])
        self.model.now = max(self.model.now, at - dice.choice([0, 0, 0, 1]))
