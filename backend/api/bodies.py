"""The bodies that requests bring. Unknown fields are refused, so that a misspelt one isn't ignored."""

from typing import Any

import msgspec


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""


class NewSession(Body):
    """A signed EIP-4361 message."""

    message: str
    signature: str


class PayoutChoice(Body):
    """How settlements shall be paid: wallet or ledger."""

    payout: str


class NewUnit(Body):
    """One piece of work and how many answers it asks for."""

    content: Any
    slots: int


class NewJob(Body):
    """A job's content and terms; `reward` in base units as a decimal string, windows in seconds, `closes_at` in Unix seconds."""

    title: str
    instructions: str
    reward: str
    units: list[NewUnit]
    closes_at: int
    review_window_seconds: int
    appeal_window_seconds: int
    salt: str
    template: str = "label"
    labels: list[str] | None = None
    token: str | None = None
    answers_per_worker: int = 1
    assignment_seconds: int = 3600
    operator: str | None = None


class NewAssignment(Body):
    """Which unit; null for the next one that the worker may do."""

    unit: int | None = None


class NewCommitment(Body):
    """keccak256(job, slot, worker, salt, answer), 0x hex."""

    commitment: str


class Revelation(Body):
    """The answer that was committed to, and its salt, 32 bytes as 0x hex. With `next` the worker is given the job's next unit at once."""

    answer: Any
    salt: str
    next: bool = False


class Rejection(Body):
    """An assignment that isn't good enough, and why."""

    assignment: str
    reason: str


class Review(Body):
    """Ids of assignments to approve, or "all"; and what to reject."""

    approve: list[str] | str = []
    reject: list[Rejection] = []


class Nothing(Body):
    """No fields."""


class NewApproval(Body):
    """The requester's EIP-712 signature of the approval, 0x hex."""

    signature: str


class NewWithdrawal(Body):
    """A signed withdrawal; amounts in base units, `deadline` in Unix seconds."""

    owner: str
    token: str
    receiver: str
    amount: str
    max_fee: str
    nonce: int | str
    deadline: int | str
    signature: str
