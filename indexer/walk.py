"""The chain's blocks and the logs of escrow and bond in them, read one block at a time by hash: another way than the mirror's own.

Slow and simple on purpose: no ranges, no blooms, no typed parsing, nothing of what it is there to judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Unavailable

CHUNK = 64
"""Blocks that are asked for at once."""


@dataclass(frozen=True, slots=True)
class WalkedLog:
    """A log; `topics` are 32 bytes each in one piece, hashes 0x hex."""

    block_number: int
    block_hash: str
    log_index: int
    transaction_hash: str
    topics: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class WalkedBlock:
    """A block of the canonical chain with all logs of escrow and bond."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    logs: tuple[WalkedLog, ...]


def walk(rpc: Rpc, deployment: Deployment, first: int, last: int) -> Iterator[list[WalkedBlock]]:
    """Blocks `first` to `last`, some at a time, each the child of the one before.

    Raises:
        Unavailable: the node doesn't answer, has no such block, or its blocks are no chain, as in the middle of a reorg.
    """
    parent: str | None = None
    for low in range(first, last + 1, CHUNK):
        blocks = _blocks(rpc, deployment, range(low, min(low + CHUNK, last + 1)))
        for block in blocks:
            if parent not in (None, block.parent_hash):
                raise Unavailable(f"The chain at {rpc.url} was reorganised at block {block.number} while it was read; look again.")
            parent = block.hash
        yield blocks


def _blocks(rpc: Rpc, deployment: Deployment, numbers: range) -> list[WalkedBlock]:
    try:
        headers = rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        if [int(header["number"], 16) for header in headers] != list(numbers):
            raise ValueError("other blocks than were asked for")
        queries = [{"address": [*deployment.mirrored], "blockHash": header["hash"]} for header in headers]
        found = rpc.batch([("eth_getLogs", [query]) for query in queries])
        return [_block(header, logs) for header, logs in zip(headers, found, strict=True)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"The chain at {rpc.url} doesn't give blocks {numbers[0]} to {numbers[-1]} ({error}).") from error


def _block(header: dict[str, Any], logs: list[dict[str, Any]]) -> WalkedBlock:
    number, block_hash = int(header["number"], 16), header["hash"]
    walked = sorted((_log(log) for log in logs), key=lambda log: log.log_index)
    if any((log.block_number, log.block_hash) != (number, block_hash) for log in walked):
        raise ValueError(f"logs of another block than {number}")
    return WalkedBlock(number, block_hash, header["parentHash"], int(header["timestamp"], 16), tuple(walked))


def _log(log: dict[str, Any]) -> WalkedLog:
    return WalkedLog(
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        log_index=int(log["logIndex"], 16),
        transaction_hash=log["transactionHash"],
        topics=b"".join(bytes.fromhex(topic[2:]) for topic in log["topics"]),
        data=bytes.fromhex(log["data"][2:]),
    )
