"""A job's terms and the batches signed under them, as the escrow reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from piecework.domain import merkle
from piecework.domain.errors import Invalid
from piecework.domain.units import NATIVE

MAX_SLOTS = 16_384
MAX_OPENED = 1_024
MAX_WORKERS = 255
DAY = 86_400
MAX_WINDOW = 90 * DAY
MIN_APPEAL_WINDOW = DAY
MAX_DURATION = 730 * DAY
MAX_EXTRA_DATA = 256


@dataclass(frozen=True, slots=True)
class Terms:
    """What a job promises; `contracts/src/interfaces/IBooks.sol` says what each field means.

    Amounts are base units of `token`, windows seconds, `closes_at` Unix seconds, hashes 32 bytes.
    """

    requester: str
    operator: str
    token: str
    reward: int
    fee: int
    coordinator: str
    arbitrator: str
    arbitrator_extra_data: bytes
    contest_deposit: int
    appeal_stake: int
    closes_at: int
    review_window: int
    appeal_window: int
    content_hash: bytes
    salt: bytes

    @property
    def price(self) -> int:
        """Base units that one slot locks: reward and fee."""
        return self.reward + self.fee

    def as_tuple(self) -> tuple[str | int | bytes, ...]:
        """The fields in ABI order."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def as_json(self) -> dict[str, Any]:
        """The fields by name: amounts as decimal strings, bytes as 0x hex."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values |= {name: str(values[name]) for name in ("reward", "fee", "contest_deposit", "appeal_stake")}
        return {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in values.items()}

    def check(self, now: int, fee_bps: int) -> None:
        """Refuses terms that the escrow would refuse, in a sentence.

        Args:
            now: the chain's time, Unix seconds.
            fee_bps: the protocol's fee for jobs posted now.
        """
        if self.reward <= 0:
            raise Invalid("The reward must be more than nothing.")
        if max(self.reward, self.fee, self.contest_deposit, self.appeal_stake) >= 2**128:
            raise Invalid("An amount in the terms is too large.")
        if self.fee != protocol_fee(self.reward, fee_bps):
            raise Invalid(f"The fee must be {protocol_fee(self.reward, fee_bps)}, today's rate on the reward.")
        if NATIVE in (self.requester, self.coordinator):
            raise Invalid("Requester and coordinator can't be the zero address.")
        if len(self.arbitrator_extra_data) > MAX_EXTRA_DATA:
            raise Invalid(f"What the arbitrator wants to know of the job is at most {MAX_EXTRA_DATA} bytes.")
        if not now < self.closes_at <= now + MAX_DURATION:
            raise Invalid("The job must close in the future, and within two years.")
        if not 0 <= self.review_window <= MAX_WINDOW:
            raise Invalid("The review window is at most 90 days.")
        if not MIN_APPEAL_WINDOW <= self.appeal_window <= MAX_WINDOW:
            raise Invalid("The appeal window is one day to 90 days.")


@dataclass(frozen=True, slots=True)
class Batch:
    """Who answered which slots: one byte a slot, the worker's place in the table from 1, 0 for nobody.

    A batch of one slot is a receipt. A slot given to the requester, to the zero address or to the escrow is a cancelled one: its
    reward and fee go back to the requester.
    """

    job: bytes
    first_slot: int
    workers: tuple[str, ...]
    places: bytes
    answer_root: bytes

    def __post_init__(self) -> None:
        if len(self.workers) > MAX_WORKERS or len(self.places) > MAX_SLOTS:
            raise Invalid(f"A batch holds at most {MAX_SLOTS} slots and {MAX_WORKERS} workers.")
        if self.places and max(self.places) > len(self.workers):
            raise Invalid("A batch's byte points past its worker table.")

    @property
    def named(self) -> int:
        """How many slots the batch gives to somebody."""
        return len(self.places) - self.places.count(0)

    def holder(self, slot: int) -> str | None:
        """The worker that the batch gives `slot` to."""
        at = slot - self.first_slot
        place = self.places[at] if 0 <= at < len(self.places) else 0
        return self.workers[place - 1] if place else None


def protocol_fee(reward: int, fee_bps: int) -> int:
    """Base units a slot owes the protocol: the rate on the reward, rounded down once."""
    return reward * fee_bps // 10_000


def receipt_batch(job: bytes, slot: int, worker: str, commitment: bytes) -> Batch:
    """The batch of one that a coordinator signs when a worker has committed to an answer."""
    return Batch(job, slot, (worker,), b"\x01", commitment)


def cut_batch(job: bytes, holders: Sequence[tuple[int, str, bytes]], roster: Sequence[str] = ()) -> Batch:
    """One batch over `holders`, (slot, worker, commitment) each; gaps between the slots belong to nobody.

    Args:
        job: the job id.
        holders: at most 255 workers, within 16,384 slots from the lowest to the highest.
        roster: workers that the table must begin with, so that batches which share it are paid together.

    Raises:
        Invalid: empty, too wide, too many workers, or one slot twice.
    """
    ordered = sorted(holders)
    if not ordered:
        raise Invalid("A batch needs at least one slot.")
    first, last = ordered[0][0], ordered[-1][0]
    if last - first >= MAX_SLOTS:
        raise Invalid(f"A batch spans at most {MAX_SLOTS} slots.")
    if len({slot for slot, _, _ in ordered}) != len(ordered):
        raise Invalid("A batch names each slot once.")
    table = list(dict.fromkeys([*roster, *(worker for _, worker, _ in ordered)]))
    if len(table) > MAX_WORKERS:
        raise Invalid(f"A batch pays at most {MAX_WORKERS} workers.")
    place = {worker: at for at, worker in enumerate(table, 1)}
    places = bytearray(last - first + 1)
    for slot, worker, _ in ordered:
        places[slot - first] = place[worker]
    return Batch(job, first, tuple(table), bytes(places), merkle.root([commitment for _, _, commitment in ordered]))

