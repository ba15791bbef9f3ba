"""What became of a job's slots, told by the chain's own logs: no indexer is needed for one worker's slots."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.recourse import Appeal, Opening

FEWEST_BLOCKS = 100
"""A node that refuses the logs of so few blocks doesn't refuse them for their number."""
AT_ONCE = 50
"""Blocks in one request."""


@dataclass(slots=True)
class Trail:
    """One job's events, put together.

    Attributes:
        openings: id → what was opened; `opened_at` has their times, Unix seconds.
        opening_of: slot → the opening that took it.
        contested: slots that were contested; `answers` says how that went on: ("appealed", appeal), ("conceded", …), ("reclaimed", …).
        finalized: openings whose uncontested slots were paid.
        appeals: id → the appeal as later calls hand it in.
        ended: appeals that are over → whether the worker won.
        paid: slot → the account that a settlement paid.
    """

    openings: dict[bytes, Opening] = field(default_factory=dict)
    opened_at: dict[bytes, int] = field(default_factory=dict)
    opening_of: dict[int, bytes] = field(default_factory=dict)
    contested: set[int] = field(default_factory=set)
    reasons: dict[int, bytes] = field(default_factory=dict)
    answers: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    finalized: set[bytes] = field(default_factory=set)
    appeals: dict[bytes, Appeal] = field(default_factory=dict)
    ended: dict[bytes, bool] = field(default_factory=dict)
    paid: dict[int, str] = field(default_factory=dict)
    closed: bool = False
    _settling: list[tuple[int, bytes]] = field(default_factory=list)

    def holder(self, slot: int) -> str | None:
        """Whose an opened or settled slot is."""
        if slot in self.opening_of:
            opening = self.openings[self.opening_of[slot]]
            return opening.workers[opening.places[slot - opening.first_slot] - 1]
        return self.paid.get(slot)

    # ------------------------------------------------------------------------------------------- one method an event

    def _BatchOpened(self, a: dict[str, Any], time: int) -> None:
        workers = tuple(worker.lower() for worker in a["workers"])
        self.openings[a["opening"]] = Opening(a["batch"], a["firstSlot"], workers, a["places"])
        self.opened_at[a["opening"]] = time
        for slot in _named(a["firstSlot"], a["places"]):
            self.opening_of[slot] = a["opening"]

    def _SlotsContested(self, a: dict[str, Any], time: int) -> None:
        for slot in self._slots(a):
            self.contested.add(slot)
            self.reasons[slot] = a["reason"]

    def _ContestConceded(self, a: dict[str, Any], time: int) -> None:
        self.answers |= dict.fromkeys(self._slots(a), ("conceded", a["opening"]))

    def _SlotsReclaimed(self, a: dict[str, Any], time: int) -> None:
        self.answers |= dict.fromkeys(self._slots(a), ("reclaimed", a["opening"]))

    def _Appealed(self, a: dict[str, Any], time: int) -> None:
        self.appeals[a["appeal"]] = Appeal(a["worker"].lower(), a["sponsor"].lower(), a["slots"], time, a["request"])
        for opening, places in zip(a["openings"], a["places"], strict=True):
            slots = _named(self.openings[opening].first_slot, places)
            self.answers |= dict.fromkeys(slots, ("appealed", a["appeal"]))

    def _AppealEnded(self, a: dict[str, Any], time: int) -> None:
        self.ended[a["appeal"]] = a["workerWon"]

    def _OpeningFinalized(self, a: dict[str, Any], time: int) -> None:
        self.finalized.add(a["opening"])

    def _BatchSettled(self, a: dict[str, Any], time: int) -> None:
        self._settling.append((a["firstSlot"], a["places"]))

    def _WorkersPaid(self, a: dict[str, Any], time: int) -> None:
        for first, places in self._settling:
            self.paid |= {slot: a["workers"][places[slot - first] - 1].lower() for slot in _named(first, places)}
        self._settling = []

    def _JobClosed(self, a: dict[str, Any], time: int) -> None:
        self.closed = True

    def _slots(self, a: dict[str, Any]) -> Iterator[int]:
        return _named(self.openings[a["opening"]].first_slot, a["places"])


EVENTS = tuple(name[1:] for name in vars(Trail) if name[1:2].isupper() and name[0] == "_")


def trail(rpc: Rpc, escrow: str, job: bytes, first_block: int, last_block: int) -> Trail:
    """A job's trail up to a block.

    Raises:
        RpcUnavailable, RpcRefused: the node doesn't answer, or keeps no logs of that time.
    """
    abi, found = escrow_abi(), Trail()
    topics = [[topic for topic, name in abi.topics.items() if name in EVENTS], "0x" + job.hex()]
    logs = list(_logs(rpc, {"address": escrow, "topics": topics}, first_block, last_block))
    times = _times(rpc, {log["blockNumber"] for log in logs})
    for log in logs:
        name, arguments = abi.decode_event(log["topics"], log["data"])
        getattr(found, "_" + name)(arguments, times[log["blockNumber"]])
    return found


def _logs(rpc: Rpc, wanted: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
    """Logs in the chain's order; a range that the node finds too long is halved."""
    try:
        yield from rpc.call("eth_getLogs", wanted | {"fromBlock": hex(first), "toBlock": hex(last)})
    except RpcRefused:
        if last - first < FEWEST_BLOCKS:
            raise
        middle = (first + last) // 2
        yield from _logs(rpc, wanted, first, middle)
        yield from _logs(rpc, wanted, middle + 1, last)


def _times(rpc: Rpc, blocks: set[str]) -> dict[str, int]:
    """The blocks' times, Unix seconds."""
    ordered, found = sorted(blocks), {}
    for start in range(0, len(ordered), AT_ONCE):
        chunk = ordered[start : start + AT_ONCE]
        answers = rpc.batch([("eth_getBlockByNumber", [block, False]) for block in chunk])
        found |= {block: int(answer["timestamp"], 16) for block, answer in zip(chunk, answers, strict=True)}
    return found


def _named(first: int, places: bytes) -> Iterator[int]:
    """The slots that the bytes name."""
    return (slot for slot, place in enumerate(places, first) if place)
