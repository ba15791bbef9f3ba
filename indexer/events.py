"""The escrow's events as values. Hashes and ids are 0x hex, amounts base units, places one byte a slot (0 for nobody)."""

from dataclasses import dataclass

from piecework.domain.terms import Terms


@dataclass(frozen=True, slots=True)
class Position:
    """Where the chain has an event."""

    block_number: int
    log_index: int
    transaction_hash: str


# ------------------------------------------------------------------------------------------------ ledger


@dataclass(frozen=True, slots=True)
class Deposited:
    """Base units of `token` came into the ledger of `account`."""

    at: Position
    account: str
    token: str
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Base units left the ledger of `owner`: `amount` to the receiver, `fee` into the ledger of the relayer."""

    at: Position
    owner: str
    token: str
    receiver: str
    amount: int
    relayer: str
    fee: int


@dataclass(frozen=True, slots=True)
class Tipped:
    """Base units went from one ledger balance to others."""

    at: Position
    sender: str
    token: str
    note: str
    receivers: tuple[str, ...]
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OperatorSet:
    """What an operator may spend of a requester's balance from now on, and until when (Unix seconds, any uint64)."""

    at: Position
    requester: str
    operator: str
    token: str
    allowance: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class OperatorSpent:
    """An operator's allowance went down; what it paid for is another event's to say."""

    at: Position
    requester: str
    operator: str
    token: str
    amount: int


# ------------------------------------------------------------------------------------------------ jobs


@dataclass(frozen=True, slots=True)
class JobPosted:
    """A job with its first `slots` slots; `source` is ledger or wallet."""

    at: Position
    job: str
    terms: Terms
    slots: int
    source: str


@dataclass(frozen=True, slots=True)
class JobFunded:
    """More slots of a job."""

    at: Position
    job: str
    first_slot: int
    slots: int
    content_hash: str
    source: str


@dataclass(frozen=True, slots=True)
class JobClosed:
    """A job ended; what was free went back to its requester."""

    at: Position
    job: str
    slots_refunded: int


@dataclass(frozen=True, slots=True)
class ProtocolFeeSet:
    """The fee of jobs posted from then on, and who receives it."""

    at: Position
    fee_bps: int
    treasury: str


# ------------------------------------------------------------------------------------------------ paying


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """One batch as it was paid: `places` reads 0 for a slot that wasn't free."""

    at: Position
    job: str
    batch: str
    first_slot: int
    worker_count: int
    answer_root: str
    places: bytes


@dataclass(frozen=True, slots=True)
class OpeningFinalized:
    """The slots of an opening that nobody contested, as they were paid."""

    at: Position
    job: str
    opening: str
    places: bytes


@dataclass(frozen=True, slots=True)
class ContestConceded:
    """Contested slots of an opening that are credited after all, each with its deposit."""

    at: Position
    job: str
    opening: str
    places: bytes


@dataclass(frozen=True, slots=True)
class WorkersPaid:
    """The table that the bytes of `paid` point into: a settlement's batches, or one opening's slots.

    Bit i of `credited` says that the worker at place i was credited in the ledger, if it was paid at all.
    """

    at: Position
    job: str
    paid: tuple[BatchSettled | OpeningFinalized | ContestConceded, ...]
    credited: int
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeePaid:
    """The protocol's fee of slots that were paid came into the ledger of the treasury."""

    at: Position
    job: str
    treasury: str
    token: str
    amount: int


# ------------------------------------------------------------------------------------------------ openings and appeals


@dataclass(frozen=True, slots=True)
class BatchOpened:
    """A batch was put on the chain; from then on the slots in `places` are these workers'."""

    at: Position
    job: str
    opening: str
    batch: str
    first_slot: int
    workers: tuple[str, ...]
    answer_root: str
    places: bytes


@dataclass(frozen=True, slots=True)
class SlotsContested:
    """Slots of an opening were contested, by the requester or its operator, at a deposit of the requester's."""

    at: Position
    job: str
    opening: str
    by: str
    reason: str
    places: bytes


@dataclass(frozen=True, slots=True)
class SlotsReclaimed:
    """Contested slots that nobody appealed went back to the requester, with their deposits."""

    at: Position
    job: str
    opening: str
    slots: int
    places: bytes


@dataclass(frozen=True, slots=True)
class Appealed:
    """A worker appealed contested slots, at the stake of `sponsor`; `places` holds them, opening by opening."""

    at: Position
    job: str
    appeal: str
    worker: str
    sponsor: str
    slots: int
    request: str
    openings: tuple[str, ...]
    places: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Defended:
    """The requester's side paid the arbitrator `cost` wei, and the dispute began."""

    at: Position
    job: str
    appeal: str
    arbitrator: str
    dispute_id: int
    cost: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """An arbitrator ruled: 2 is for the requester, anything else for the worker."""

    at: Position
    arbitrator: str
    dispute_id: int
    ruling: int


@dataclass(frozen=True, slots=True)
class AppealEnded:
    """The money of an appeal went to its worker and its sponsor, or to the requester."""

    at: Position
    job: str
    appeal: str
    worker_won: bool
    slots: int


@dataclass(frozen=True, slots=True)
class EvidenceShown:
    """ERC-1497's `MetaEvidence` (kind meta, of no party) or `Evidence`: an address of the content, as the bytes sent."""

    at: Position
    appeal: str
    kind: str
    party: str | None
    content: bytes


Event = (
    Deposited
    | Withdrawn
    | Tipped
    | OperatorSet
    | OperatorSpent
    | JobPosted
    | JobFunded
    | JobClosed
    | ProtocolFeeSet
    | WorkersPaid
    | FeePaid
    | BatchOpened
    | SlotsContested
    | SlotsReclaimed
    | Appealed
    | Defended
    | Ruling
    | AppealEnded
    | EvidenceShown
)
