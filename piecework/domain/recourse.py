"""Openings and appeals, as later calls to the escrow hand them in: it keeps only a time or a state under their ids."""

from dataclasses import dataclass

from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY
from piecework.domain.words import address_word, table_hash, uint_word

RULING_LIMIT = 180 * DAY
"""How many seconds an arbitrator may take before the worker wins."""
FOR_REQUESTER = 2
"""The ruling for the requester; any other is for the worker."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A batch's digest and the slots that its opening took: `places` has 0 where a slot wasn't free."""

    batch: bytes
    first_slot: int
    workers: tuple[str, ...]
    places: bytes

    def as_tuple(self) -> tuple[bytes, int, tuple[str, ...], bytes]:
        """The fields in ABI order."""
        return self.batch, self.first_slot, self.workers, self.places

    def id(self, job: bytes) -> bytes:
        """The opening's id: a hash of the job, the batch and what was taken."""
        hashes = table_hash(self.workers) + keccak256(self.places)
        return keccak256(job + self.batch + uint_word(self.first_slot) + hashes)


@dataclass(frozen=True, slots=True)
class Appeal:
    """Who appealed how many slots, at whose stake; `appealed_at` in Unix seconds.

    `request` is the struct hash that `typed_data.appeal_request` gives: the openings, and the worker's places in their tables.
    """

    worker: str
    sponsor: str
    slots: int
    appealed_at: int
    request: bytes

    def as_tuple(self) -> tuple[str, str, int, int, bytes]:
        """The fields in ABI order."""
        return self.worker, self.sponsor, self.slots, self.appealed_at, self.request

    def id(self, job: bytes) -> bytes:
        """The appeal's id: a hash of the job and everything in here."""
        numbers = uint_word(self.slots) + uint_word(self.appealed_at)
        return keccak256(job + address_word(self.worker) + address_word(self.sponsor) + numbers + self.request)
