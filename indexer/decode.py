"""Logs as typed events.

What pays workers, a run of `BatchSettled` or one `OpeningFinalized` or `ContestConceded`, is closed by `WorkersPaid`: one event.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from eth_abi.exceptions import DecodingError

from indexer import bonds, quick
from indexer import events as e
from indexer.chain import AnswerRefused, Log
from indexer.events import Event, Position
from piecework.chain.abi import Abi
from piecework.chain.escrow import SOURCES, escrow_abi
from piecework.domain.errors import Invalid
from piecework.domain.terms import Terms

SOURCE_NAMES = {number: name for name, number in SOURCES.items()}
PAYING = (e.BatchSettled, e.OpeningFinalized, e.ContestConceded)
SAID_BEFORE = ("Dispute",)
"""ERC-1497 has arbitrators' readers look for it; `Defended`, just before it, says the same and more."""

Values = dict[str, Any]


def events(logs: Iterable[Log], bond: str | None = None) -> Iterator[Event]:
    """The events of verified logs, in their order.

    Args:
        bond: the address of the escrow's `CoordinatorBond`.

    Raises:
        AnswerRefused: a log that its contract can't have written.
    """
    run: list[Any] = []
    for log in logs:
        at = Position(log.block_number, log.log_index, log.transaction_hash)
        said = _bond_event(at, log) if log.address == bond else _decoded(at, log)
        if run and not _continues(run, said, log):
            raise _refusal(run[-1].at, "pays slots, but who was paid doesn't follow")
        if isinstance(said, PAYING):
            run.append(said)
        elif isinstance(said, quick.Table):
            yield _workers_paid(at, said, run)
            run = []
        elif said is not None:
            yield said
    if run:
        raise _refusal(run[-1].at, "pays slots, but who was paid doesn't follow")


@cache
def names() -> dict[str, str]:
    """The name of each event of escrow and bond by its topic."""
    return bonds.bond_abi().topics | escrow_abi().topics


def _continues(run: list[Any], said: Any, log: Log) -> bool:
    """Whether a log goes on with what the run pays: another batch of the settlement, or who was paid."""
    more = isinstance(said, e.BatchSettled) and isinstance(run[0], e.BatchSettled)
    return (more or isinstance(said, quick.Table)) and run[0].at.transaction_hash == log.transaction_hash


@cache
def _abi() -> Abi:
    """The escrow's, but with strings as bytes: whoever shows evidence may write bytes that are no text."""
    abi = deepcopy(escrow_abi())
    for event in abi.events.values():
        for entry in event["inputs"]:
            entry["type"] = "bytes" if entry["type"] == "string" else entry["type"]
    return abi


def _decoded(at: Position, log: Log) -> Any:
    """The event, a table of workers, or None for what another event has said."""
    quickly = quick.DECODERS.get(log.topics[0]) if log.topics else None
    try:
        if quickly is not None:
            return quickly(at, log)
        name, values = _abi().decode_event(log.topics, log.data)
    except (DecodingError, Invalid, ValueError, OverflowError) as error:
        raise _refusal(at, f"can't be read as the escrow's ABI says ({error})") from error
    return None if name in SAID_BEFORE else _DECODERS[name](at, values)


def _bond_event(at: Position, log: Log) -> Event:
    try:
        return bonds.decoded(at, log)
    except (DecodingError, Invalid, ValueError, OverflowError) as error:
        raise _refusal(at, f"can't be read as the bond's ABI says ({error})") from error


def _refusal(at: Position, what: str) -> AnswerRefused:
    return AnswerRefused(f"The node's log {at.log_index} of block {at.block_number} {what}.")


def _workers_paid(at: Position, table: quick.Table, run: list[Any]) -> e.WorkersPaid:
    if not run or any([part.job != table.job for part in run]):
        raise _refusal(at, "pays workers for slots that aren't named before it")
    if max(b"".join([part.places for part in run]), default=0) > len(table.workers):
        raise _refusal(at, "has fewer workers than the slots before it name")
    return e.WorkersPaid(at, table.job, tuple(run), table.credited, table.workers)


def _source(at: Position, values: Values) -> str:
    if values["source"] not in SOURCE_NAMES:
        raise _refusal(at, "names a source of money that there isn't")
    return SOURCE_NAMES[values["source"]]


def _job_posted(at: Position, values: Values) -> e.JobPosted:
    return e.JobPosted(at, _hex(values["job"]), Terms(*values["terms"]), values["slots"], _source(at, values))


def _job_funded(at: Position, values: Values) -> e.JobFunded:
    job, content_hash = _hex(values["job"]), _hex(values["contentHash"])
    return e.JobFunded(at, job, values["firstSlot"], values["slots"], content_hash, _source(at, values))


def _plain(event: Callable[..., Any], *names: str) -> Callable[[Position, Values], Any]:
    """An event whose fields are the arguments of these names: hashes as 0x hex, arrays as tuples, what is `bytes` as it is."""
    return lambda at, values: event(at, *(_plain_value(values[name], name) for name in names))


def _plain_value(value: Any, name: str) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_plain_value(entry, name) for entry in value)
    return _hex(value) if isinstance(value, bytes) and name != "places" else value


def _evidence(at: Position, values: Values) -> e.EvidenceShown:
    appeal = f"0x{values['_evidenceGroupID']:064x}"
    return e.EvidenceShown(at, appeal, "evidence", values["_party"], values["_evidence"])


def _meta_evidence(at: Position, values: Values) -> e.EvidenceShown:
    return e.EvidenceShown(at, f"0x{values['_metaEvidenceID']:064x}", "meta", None, values["_evidence"])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


_DECODERS: dict[str, Callable[[Position, Values], Any]] = {
    "Tipped": _plain(e.Tipped, "from", "token", "note", "receivers", "amounts"),
    "OperatorSet": _plain(e.OperatorSet, "requester", "operator", "token", "allowance", "expiresAt"),
    "OperatorSpent": _plain(e.OperatorSpent, "requester", "operator", "token", "amount"),
    "JobPosted": _job_posted,
    "JobFunded": _job_funded,
    "JobClosed": _plain(e.JobClosed, "job", "slotsRefunded"),
    "ProtocolFeeSet": _plain(e.ProtocolFeeSet, "feeBps", "treasury"),
    "OpeningFinalized": _plain(e.OpeningFinalized, "job", "opening", "places"),
    "ContestConceded": _plain(e.ContestConceded, "job", "opening", "places"),
    "FeePaid": _plain(e.FeePaid, "job", "treasury", "token", "amount"),
    "BatchOpened": _plain(
        e.BatchOpened, "job", "opening", "batch", "firstSlot", "workers", "answerRoot", "places"
    ),
    "SlotsContested": _plain(e.SlotsContested, "job", "opening", "by", "reason", "places"),
    "SlotsReclaimed": _plain(e.SlotsReclaimed, "job", "opening", "slots", "places"),
    "Appealed": _plain(e.Appealed, "job", "appeal", "worker", "sponsor", "slots", "request", "openings", "places"),
    "Defended": _plain(e.Defended, "job", "appeal", "arbitrator", "disputeId", "cost"),
    "Ruling": _plain(e.Ruling, "_arbitrator", "_disputeID", "_ruling"),
    "AppealEnded": _plain(e.AppealEnded, "job", "appeal", "workerWon", "slots"),
    "Evidence": _evidence,
    "MetaEvidence": _meta_evidence,
}
