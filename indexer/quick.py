"""The four events of every day, decoded by hand: there are a thousand of them for one of any other.

eth_abi takes 35 to 60 µs a log, these 1 to 2. They refuse whatever eth_abi refuses (`tests/indexer/test_quick.py` compares the two
over made and mangled logs): an encoding other than Solidity's own, an address with dirt above it, bytes that end too soon.
"""

from collections.abc import Callable
from sys import intern
from typing import Any

from msgspec import Struct

from indexer.chain import Log
from indexer.events import BatchSettled, Deposited, Position, Withdrawn
from piecework.chain.escrow import escrow_abi

WORD = 64
"""Hex digits of a word of data; all data begins with 0x."""
_PAD = "0x" + "0" * 24
_ZEROS = "0" * 24
_BELOW_2_32, _BELOW_2_8 = "0" * 56, "0" * 62


class Table(Struct, frozen=True, gc=False):
    """`WorkersPaid` alone: who was credited as bits, and the workers by place from 1. Their addresses are interned: of each one is
    remembered in many jobs."""

    job: str
    credited: int
    workers: tuple[str, ...]


def deposited(at: Position, log: Log) -> Deposited:
    _, account, token = log.topics
    return Deposited(at, _address(account), _address(token), int(_words(log.data, 1), 16))


def withdrawn(at: Position, log: Log) -> Withdrawn:
    _, owner, token = log.topics
    words = _words(log.data, 4)
    receiver, relayer = _inner_address(words[:64]), _inner_address(words[128:192])
    return Withdrawn(at, _address(owner), _address(token), receiver, int(words[64:128], 16), relayer, int(words[192:], 16))


def batch_settled(at: Position, log: Log) -> BatchSettled:
    _, job, batch = log.topics
    data = log.data
    first_slot, worker_count = _narrow(data[2:66], _BELOW_2_32), _narrow(data[66:130], _BELOW_2_8)
    return BatchSettled(at, job, batch, first_slot, worker_count, "0x" + _word(data[130:194]), _bytes_at(data, data[194:258]))


def table(_: Position, log: Log) -> Table:
    _, job = log.topics
    data = log.data
    start = 2 + 2 * int(_word(data[66:130]), 16)
    first = start + WORD
    end = first + WORD * int(_word(data[start:first]), 16)
    if len(data) < end:
        raise ValueError("a table that ends too soon")
    starts = range(first, end, WORD)
    if any([data[at : at + 24] != _ZEROS for at in starts]):
        raise ValueError("an address with dirt above it")
    return Table(job, int(_word(data[2:66]), 16), tuple([intern("0x" + data[at + 24 : at + 64]) for at in starts]))


def _address(topic: str) -> str:
    if topic[:26] != _PAD:
        raise ValueError("an address with dirt above it")
    return "0x" + topic[26:]


def _inner_address(word: str) -> str:
    if word[:24] != _ZEROS:
        raise ValueError("an address with dirt above it")
    return "0x" + word[24:]


def _words(data: str, count: int) -> str:
    if len(data) < 2 + WORD * count:
        raise ValueError("data that ends too soon")
    return data[2 : 2 + WORD * count]


def _word(word: str) -> str:
    if len(word) != WORD:
        raise ValueError("data that ends too soon")
    return word


def _narrow(word: str, zeros: str) -> int:
    if not word.startswith(zeros):
        raise ValueError("a number that is too large for its type")
    return int(_word(word), 16)


def _bytes_at(data: str, offset: str) -> bytes:
    """The bytes at an offset from the beginning of the data, without their padding."""
    start = 2 + 2 * int(_word(offset), 16)
    size = int(_word(data[start : start + 64]), 16)
    held = data[start + 64 : start + 64 + 2 * size]
    padded = data[start + 64 + 2 * size : start + 64 + WORD * -(-size // 32)]
    if len(held) != 2 * size or len(held) + len(padded) != WORD * -(-size // 32) or padded.strip("0"):
        raise ValueError("bytes that end too soon, or whose padding isn't zero")
    return bytes.fromhex(held)


def _topic(name: str) -> str:
    return next(topic for topic, known in escrow_abi().topics.items() if known == name)


DECODERS: dict[str, Callable[[Position, Log], Any]] = {
    _topic("Deposited"): deposited,
    _topic("Withdrawn"): withdrawn,
    _topic("BatchSettled"): batch_settled,
    _topic("WorkersPaid"): table,
}
"""By topic."""
