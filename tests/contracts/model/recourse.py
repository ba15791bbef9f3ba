"""The reference model of what happens when somebody stays silent or disagrees: openings, contests, appeals, and a council of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from piecework.domain.recourse import FOR_REQUESTER, RULING_LIMIT, Appeal, Opening
from piecework.domain.terms import MAX_OPENED, Terms
from piecework.domain.typed_data import appeal_request
from piecework.domain.units import NATIVE
from tests.contracts.model.jobs import Appealed, Approval, Job, Jobs, Opened, SignedBatch
from tests.contracts.model.money import Refused, require

NO_ID = bytes(32)


@dataclass(frozen=True)
class Request:
    """A batch to open: its digest, and at which place its worker stands."""

    signed: SignedBatch
    digest: bytes
    place: int


@dataclass(frozen=True)
class Case:
    """A dispute of the council: which job's which appeal, and whether its member has voted."""

    job: bytes
    appeal: bytes
    solved: bool = False


@dataclass
class Model(Jobs):
    """The whole escrow, with the council that its jobs name as arbitrator."""

    council: str = ""
    member: str = ""
    cost: int = 0
    cases: list[Case] = field(default_factory=list)

    # Openings --------------------------------------------------------------------------------------------------------

    def open(
        self, sender: str, job: bytes, terms: Terms, requests: Sequence[Request], signer: str | None
    ) -> tuple[bytes, ...]:
        """The ids of the openings; 32 zero bytes for a batch that was left out: nothing of it, or of the worker's that opens it, was free."""
        entry = self.open_job(job)
        require(self.now < terms.closes_at, "NotNow")
        by = terms.coordinator
        if sender != terms.coordinator:
            require(bool(requests), "CallerNotNamed")
            by = worker_at(requests[0].signed.batch.workers, requests[0].place)
        ids = tuple(self.open_one(job, entry, request, by) for request in requests)
        require(any(opened != NO_ID for opened in ids), "NothingFree")
        require(sender == by or signer == by, "SignatureInvalid")
        return ids

    def open_one(self, job: bytes, entry: Job, request: Request, by: str) -> bytes:
        terms, batch, free = entry.terms, request.signed.batch, dict(entry.free(request.signed.batch))
        if by != terms.coordinator:
            require(worker_at(batch.workers, request.place) == by, "CallerNotNamed")
            if request.place not in free.values():
                return NO_ID
        require(len(batch.places) <= MAX_OPENED, "BatchTooLarge")
        require(request.signed.signer == terms.coordinator and batch.job == job, "SignatureInvalid")
        if not free:
            return NO_ID
        require(max(free.values()) <= len(batch.workers), "PlaceUnknown")
        places = bytes(free.get(batch.first_slot + i, 0) for i in range(len(batch.places)))
        opening = Opening(request.digest, batch.first_slot, batch.workers, places)
        self.mark(entry, free, "opened")
        entry.openings[opening.id(job)] = Opened(opening, self.now)
        return opening.id(job)

    def finalize(
        self,
        sender: str,
        job: bytes,
        terms: Terms,
        opening: Opening,
        approval: Approval,
        slots: int,
        credit_only: frozenset[str],
        push_gas: int,
    ) -> None:
        """`slots` is the number that the caller says was approved."""
        entry, opened = self.find(job, opening)
        require(not opened.finalized, "OpeningFinal")
        due = self.with_fate(entry, opened, "opened")
        if self.now < opened.at + terms.review_window:
            require(len(due) <= slots, "SlotsTooMany")
            self.require_approved(sender, terms, approval, slots)
        opened.finalized = True
        self.mark(entry, due, "resolved")
        self.pay(terms, opening.workers, list(due.values()), credit_only, push_gas)

    def contest(self, sender: str, job: bytes, terms: Terms, opening: Opening, places: bytes) -> None:
        require(sender in (terms.requester, terms.operator), "CallerNotRequester")
        require(terms.arbitrator != NATIVE, "ArbitratorZero")
        entry, opened = self.find(job, opening)
        require(not opened.finalized, "OpeningFinal")
        require(self.now < opened.at + terms.review_window, "NotNow")
        pairs = zip(places, opening.places, strict=False)
        require(len(places) == len(opening.places) and all(a in (0, b) for a, b in pairs), "PlaceUnknown")
        chosen = {slot for slot, _ in opened.named() if places[slot - opening.first_slot]}
        chosen &= self.with_fate(entry, opened, "opened").keys()
        require(bool(chosen), "NothingFree")
        if deposits := len(chosen) * terms.contest_deposit:
            if sender != terms.requester:
                self.spend(terms.requester, sender, terms.token, deposits)
            self.debit(terms.requester, terms.token, deposits)
        self.mark(entry, chosen, "contested")

    def reclaim(self, job: bytes, terms: Terms, opening: Opening) -> None:
        entry, opened = self.find(job, opening)
        require(self.now >= opened.at + terms.review_window + terms.appeal_window, "NotNow")
        due = self.with_fate(entry, opened, "contested")
        require(bool(due), "NothingFree")
        self.mark(entry, due, "resolved")
        self.credit(terms.requester, terms.token, len(due) * (terms.price + terms.contest_deposit))

    def concede(
        self, sender: str, job: bytes, terms: Terms, opening: Opening, approval: Approval, slots: int
    ) -> None:
        entry, opened = self.find(job, opening)
        # An approval of those that weren't contested is no word for those that were.
        require(len(opened.named()) <= slots, "SlotsTooMany")
        due = self.with_fate(entry, opened, "contested")
        require(bool(due), "NothingFree")
        self.require_approved(sender, terms, approval, slots)
        self.mark(entry, due, "resolved")
        self.pay(terms, opening.workers, list(due.values()), frozenset(), 0)
        for place in due.values():
            holder = opening.workers[place - 1]
            receiver = terms.requester if self.is_nobody(terms, holder) else holder
            self.credit(receiver, terms.token, terms.contest_deposit)

    def find(self, job: bytes, opening: Opening) -> tuple[Job, Opened]:
        """The opening that a caller hands in, if it is one of this job's."""
        entry = self.jobs.get(job)
        if entry is None or opening.id(job) not in entry.openings:
            raise Refused("OpeningUnknown")
        return entry, entry.openings[opening.id(job)]

    def with_fate(self, entry: Job, opened: Opened, fate: str) -> dict[int, int]:
        """The opening's slots of some fate, with the places of their workers."""
        return {slot: place for slot, place in opened.named() if entry.fates[slot] == fate}

    def mark(self, entry: Job, slots: Sequence[int] | dict[int, int] | set[int], fate: str) -> None:
        for slot in slots:
            entry.fates[slot] = fate

    # Appeals ---------------------------------------------------------------------------------------------------------

    def appeal(
        self,
        sender: str,
        job: bytes,
        terms: Terms,
        openings: Sequence[Opening],
        places: Sequence[int],
        signer: str | None,
    ) -> bytes:
        """The appeal's id."""
        require(len(openings) == len(places), "LengthsDiffer")
        taken: list[int] = []
        for opening, place in zip(openings, places, strict=True):
            holder = worker_at(opening.workers, place)
            require(holder == worker_at(openings[0].workers, places[0]), "WorkerInvalid")
            taken += self.answer(job, terms, opening, place)
        require(bool(taken), "NothingFree")
        worker = worker_at(openings[0].workers, places[0])
        require(worker in (sender, signer), "SignatureInvalid")
        if terms.appeal_stake:
            self.debit(sender, terms.token, terms.appeal_stake)
        request = appeal_request([opening.id(job) for opening in openings], places)
        appeal = Appeal(worker, sender, len(taken), self.now, request)
        self.jobs[job].appeals[appeal.id(job)] = Appealed(appeal, tuple(taken), "pending", self.now)
        return appeal.id(job)

    def answer(self, job: bytes, terms: Terms, opening: Opening, place: int) -> list[int]:
        entry, opened = self.find(job, opening)
        begins = opened.at + terms.review_window
        require(begins <= self.now < begins + terms.appeal_window, "NotNow")
        mine = [slot for slot, at in self.with_fate(entry, opened, "contested").items() if at == place]
        self.mark(entry, mine, "appealed")
        return mine

    def defend(self, sender: str, job: bytes, terms: Terms, appeal: Appeal, value: int) -> None:
        require(sender in (terms.requester, terms.operator), "CallerNotRequester")
        _, appealed = self.find_appeal(job, appeal)
        require(appealed.phase == "pending", "PhaseWrong")
        require(self.now < appealed.since + terms.appeal_window, "NotNow")
        require(terms.arbitrator == self.council, "")
        require(value >= self.cost, "ValueWrong")
        self.move(NATIVE, sender, self.council, self.cost)
        self.move(NATIVE, sender, self.escrow, value - self.cost)
        self.credit(sender, NATIVE, value - self.cost)
        self.cases.append(Case(job, appeal.id(job)))
        appealed.phase, appealed.since = "defended", self.now

    def vote(self, sender: str, dispute: int, ruling: int) -> None:
        """The council's one member votes, and so rules."""
        require(sender == self.member, "CallerNotMember")
        require(dispute < len(self.cases), "DisputeUnknown")
        case = self.cases[dispute]
        require(not case.solved, "DisputeSolved")
        require(ruling <= FOR_REQUESTER, "ChoicesWrong")
        appealed = self.jobs[case.job].appeals[case.appeal]
        require(appealed.phase == "defended", "PhaseWrong")
        require(self.now < appealed.since + RULING_LIMIT, "NotNow")
        appealed.phase, appealed.ruling = "ruled", ruling if ruling == FOR_REQUESTER else 0
        self.cases[dispute] = Case(case.job, case.appeal, solved=True)

    def rule_as_nobody(self) -> None:
        """Whoever didn't begin a dispute has none to rule on."""
        raise Refused("PhaseWrong")

    def conclude(self, sender: str, job: bytes, terms: Terms, appeal: Appeal) -> None:
        entry, appealed = self.find_appeal(job, appeal)
        worker_won = self.worker_won(sender, terms, appealed)
        appealed.phase = "done"
        self.mark(entry, appealed.slots, "resolved")
        deposits = appeal.slots * terms.contest_deposit
        if worker_won:
            self.credit(appeal.worker, terms.token, appeal.slots * terms.reward + deposits)
            self.credit(appeal.sponsor, terms.token, terms.appeal_stake)
            self.credit(self.treasury, terms.token, appeal.slots * terms.fee)
        else:
            self.credit(terms.requester, terms.token, appeal.slots * terms.price + deposits + terms.appeal_stake)

    def worker_won(self, sender: str, terms: Terms, appealed: Appealed) -> bool:
        if appealed.phase == "ruled":
            return appealed.ruling != FOR_REQUESTER
        require(appealed.phase != "done", "PhaseWrong")
        wait = terms.appeal_window if appealed.phase == "pending" else RULING_LIMIT
        gives_in = sender in (terms.requester, terms.operator)
        require(gives_in or self.now >= appealed.since + wait, "NotNow")
        return True

    def submit_evidence(self, job: bytes, appeal: Appeal) -> None:
        _, appealed = self.find_appeal(job, appeal)
        require(appealed.phase == "defended", "PhaseWrong")

    def find_appeal(self, job: bytes, appeal: Appeal) -> tuple[Job, Appealed]:
        entry = self.jobs.get(job)
        if entry is None or appeal.id(job) not in entry.appeals:
            raise Refused("PhaseWrong")
        return entry, entry.appeals[appeal.id(job)]


def worker_at(workers: Sequence[str], place: int) -> str:
    """Who stands at a place of a table, counted from 1."""
    require(0 < place <= len(workers), "CallerNotNamed")
    return workers[place - 1]
