"""What logs say of the tables' rows, by the ABI's own decoder: an opinion of its own, not the handlers'.

Only what an event says by itself is here. What is derived of many (balances, a job's word) isn't.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import SQLModel

from indexer import tables as t
from indexer.walk import WalkedLog
from piecework.chain.escrow import escrow_abi
from piecework.domain.terms import Terms

_OPENING = {"job": "job", "opening": "opening", "places": "places"}
SAYS: dict[str, list[tuple[type[SQLModel], dict[str, str]]]] = {
    "JobPosted": [(t.Funding, {"job": "job", "slots": "slots"})],
    "JobFunded": [(t.Funding, {"job": "job", "first_slot": "firstSlot", "slots": "slots", "content_hash": "contentHash"})],
    "JobClosed": [(t.Close, {"job": "job", "slots_refunded": "slotsRefunded"})],
    "Deposited": [(t.LedgerEntry, {"account": "account", "token": "token", "credit": "amount"})],
    "Withdrawn": [
        (t.LedgerWithdrawal, {name: name for name in ("owner", "token", "receiver", "amount", "relayer")} | {"relay_fee": "fee"})
    ],
    "ProtocolFeeSet": [(t.ProtocolFee, {"fee_bps": "feeBps", "treasury": "treasury"})],
    "BatchSettled": [
        (
            t.SettledBatch,
            {"job": "job", "batch": "batch", "first_slot": "firstSlot", "worker_count": "workerCount"}
            | {"answer_root": "answerRoot", "places": "places"},
        )
    ],
    "BatchOpened": [(t.Opening, _OPENING | {"batch": "batch", "first_slot": "firstSlot", "answer_root": "answerRoot"})],
    "OpeningFinalized": [(t.Finalization, _OPENING)],
    "ContestConceded": [(t.Concession, _OPENING)],
    "SlotsContested": [(t.Contest, _OPENING | {"contested_by": "by", "reason": "reason"})],
    "SlotsReclaimed": [(t.Reclaim, _OPENING | {"slots": "slots"})],
    "Appealed": [(t.Appeal, {name: name for name in ("job", "appeal", "worker", "sponsor", "slots", "request")})],
    "OperatorSet": [
        (t.OperatorAllowance, {name: name for name in ("requester", "operator", "token", "allowance")} | {"expires_at": "expiresAt"})
    ],
}
"""Event → the tables in which it makes a row, with the argument that each column holds."""

PAYING = ("BatchSettled", "OpeningFinalized", "ContestConceded")

Place = tuple[int, int]
"""Block and index of a log."""


@dataclass(slots=True)
class Expected:
    """Rows that must be there.

    Attributes:
        rows: by table and place the values of some columns.
        paid: by the place of a `WorkersPaid` who was paid for how many slots, by place in its table.
        slots: of settlements (job, slot) → worker and transaction.
    """

    rows: dict[type[SQLModel], dict[Place, dict[str, Any]]] = field(default_factory=dict)
    paid: dict[Place, dict[int, tuple[str, int]]] = field(default_factory=dict)
    slots: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)


def expected(logs: Iterable[WalkedLog]) -> Expected:
    """What the logs of whole blocks say."""
    found, run = Expected(), list[tuple[str, dict[str, Any]]]()
    for log in logs:
        name = escrow_abi().topics.get("0x" + log.topics[:32].hex(), "")
        place = (log.block_number, log.log_index)
        if name in SAYS or name == "WorkersPaid":
            values = _values(log)
            for table, row in _rows(name, values):
                found.rows.setdefault(table, {})[place] = row
            if name in PAYING:
                run.append((name, values))
            elif name == "WorkersPaid":
                _pay(found, place, log.transaction_hash, values, run)
                run = []
    return found


def _values(log: WalkedLog) -> dict[str, Any]:
    topics = ["0x" + log.topics[at : at + 32].hex() for at in range(0, len(log.topics), 32)]
    name, values = escrow_abi().decode_event(topics, "0x" + log.data.hex())
    plain = {key: _plain(value, key) for key, value in values.items() if key != "terms"}
    if name == "JobPosted":
        plain["terms"] = Terms(*values["terms"])
    return plain


def _plain(value: Any, name: str) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) and name != "places" else value


def _rows(name: str, values: dict[str, Any]) -> Iterator[tuple[type[SQLModel], dict[str, Any]]]:
    for table, columns in SAYS.get(name, []):
        yield table, {column: values[argument] for column, argument in columns.items()}
    if name == "JobPosted":
        terms = {key: _plain(getattr(values["terms"], key), key) for key in Terms.__slots__}
        yield t.Job, terms | {"job": values["job"]}


def _pay(found: Expected, place: Place, transaction_hash: str, values: dict[str, Any], run: list[tuple[str, dict[str, Any]]]) -> None:
    workers, counts = values["workers"], Counter[int]()
    for name, part in run:
        counts.update(byte for byte in part["places"] if byte)
        if name == "BatchSettled":
            for slot, byte in enumerate(part["places"], part["firstSlot"]):
                if byte:
                    found.slots[part["job"], slot] = (workers[byte - 1], transaction_hash)
    found.paid[place] = {byte: (workers[byte - 1], slots) for byte, slots in counts.items()}
