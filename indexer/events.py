"""The escrow's events as values. Hashes and ids are 0x hex, amounts base units, places one byte a slot (0 for nobody)."""

from msgspec import Struct

from piecework.domain.terms import Terms


class _Value(Struct, frozen=True, gc=False):
    """Immutable and cheap to make, since there is one for each log."""


class Position(_Value):
    """Where the chain has an event."""

    block_number: int
    log_index: int
    transaction_hash: str


# ------------------------------------------------------------------------------------------------ ledger


class Deposited(_Value):
    """Base units of `token` came into the ledger of `account`."""

    at: Position
    account: str
    token: str
    amount: int


class Withdrawn(_Value):
    """Base units left the ledger of `owner`: `amount` to the receiver, `fee` into the ledger of the relayer."""

    at: Position
    owner: str
    token: str
    receiver: str
    amount: int
    relayer: str
    fee: int


class Tipped(_Value):
    """Base units went from one ledger balance to others."""

    at: Position
    sender: str
    token: str
    note: str
    receivers: tuple[str, ...]
    amounts: tuple[int, ...]


class OperatorSet(_Value):
    """What an operator may spend of a requester's balance from now on, and until when (Unix seconds, any uint64)."""

    at: Position
    requester: str
    operator: str
    token: str
    allowance: int
    expires_at: int


class OperatorSpent(_Value):
    """An operator's allowance went down; what it paid for is another event's to say."""

    at: Position
    requester: str
    operator: str
    token: str
    amount: int


# ------------------------------------------------------------------------------------------------ jobs


class JobPosted(_Value):
    """A job with its first `slots` slots; `source` is ledger or wallet."""

    at: Position
    job: str
    terms: Terms
    slots: int
    source: str


class JobFunded(_Value):
    """More slots of a job."""

    at: Position
    job: str
    first_slot: int
    slots: int
    content_hash: str
    source: str


class JobClosed(_Value):
    """A job ended; what was free went back to its requester."""

    at: Position
    job: str
    slots_refunded: int


class ProtocolFeeSet(_Value):
    """The fee of jobs posted from then on, and who receives it."""

    at: Position
    fee_bps: int
    treasury: str


# ------------------------------------------------------------------------------------------------ paying


class BatchSettled(_Value):
    """One batch as it was paid: `places` reads 0 for a slot that wasn't free."""

    at: Position
    job: str
    batch: str
    first_slot: int
    worker_count: int
    answer_root: str
    places: bytes


class OpeningFinalized(_Value):
    """The slots of an opening that nobody contested, as they were paid."""

    at: Position
    job: str
    opening: str
    places: bytes


class ContestConceded(_Value):
    """Contested slots of an opening that are credited after all, each with its deposit."""

    at: Position
    job: str
    opening: str
    places: bytes


class WorkersPaid(_Value):
    """The table that the bytes of `paid` point into: a settlement's batches, or one opening's slots.

    Bit i of `credited` says that the worker at place i was credited in the ledger, if it was paid at all.
    """

    at: Position
    job: str
    paid: tuple[BatchSettled | OpeningFinalized | ContestConceded, ...]
    credited: int
    workers: tuple[str, ...]


class FeePaid(_Value):
    """The protocol's fee of slots that were paid came into the ledger of the treasury."""

    at: Position
    job: str
    treasury: str
    token: str
    amount: int


# ------------------------------------------------------------------------------------------------ openings and appeals


class BatchOpened(_Value):
    """A batch was put on the chain; from then on the slots in `places` are these workers'."""

    at: Position
    job: str
    opening: str
    batch: str
    first_slot: int
    workers: tuple[str, ...]
    answer_root: str
    places: bytes


class SlotsContested(_Value):
    """Slots of an opening were contested, by the requester or its operator, at a deposit of the requester's."""

    at: Position
    job: str
    opening: str
    by: str
    reason: str
    places: bytes


class SlotsReclaimed(_Value):
    """Contested slots that nobody appealed went back to the requester, with their deposits."""

    at: Position
    job: str
    opening: str
    slots: int
    places: bytes


class Appealed(_Value):
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


class Defended(_Value):
    """The requester's side paid the arbitrator `cost` wei, and the dispute began."""

    at: Position
    job: str
    appeal: str
    arbitrator: str
    dispute_id: int
    cost: int


class Ruling(_Value):
    """An arbitrator ruled: 2 is for the requester, anything else for the worker."""

    at: Position
    arbitrator: str
    dispute_id: int
    ruling: int


class AppealEnded(_Value):
    """The money of an appeal went to its worker and its sponsor, or to the requester."""

    at: Position
    job: str
    appeal: str
    worker_won: bool
    slots: int


class EvidenceShown(_Value):
    """ERC-1497's `MetaEvidence` (kind meta, of no party) or `Evidence`: an address of the content, as the bytes sent."""

    at: Position
    appeal: str
    kind: str
    party: str | None
    content: bytes


# ------------------------------------------------------------------------------------------------ bonds


class Bonded(_Value):
    """Base units came into a coordinator's bond, from the wallet of `payer`."""

    at: Position
    coordinator: str
    token: str
    payer: str
    amount: int


class LockMoved(_Value):
    """A coordinator can't take its bond out before then (Unix seconds, any uint64)."""

    at: Position
    coordinator: str
    token: str
    locked_until: int


class BondWithdrawn(_Value):
    """Base units left a coordinator's bond."""

    at: Position
    coordinator: str
    token: str
    receiver: str
    amount: int


class EquivocationPaid(_Value):
    """A coordinator gave a slot to two accounts: this one got `paid` from its bond, and `burnt` went to nobody."""

    at: Position
    job: str
    coordinator: str
    worker: str
    token: str
    slot: int
    paid: int
    burnt: int


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
    | Bonded
    | LockMoved
    | BondWithdrawn
    | EquivocationPaid
)
