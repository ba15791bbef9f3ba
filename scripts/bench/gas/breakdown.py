"""Where the gas of a settlement goes, by its trace."""

from collections import Counter
from typing import Any

from scripts.bench.gas.workload import Settled
from scripts.bench.gas.world import World

OPCODES = {"SSTORE": "slots and job word", "SLOAD": "slots and job word", "LOG2": "events", "LOG3": "events"}


def breakdown(world: World, settled: Settled) -> dict[str, float]:
    """Gas an assignment of the settlements of a workload, by what it was spent on."""
    total: Counter[str] = Counter()
    for receipt in settled.settled:
        total.update(_of(world, receipt.transaction_hash, receipt.gas_used))
    total["posting"] = settled.posted.gas_used
    return {name: gas / settled.assignments for name, gas in total.most_common()}


def _of(world: World, transaction_hash: str, gas_used: int) -> Counter[str]:
    data = bytes.fromhex(world.rpc.call("eth_getTransactionByHash", transaction_hash)["input"][2:])
    spent = Counter({"base": 21_000, "calldata": 16 * len(data) - 12 * data.count(0)})
    steps = world.rpc.call(
        "debug_traceTransaction", transaction_hash, {"disableStorage": True, "disableMemory": True, "disableStack": True}
    )["structLogs"]
    own = [step for step in steps if step["depth"] == steps[0]["depth"]]
    for step, following in zip(own, own[1:], strict=False):
        spent[_name(step)] += step["gas"] - following["gas"]
    spent["computing"] += gas_used - sum(spent.values())  # what the last step cost, less what was refunded
    return spent


def _name(step: dict[str, Any]) -> str:
    if step["op"] == "CALL":
        return "token transfers"
    return "signatures" if step["op"] == "STATICCALL" else OPCODES.get(step["op"], "computing")
