"""A header's logs bloom: which addresses and topics its block's logs may hold (Ethereum Yellow Paper, 4.4.1).

A set bit may be another log's, so a hit proves nothing; a missing bit proves that there is no such log.
"""

from collections.abc import Iterable
from functools import lru_cache

from indexer.chain import Log
from piecework.domain.keccak import keccak256


@lru_cache(maxsize=65_536)
def mask(value: str) -> int:
    """The three bits that an address or a topic (0x hex) sets."""
    digest = keccak256(bytes.fromhex(value[2:]))
    return sum({1 << (int.from_bytes(digest[at : at + 2]) & 2047) for at in (0, 2, 4)})


def holds(bloom: int, value: str) -> bool:
    """Whether a block with this bloom may hold a log with this address or topic."""
    bits = mask(value)
    return bloom & bits == bits


def of(logs: Iterable[Log]) -> int:
    """The bloom of a block that holds exactly these logs."""
    bloom = 0
    for log in logs:
        for value in (log.address, *log.topics):
            bloom |= mask(value)
    return bloom
