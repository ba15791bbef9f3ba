"""Anvil's chain on disk: a snapshot, and every block since.

Anvil itself saves its state when it ends, or every few seconds into a file that it overwrites in place: kill -9 loses what came
since, or catches the file half written. So each block is written down here before anybody is told of it (see `gate`). Anvil's blocks follow from parent, time, base fee and transactions alone, so mining them again gives the same hashes: after
kill -9 the chain is the very same, and neither the mirror nor a wallet sees a reorg.
"""

import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from piecework.chain.rpc import Rpc, RpcRefused

CHECKPOINT_BLOCKS = 1_000
"""So many blocks are mined again in about 4 s at most; then a new snapshot takes their place."""


@dataclass(frozen=True, slots=True)
class Block:
    """All that makes a block of Anvil's: mined again on `parent` it gets the same `hash`.

    `timestamp` in Unix seconds, `base_fee` as 0x hex of wei per gas, `transactions` raw in their order.
    """

    number: int
    hash: str
    parent: str
    timestamp: int
    base_fee: str
    transactions: list[str]


@dataclass(frozen=True, slots=True)
class Restored:
    """How a restart went: blocks mined again, transactions that were refused, and whether all hashes came out the same."""

    blocks: int
    refused: int
    same: bool


class Journal:
    """The files of one Anvil in a folder."""

    def __init__(self, folder: Path) -> None:
        self.snapshot, self._blocks = folder / "state.json", folder / "blocks.jsonl"
        self._hashes: dict[int, str] = {}

    def checkpoint(self, rpc: Rpc) -> None:
        """Replaces the snapshot by the chain as it is now; from here on only newer blocks need noting.

        A crash in between leaves blocks that the new snapshot has already; `restore` passes over them.
        """
        head = rpc.call("eth_getBlockByNumber", "latest", False)
        state = json.loads(gzip.decompress(bytes.fromhex(rpc.call("anvil_dumpState")[2:])))
        state["blocks"] = _one_a_height(rpc, state["blocks"])
        self.snapshot.parent.mkdir(parents=True, exist_ok=True)
        draft = self.snapshot.with_suffix(".tmp")
        with draft.open("w") as file:
            json.dump(state, file)
            file.flush()
            _to_disk(file.fileno())
        draft.replace(self.snapshot)
        self._blocks.unlink(missing_ok=True)
        self._hashes = {int(head["number"], 16): head["hash"]}

    def catch_up(self, rpc: Rpc) -> None:
        """Notes the blocks that came since the last call, and those that a reorg put into the place of others."""
        block = rpc.call("eth_getBlockByNumber", "latest", False)
        number, fresh = int(block["number"], 16), []
        if number > max(self._hashes) + CHECKPOINT_BLOCKS:  # somebody mined thousands at once
            return self.checkpoint(rpc)
        while self._hashes.get(number) != block["hash"]:
            if number <= min(self._hashes):  # the chain was taken back to before the snapshot
                return self.checkpoint(rpc)
            fresh.append(_whole(rpc, block))
            number -= 1
            if self._hashes.get(number) == block["parentHash"]:
                break
            block = rpc.call("eth_getBlockByNumber", hex(number), False)
        if not fresh and number < max(self._hashes):  # taken back, and nothing mined since: notes can't say that
            return self.checkpoint(rpc)
        self._append(number, fresh[::-1])
        if len(self._hashes) > CHECKPOINT_BLOCKS:
            self.checkpoint(rpc)

    def restore(self, rpc: Rpc) -> Restored:
        """Mines again what the snapshot that Anvil was started from doesn't have. Nobody else may use that Anvil meanwhile."""
        head = rpc.call("eth_getBlockByNumber", "latest", False)
        blocks = [block for block in self._chain() if block.number > int(head["number"], 16)]
        refused, same = _mine_all(rpc, blocks, int(head["timestamp"], 16)) if blocks else (0, True)
        newest = rpc.call("eth_getBlockByNumber", "latest", False)
        # Blocks that are ahead of the clock (warped by somebody) stay ahead: time on a chain doesn't go back.
        rpc.call("anvil_setTime", max(int(newest["timestamp"], 16), int(time.time())))
        if blocks or not self.snapshot.exists():  # the first snapshot keeps block 0, whose hash is the moment of the first start
            self.checkpoint(rpc)
        self._hashes = {int(newest["number"], 16): newest["hash"]}
        return Restored(len(blocks), refused, same)

    def _append(self, ancestor: int, blocks: list[Block]) -> None:
        if not blocks:
            return
        self._hashes = {number: known for number, known in self._hashes.items() if number <= ancestor}
        with self._blocks.open("a") as file:
            file.writelines(json.dumps(asdict(block)) + "\n" for block in blocks)
            file.flush()
            _to_disk(file.fileno())
        self._hashes |= {block.number: block.hash for block in blocks}

    def _chain(self) -> list[Block]:
        """The noted blocks without those that a reorg replaced."""
        chain: list[Block] = []
        for block in self._noted():
            while chain and chain[-1].number >= block.number:
                chain.pop()
            chain.append(block)
        return chain

    def _noted(self) -> Iterator[Block]:
        if not self._blocks.exists():
            return
        with self._blocks.open() as file:
            for line in file:
                if not line.endswith("\n"):  # the line that was being written at kill -9: nobody was told of its block
                    return
                yield Block(**json.loads(line))


