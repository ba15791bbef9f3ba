"""What a node does to its answers: outages of whole requests, and lies in single results. A seed decides which, and how long."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from piecework.chain.rpc import Rpc
from tests.support.proxy import Proxy, Refusal, Tamper

OUTAGES = (
    *("error", "hang", "stall", "reset", "cut", "brief", "garbage", "empty", "page", "rate without a word", "unavailable"),
    *("gateway", "code 0", "limit", "single error", "null", "no results", "null results", "wrong ids", "one id for all"),
    *("reordered", "short", "none of the batch"),
)
"""Without those that only make a seed long: a drip, and a Retry-After of a second."""

Logs = list[dict[str, Any]]
LOOKED_AT = 4
"""In so short a range each block with events is asked for whole, and nothing can be hidden; what can in a longer one says
docs/faults.md."""


class Weather:
    """Tells one proxy what to do.

    Attributes:
        told: how often each lie was told.
    """

    def __init__(self, node: Proxy, rpc: Rpc, chance: random.Random) -> None:
        self._node, self._rpc, self._random = node, rpc, chance
        self.told: Counter[str] = Counter()
        self._before = 0
        self._tampers: dict[str, Tamper] = {
            **{name: self._of_ranges(name, change) for name, change in self._lies().items()},
            "lagging": self._lagging,
            "flapping": self._flapping,
            "syncing": self._syncing,
            "blind": self._blind,
            "pruned": self._pruned,
            "limited": self._limited,
            "useless hint": self._useless_hint,
        }

    def change(self) -> None:
        """Other weather: as often as not none."""
        kind = self._random.choice(["fair", "fair", "outage", "flaky", "lie", "lie", "both"])
        self._node.fault = self._node.tamper = None
        self._before = self.told.total() + self._node.met.total()
        if kind == "outage":
            self._node.fault = self._random.choice(OUTAGES)
        if kind in ("flaky", "both"):
            self._node.fault = self._flaky(self._random.choice([0.05, 0.3]))
        if kind in ("lie", "both"):
            self._node.tamper = self._told(self._random.choice([0.2, 0.6, 1]))

    def struck(self) -> bool:
        """Whether the weather of now has spoiled an answer."""
        return self.told.total() + self._node.met.total() > self._before

    def clear(self) -> None:
        """Nothing but the truth from now on."""
        self._node.fault = self._node.tamper = None

    def _flaky(self, share: float) -> Callable[[], str | None]:
        return lambda: self._random.choice(OUTAGES) if self._random.random() < share else None

    def _told(self, share: float) -> Tamper:
        name = self._random.choice(sorted(self._tampers))
        lie = self._tampers[name]

        def tamper(method: str, params: list[Any], result: Any) -> Any:
            if self._random.random() >= share:
                return result
            told = lie(method, params, result)
            self.told[name] += told != result
            return told

        return tamper

    # -------------------------------------------------------------------------------------------- logs of ranges

    def _lies(self) -> dict[str, Callable[[Logs], Logs]]:
        chance = self._random
        return {
            "nothing": lambda logs: [],
            "without the last": lambda logs: logs[: -chance.randint(1, 3)],
            "without every third": lambda logs: [log for at, log in enumerate(logs) if at % 3 != 1],
            "without one": lambda logs: _without(logs, chance.randrange(len(logs))),
            "shuffled": lambda logs: chance.sample(logs, len(logs)),
            "backwards": lambda logs: logs[::-1],
            "each twice": lambda logs: [log for log in logs for _ in range(2)],
            "twice": lambda logs: logs * 2,
            "removed beside": lambda logs: [*logs, logs[-1] | {"removed": True}],
            "removed": lambda logs: _changed(logs, chance, removed=True),
            "one index for all": lambda logs: [log | {"logIndex": "0x1"} for log in logs],
            "shifted": lambda logs: [log | {"logIndex": hex(int(log["logIndex"], 16) + 1)} for log in logs],
            "of a dead block": lambda logs: _changed(logs, chance, blockHash="0x" + chance.randbytes(32).hex()),
            "of another contract": lambda logs: _changed(logs, chance, address="0x" + chance.randbytes(20).hex()),
            "of another topic": lambda logs: _changed(logs, chance, topics=["0x" + chance.randbytes(32).hex()]),
            "out of range": lambda logs: _changed(logs, chance, blockNumber=hex(chance.randrange(10**6))),
            "cut data": lambda logs: _changed(logs, chance, data="0x1234"),
            "no hex": lambda logs: _changed(logs, chance, data="0xzz"),
            "no hash": lambda logs: _changed(logs, chance, blockHash=None, blockNumber=None),
        }

    def _of_ranges(self, name: str, change: Callable[[Logs], Logs]) -> Tamper:
        """A lie about ranges only; whoever asks for a block by its hash hears the truth."""

        def tamper(method: str, params: list[Any], result: Any) -> Any:
            if not result or not _is_range(method, params):
                return result
            told = change(result)
            return told if _length(params[0]) <= LOOKED_AT or _shows(result, told) else result

        return tamper

    def _blind(self, method: str, params: list[Any], result: Any) -> Any:
        """No logs, by hash neither."""
        return [] if method == "eth_getLogs" else result

    def _pruned(self, method: str, params: list[Any], result: Any) -> Any:
        if not _is_range(method, params):
            return result
        oldest = int(self._rpc.call("eth_blockNumber"), 16) - 4
        return [log for log in result if int(log["blockNumber"], 16) >= oldest]

    # -------------------------------------------------------------------------------------------- heights

    def _lagging(self, method: str, params: list[Any], result: Any) -> Any:
        """A node five blocks behind, which knows nothing newer and doesn't say so of ranges."""
        head = max(0, int(self._rpc.call("eth_blockNumber"), 16) - 5)
        if method == "eth_blockNumber":
            return hex(head)
        if method == "eth_getBlockByNumber":
            if params[0] == "latest":
                return self._header(head) or result
            return None if params[0].startswith("0x") and int(params[0], 16) > head else result
        if method == "eth_getLogs" and isinstance(result, list):
            return [log for log in result if int(log["blockNumber"], 16) <= head]
        return result

    def _flapping(self, method: str, params: list[Any], result: Any) -> Any:
        return self._behind(method, params, result, self._random.choice([0, 1, 5]))

    def _syncing(self, method: str, params: list[Any], result: Any) -> Any:
        return self._behind(method, params, result, 10**9)

    def _behind(self, method: str, params: list[Any], result: Any, blocks: int) -> Any:
        if method == "eth_blockNumber":
            return hex(max(1, int(result, 16) - blocks))
        if method == "eth_getBlockByNumber" and params[0] == "latest" and result:
            return self._header(max(1, int(result["number"], 16) - blocks)) or result
        return result

    def _header(self, number: int) -> Any:
        return self._rpc.call("eth_getBlockByNumber", hex(number), False)

    # -------------------------------------------------------------------------------------------- limits

    def _limited(self, method: str, params: list[Any], result: Any) -> Any:
        if _is_range(method, params) and _length(params[0]) > 2:
            return Refusal(-32005, "query returned more than 10000 results")
        return result

    def _useless_hint(self, method: str, params: list[Any], result: Any) -> Any:
        """The range that it suggests is the one that it refuses."""
        if _is_range(method, params) and _length(params[0]) > 1:
            given = f"[{params[0]['fromBlock']}, {params[0]['toBlock']}]"
            return Refusal(-32602, f"query exceeds max results 20000, retry with the range {given}")
        return result


