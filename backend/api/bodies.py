"""The bodies that requests bring. Unknown fields are refused, so that a misspelt one isn't ignored."""

from datetime import datetime
from typing import Any

import msgspec


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""


class NewSession(Body):
    """A signed EIP-4361 message. With `cookie` the session's token comes as a cookie that no script can read."""

    message: str
    signature: str
    cookie: bool = False


class PayoutChoice(Body):
    """How settlements shall be paid: wallet or ledger."""

    payout: str


class NewUnit(Body):
    """One piece of work and how many answers it asks for."""

    content: Any
    slots: int


class Criterion(Body):
    """For what an answer may be rejected: a short code, and the text that workers read before they begin."""

    code: str
    text: str


class NewOverlap(Body):
    """A unit is asked of `least` workers at first, then of one more at a time until its label is `confidence_bps` (1/10,000) sure; at
    most as often as it has slots. What isn't asked is refunded when the job closes. With `by_skill` the units that are hardest to decide go to
    workers who have shown skill in the job (and to new ones), the others begin with those that are nearly decided."""

    confidence_bps: int
    least: int = 3
    by_skill: bool = False


class NewGoldPolicy(Body):
    """How units whose answer the requester knows are mixed in: `share_bps` (1/10,000) of a worker's units, and all of its `first` ones, of
    which `pass_right` must be right for it to go on. A worker is given no more when the chance that it is right in less than `least_bps`
    passes 95 %, or, with `good_bps`, when a sequential test holds it for a worker of `least_bps` rather than one of `good_bps` (a good one
    in 100 is misjudged so, with the fewest questions); what it has answered is paid like any answer."""

    share_bps: int = 1_000
    first: int = 1
    least_bps: int = 7_000
    pass_right: int = 0
    good_bps: int = 0


class NewReports(Body):
    """Which reports a job takes in place of answers, paid like them: that the task is broken, that the worker doesn't qualify for it; and how
    many of one worker. It needs the criterion `false-report`, by which alone a report can be rejected."""

    broken: bool = True
    screened_out: bool = False
    each: int = 3


class NewJob(Body):
    """A job's content and terms; amounts in base units as decimal strings, windows in seconds, `closes_at` in Unix seconds.

    `template` is a name of `/v1/templates`, `options` what it takes; `html` and `answer_schema` go with the template html.
    `signals`: the job takes signals of how answers come about, from workers who share them. `estimated_seconds` is how long an answer takes;
    `hourly_floor` the least that it promises to pay an hour by that, in base units.
    Deposit and stake matter to jobs with an arbitrator only. Empty `criteria`: an answer may be rejected for any reason.
    """

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
    arbitrator: str | None = None
    arbitrator_extra_data: str = "0x"
    contest_deposit: str = "0"
    appeal_stake: str = "0"
    description: str = ""
    keywords: list[str] = []
    options: dict[str, Any] = {}
    html: str | None = None
    answer_schema: dict[str, Any] | None = None
    criteria: list[Criterion] = []
    qualifications: list[dict[str, Any]] = []
    per_worker_limit: int | None = None
    auto_approval_seconds: int | None = None
    ai_policy: str = "allowed"
    overlap: NewOverlap | None = None
    gold: NewGoldPolicy | None = None
    signals: bool | None = None
    estimated_seconds: int | None = None
    hourly_floor: str | None = None
    reports: NewReports | None = None


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
    """An assignment that isn't good enough, and why: the code of one of the job's criteria where it has some, and a text."""

    assignment: str
    reason: str
    code: str | None = None


class Review(Body):
    """Ids of assignments to approve, or "all"; what to reject; and whose approval or rejection to take back."""

    approve: list[str] | str = []
    reject: list[Rejection] = []
    undo: list[str] = []


class SubmissionFilter(Body):
    """Which submissions; what is left out doesn't matter. `answer` is the whole answer, `fields` are some of its fields."""

    state: str = "revealed"
    worker: str | None = None
    unit: int | None = None
    answer: Any = msgspec.UNSET
    fields: dict[str, Any] = {}
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None


class BulkReview(Body):
    """What to decide about all that the filter finds: approved, rejected (with a reason) or undone. Without `token` it is a preview;
    with the preview's, exactly what that showed is decided."""

    verdict: str
    filter: SubmissionFilter
    code: str | None = None
    reason: str | None = None
    token: str | None = None


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
