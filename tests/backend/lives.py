"""What a job's slots and its workers' assignments should be, in plain Python: what the coordinator does is held against it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

UNITS = (1, 2, 3, 2)
"""Slots of each unit."""
LIMIT = 3
"""Answers of one worker to the job."""
OVER = ("returned", "expired")


@dataclass
class Held:
    """An assignment, as everybody who was told of it remembers it."""

    id: str
    worker: str
    unit: int
    slot: int
    expires_at: datetime
    state: str = "reserved"
    salt: bytes = b""
    commitment: bytes | None = None
    receipt: str | None = None
    revealed_at: datetime | None = None


@dataclass
class Life:
    """One job from its opening on."""

    held: dict[str, Held] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    bonuses: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, worker: str) -> list[Held]:
        """What a worker holds and has not lost."""
        return [one for one in self.held.values() if one.worker == worker and one.state not in OVER]

    def in_state(self, *states: str) -> list[Held]:
        """Assignments in one of the states, by age."""
        return [one for one in self.held.values() if one.state in states]

    def free(self, unit: int) -> set[int]:
        """The slots of a unit that nobody holds."""
        first = sum(UNITS[:unit])
        return set(range(first, first + UNITS[unit])) - {one.slot for one in self.held.values() if one.state not in OVER}

    def open_to(self, worker: str, unit: int | None) -> list[int]:
        """Units that a worker may be given."""
        done = {one.unit for one in self.of(worker)}
        wanted = range(len(UNITS)) if unit is None else [unit]
        return [at for at in wanted if at not in done and self.free(at)]

    def may_take(self, worker: str, unit: int | None, now: datetime) -> bool:
        """Whether a worker is given a slot; reservations whose time is over count as long as nobody needs their slots."""
        if worker in self.blocked or len(self.of(worker)) >= LIMIT:
            return False
        if unit is not None and unit in {one.unit for one in self.of(worker)}:
            return False
        if not self.open_to(worker, unit):
            due = self.due(now)
            for one in due:
                one.state = "expired"
            if not self.open_to(worker, unit):
                for one in due:
                    one.state = "reserved"  # refused, so nothing of it has happened
                return False
        return True

    def due(self, now: datetime) -> list[Held]:
        """Reservations whose time is over."""
        return [one for one in self.in_state("reserved") if one.expires_at <= now]

    def take(self, one: Held) -> None:
        """A slot was given, which must have been there to give."""
        assert one.slot in self.free(one.unit), "a slot is handed out once"
        assert one.unit not in {mine.unit for mine in self.of(one.worker)}, "a worker answers a unit once"
        assert len(self.of(one.worker)) < LIMIT and one.worker not in self.blocked
        self.held[one.id] = one

    def counts(self) -> Counter[str]:
        """How many slots are in each state."""
        live = Counter(one.state for one in self.held.values() if one.state not in OVER)
        return live + Counter(free=sum(UNITS) - live.total())
