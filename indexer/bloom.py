"""A header's logs bloom: which addresses and topics its block's logs may hold (Ethereum Yellow Paper, 4.4.1).

A set bit may be another log's, so a hit proves nothing; a missing bit proves that there is no such log.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from indexer.chain import Log
from piecework.domain.keccak import keccak256


@lru_cache(maxsize=32_768)
def mask(value: str) -> int:
    """The three bits that an address or a topic (0x hex) sets."""
    digest = keccak256(bytes.fromhex(value[2:]))
    pairs = int.from_bytes(digest[:6])
    return 1 << (pairs >> 32 & 2047) | 1 << (pairs >> 16 & 2047) | 1 << (pairs & 2047)


def holds(bloom: int, value: str) -> bool:
    """Whether a block with this bloom may hold a log with this address or topic."""
    bits = mask(value)
    return bloom & bits == bits


def union(values: Iterable[str]) -> int:
    """The bits that all these addresses and topics set together."""
    bits = 0
    for value in values:
        bits |= mask(value)
    return bits


def of(logs: Sequence[Log]) -> int:
    """The bloom of a block that holds exactly these logs."""
    return union({log.address for log in logs} | set(chain.from_iterable([log.topics for log in logs])))
