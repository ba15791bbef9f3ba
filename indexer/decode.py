"""Logs as typed events. A settlement's logs, a run of `BatchSettled` closed by `WorkersPaid`, become one event."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError

from indexer.chain import AnswerRefused, Log
from piecework.chain.escrow import SOURCES, escrow_abi
from piecework.domain.errors import Invalid
from piecework.domain.terms import Terms

SOURCE_NAMES = {number: name for name, number in SOURCES.items()}


@dataclass(frozen=True, slots=True)
class Position:
    """Where the chain has an event."""

    block_number: int
    log_index: int
    transaction_hash: str


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
class BatchSettled:
    """One batch as it was paid: a byte a slot, the worker's place from 1, 0 for a slot that wasn't free."""

    at: Position
    job: str
    batch: str
    first_slot: int
    worker_count: int
    answer_root: str
    places: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement: its batches, and the table that their bytes point into. `at` is the `WorkersPaid`.

    Bit i of `credited` says that the worker at place i was credited in the ledger, if it was paid at all.
    """

    at: Position
    job: str
    batches: tuple[BatchSettled, ...]
    credited: int
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeePaid:
    """The protocol's fee of a settlement came into the ledger of the treasury."""

    at: Position
    job: str
    treasury: str
    token: str
    amount: int


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


Event = Deposited | Withdrawn | JobPosted | JobFunded | Settled | FeePaid | JobClosed | ProtocolFeeSet


def events(logs: Iterable[Log]) -> Iterator[Event]:
    """The events of verified logs, in their order.

    Raises:
        AnswerRefused: a log that the escrow can't have written.
    """
    run: list[BatchSettled] = []
    for log in logs:
        at = Position(log.block_number, log.log_index, log.transaction_hash)
        name, values = _decoded(log)
        if run and (name not in ("BatchSettled", "WorkersPaid") or run[0].at.transaction_hash != log.transaction_hash):
            raise _refusal(run[-1].at, "settles a batch, but who was paid doesn't follow")
        if name == "BatchSettled":
            run.append(_batch_settled(at, values))
        elif name == "WorkersPaid":
            yield _settled(at, values, run)
            run = []
        else:
            yield _EVENTS[name](at, values)
    if run:
        raise _refusal(run[-1].at, "settles a batch, but who was paid doesn't follow")


def _decoded(log: Log) -> tuple[str, dict[str, Any]]:
    try:
        return escrow_abi().decode_event(log.topics, log.data)
    except (DecodingError, Invalid, ValueError, OverflowError) as error:
        where = Position(log.block_number, log.log_index, log.transaction_hash)
        raise _refusal(where, f"can't be read as the escrow's ABI says ({error})") from error


def _refusal(at: Position, what: str) -> AnswerRefused:
    return AnswerRefused(f"The node's log {at.log_index} of block {at.block_number} {what}.")


def _settled(at: Position, values: dict[str, Any], run: list[BatchSettled]) -> Settled:
    job, workers = _hex(values["job"]), tuple(values["workers"])
    if not run or any(batch.job != job for batch in run):
        raise _refusal(at, "pays the workers of batches that aren't before it")
    if any(batch.places and max(batch.places) > len(workers) for batch in run):
        raise _refusal(at, "has fewer workers than its batches name")
    return Settled(at, job, tuple(run), values["credited"], workers)


def _batch_settled(at: Position, values: dict[str, Any]) -> BatchSettled:
    return BatchSettled(
        at,
        _hex(values["job"]),
        _hex(values["batch"]),
        values["firstSlot"],
        values["workerCount"],
        _hex(values["answerRoot"]),
        values["places"],
    )


def _withdrawn(at: Position, values: dict[str, Any]) -> Withdrawn:
    return Withdrawn(at, *(values[name] for name in ("owner", "token", "receiver", "amount", "relayer", "fee")))


def _job_posted(at: Position, values: dict[str, Any]) -> JobPosted:
    return JobPosted(at, _hex(values["job"]), Terms(*values["terms"]), values["slots"], _source(at, values))


def _job_funded(at: Position, values: dict[str, Any]) -> JobFunded:
    job, content_hash = _hex(values["job"]), _hex(values["contentHash"])
    return JobFunded(at, job, values["firstSlot"], values["slots"], content_hash, _source(at, values))


def _source(at: Position, values: dict[str, Any]) -> str:
    if values["source"] not in SOURCE_NAMES:
        raise _refusal(at, "names a source of money that there isn't")
    return SOURCE_NAMES[values["source"]]


_EVENTS: dict[str, Callable[[Position, dict[str, Any]], Event]] = {
    "Deposited": lambda at, values: Deposited(at, values["account"], values["token"], values["amount"]),
    "Withdrawn": _withdrawn,
    "JobPosted": _job_posted,
    "JobFunded": _job_funded,
    "FeePaid": lambda at, values: FeePaid(
        at, _hex(values["job"]), values["treasury"], values["token"], values["amount"]
    ),
    "JobClosed": lambda at, values: JobClosed(at, _hex(values["job"]), values["slotsRefunded"]),
    "ProtocolFeeSet": lambda at, values: ProtocolFeeSet(at, values["feeBps"], values["treasury"]),
}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
