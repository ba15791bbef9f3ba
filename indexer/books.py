"""Running accounts: where a job's money is, and what is known of a requester, a worker and who worked for whom."""

from collections.abc import Iterable

from msgspec import Struct

from indexer.recall import JobTerms


class Change(Struct, frozen=True, gc=False):
    """What one event changes about a job, in slots.

    Attributes:
        funded: money was locked for so many more.
        taken: so many more aren't free.
        paid, refunded: the money of so many went to workers, or back to the requester.
        contested: so many more deposits are held; below 0 where they went back.
        appeals: so many more stakes are held.
        closes: nothing more will be taken.
        conceded, appealed, reclaimed: so many contested slots came to that; of an appeal's end `paid` or `refunded` says which.
        seconds: from opening to pay, added up over the slots of `timed`.
    """

    funded: int = 0
    taken: int = 0
    paid: int = 0
    refunded: int = 0
    contested: int = 0
    appeals: int = 0
    closes: bool = False
    conceded: int = 0
    appealed: int = 0
    reclaimed: int = 0
    timed: int = 0
    seconds: int = 0


class Word(Struct, frozen=True, gc=False):
    """A job's word (slots that money was locked for, that aren't free, and whose money has left the job) and where its money is,
    in base units; the columns of `mirror_job_word`."""

    funded: int = 0
    taken: int = 0
    resolved: int = 0
    closed: bool = False
    locked: int = 0
    paid_out: int = 0
    fees: int = 0
    refunded: int = 0
    deposits: int = 0
    stakes: int = 0

    def after(self, change: Change, terms: JobTerms) -> "Word":
        """The word once an event has changed it."""
        resolved = change.paid + change.refunded
        return Word(
            self.funded + change.funded,
            self.funded if change.closes else self.taken + change.taken,
            self.resolved + resolved,
            self.closed or change.closes,
            self.locked + (change.funded - resolved) * terms.slot,
            self.paid_out + change.paid * terms.reward,
            self.fees + change.paid * terms.fee,
            self.refunded + change.refunded * terms.slot,
            self.deposits + change.contested * terms.contest_deposit,
            self.stakes + change.appeals * terms.appeal_stake,
        )

    @property
    def is_sound(self) -> bool:
        """Whether a job can stand so."""
        held = min(self.locked, self.deposits, self.stakes)
        return self.resolved <= self.taken <= self.funded and held >= 0


class Standing(Struct, frozen=True, gc=False):
    """What became of a requester's slots, in all its jobs; the columns of `mirror_job_word` that begin with `requester_`."""

    paid: int = 0
    contested: int = 0
    conceded: int = 0
    appealed: int = 0
    overturned: int = 0
    upheld: int = 0
    reclaimed: int = 0
    timed: int = 0
    seconds: int = 0

    def after(self, change: Change) -> "Standing":
        """The standing once an event has changed it."""
        ends = change.appeals < 0
        return Standing(
            self.paid + change.paid,
            self.contested + max(change.contested, 0),
            self.conceded + change.conceded,
            self.appealed + change.appealed,
            self.overturned + (change.paid if ends else 0),
            self.upheld + (change.refunded if ends else 0),
            self.reclaimed + change.reclaimed,
            self.timed + change.timed,
            self.seconds + change.seconds,
        )


class Earner:
    """What a worker was paid in one token so far: slots, base units, in how many jobs, and by how many requesters."""

    __slots__ = ("_patrons", "amount", "jobs", "requesters", "slots")

    def __init__(self, slots: int = 0, amount: int = 0, jobs: int = 0, patrons: Iterable[str] = ()) -> None:
        self.slots, self.amount, self.jobs, self._patrons = slots, amount, jobs, set(patrons)
        self.requesters = len(self._patrons)

    def is_new_patron(self, requester: str) -> bool:
        """Whether a requester pays for the first time; the next time it doesn't."""
        if requester in self._patrons:
            return False
        self._patrons.add(requester)
        self.requesters += 1
        return True


class Grievances(Struct, frozen=True, gc=False):
    """What became of a worker's slots that were contested; the columns of `mirror_worker_grievance`."""

    contested: int = 0
    conceded: int = 0
    reclaimed: int = 0
    appealed: int = 0
    won: int = 0
    lost: int = 0

    def more(self, column: str, slots: int) -> "Grievances":
        """With so many slots more in a column."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return Grievances(**values | {column: values[column] + slots})


class Crowd:
    """Who was paid in a job so far, and for which slots."""

    __slots__ = ("_paid", "workers")

    def __init__(self, workers: Iterable[str] = ()) -> None:
        self.workers, self._paid = set(workers), dict[int, int]()

    def pays(self, run: int, at: int, places: bytes) -> bool:
        """Whether the slots that the bytes name, `at` slots behind the beginning of a run, are paid for the first time; now they
        are."""
        named = int.from_bytes(places.translate(_NAMED), "little") << 8 * at
        before = self._paid.get(run, 0)
        self._paid[run] = before | named
        return not before & named

    @property
    def weight(self) -> int:
        """What it costs to remember, in workers."""
        return len(self.workers) + len(self._paid) + 1


_NAMED = bytes((0, *[255] * 255))
"""For each byte whether it names a slot, in all its bits."""


class Crowds:
    """The crowds of the jobs that were last worked in; bounded by what they weigh in all."""

    MOST = 200_000

    def __init__(self) -> None:
        self._jobs: dict[str, Crowd] = {}

    def put(self, job: str, crowd: Crowd) -> Crowd:
        """Remembers a job's crowd; whoever gets it adds to it."""
        self._jobs[job] = crowd
        return crowd

    def get(self, job: str) -> Crowd | None:
        """A job's crowd; None if it isn't remembered."""
        found = self._jobs.pop(job, None)
        if found is not None:
            self._jobs[job] = found  # the last one to be forgotten
        return found

    def bound(self) -> None:
        """Forgets jobs, those first that were worked in longest ago."""
        most = sum(crowd.weight for crowd in self._jobs.values()) - self.MOST
        while most > 0:
            most -= self._jobs.pop(next(iter(self._jobs))).weight

    def clear(self) -> None:
        """Forgets all."""
        self._jobs.clear()