def _is_range(method: str, params: list[Any]) -> bool:
    return method == "eth_getLogs" and "blockHash" not in params[0]


def _length(query: dict[str, str]) -> int:
    return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1


def _shows(truth: Logs, told: Logs) -> bool:
    """Whether a lie about old blocks can be seen in them: not if it hides one of two events of a kind in a block, for the bloom
    doesn't count, or moves the log index of events that stand alone."""
    kinds, indexes = [], []
    for logs in (truth, told):
        kinds.append({(log["blockNumber"], log["topics"][0]) for log in logs})
        indexes.append(len({(log["blockNumber"], log["logIndex"]) for log in logs}))
    return kinds[0] != kinds[1] or len(told) > len(truth) or indexes[1] < len(told) or not _only_less(truth, told)


def _only_less(truth: Logs, told: Logs) -> bool:
    """Whether what is told is the truth but for what is left out and for log indexes."""
    plain = [log | {"logIndex": None} for log in truth]
    rest = iter(plain)
    return all(log | {"logIndex": None} in rest for log in told)


def _changed(logs: Logs, chance: random.Random, **values: Any) -> Logs:
    at = chance.randrange(len(logs))
    return [*logs[:at], logs[at] | values, *logs[at + 1 :]]


def _without(logs: Logs, at: int) -> Logs:
    return [*logs[:at], *logs[at + 1 :]]