def _one_a_height(rpc: Rpc, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The dumped blocks that are on the chain.

    An Anvil that was started from a snapshot dumps its own unused block 0 beside the snapshot's, and the next one takes either:
    every second restart would change the chain's first block.
    """
    heights = Counter(block["header"]["number"] for block in blocks)
    doubled = {number: rpc.call("eth_getBlockByNumber", number, False) for number, count in heights.items() if count > 1}
    return [block for block in blocks if _is(block["header"], doubled.get(block["header"]["number"]))]


def _is(header: dict[str, Any], known: dict[str, Any] | None) -> bool:
    fields = ("parentHash", "stateRoot", "transactionsRoot", "timestamp", "mixHash")
    return known is None or all(header[name] == known[name] for name in fields)


def _whole(rpc: Rpc, block: dict[str, Any]) -> Block:
    raw = rpc.batch([("eth_getRawTransactionByHash", [transaction]) for transaction in block["transactions"]])
    number, timestamp = int(block["number"], 16), int(block["timestamp"], 16)
    return Block(number, block["hash"], block["parentHash"], timestamp, block["baseFeePerGas"], raw)


def _mine_all(rpc: Rpc, blocks: list[Block], after: int) -> tuple[int, bool]:
    """Mines blocks on a chain whose last one is of the time `after`; how many transactions were refused, and whether all are the same."""
    rpc.call("anvil_setTime", after)  # else Anvil refuses blocks from before it was started
    rpc.call("evm_setAutomine", False)
    refused, same = 0, True
    for block in blocks:
        refused += _mine(rpc, block)
        same = same and rpc.call("eth_getBlockByNumber", hex(block.number), False)["hash"] == block.hash
    rpc.call("evm_setAutomine", True)
    return refused, same


def _mine(rpc: Rpc, block: Block) -> int:
    """Mines one block again; returns how many of its transactions were refused (those of impersonated accounts)."""
    rpc.call("evm_setNextBlockTimestamp", block.timestamp)
    rpc.call("anvil_setNextBlockBaseFeePerGas", block.base_fee)
    refused = 0
    for raw in block.transactions:
        try:
            rpc.call("eth_sendRawTransaction", raw)
        except RpcRefused:
            refused += 1
    rpc.call("evm_mine")
    return refused


def _to_disk(descriptor: int) -> None:
    """Past the system's cache, so that a power cut keeps it too."""
    os.fsync(descriptor)
