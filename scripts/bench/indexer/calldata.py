"""The calls that a million events are made of, encoded by hand, because the general encoder takes many times as long.

A test holds them to what the general encoder says.
"""

from collections.abc import Sequence

from piecework.chain.escrow import encode_settle
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import compact
from piecework.domain.words import address_word, uint_word

Call = tuple[int, bytes]
"""Wei and calldata."""
HEAD = 5 * 32
"""Where `settle` has its first dynamic argument: behind three offsets and the two words of the payout."""


class Settle:
    """`settle` of one job."""

    def __init__(self, terms: Terms) -> None:
        empty = bytes.fromhex(encode_settle(terms, [], frozenset(), 0)[2:])
        self._selector, arguments = empty[:4], empty[4:]
        self._terms = arguments[HEAD : int.from_bytes(arguments[32:64])]

    def encode(self, signed: Sequence[tuple[Batch, bytes]], credit_mask: int, push_gas: int) -> bytes:
        """Batches of one worker table with the coordinator's signatures (65 bytes), approved by who sends them."""
        workers = signed[0][0].workers
        table = uint_word(len(workers)) + b"".join(map(address_word, workers))
        batches = _array([_batch(batch, signature) for batch, signature in signed])
        first = HEAD + len(self._terms)
        offsets = (HEAD, first, first + len(table), credit_mask, push_gas)
        return b"".join((self._selector, *map(uint_word, offsets), self._terms, table, batches))


def encode_run(selector: bytes, target: str, calls: Sequence[Call]) -> bytes:
    """`Busy.run`."""
    parts = [uint_word(value) + uint_word(64) + _bytes(data) for value, data in calls]
    return selector + address_word(target) + uint_word(64) + _array(parts)


def _batch(batch: Batch, signature: bytes) -> bytes:
    places = _bytes(batch.places)
    fixed = (uint_word(batch.first_slot), uint_word(len(batch.workers)), uint_word(7 * 32), batch.answer_root, *compact(signature))
    return b"".join((*fixed, uint_word(7 * 32 + len(places)), places, uint_word(0)))


def _array(parts: Sequence[bytes]) -> bytes:
    """An array of dynamic values: how many, where each begins, and they."""
    offsets, at = [], 32 * len(parts)
    for part in parts:
        offsets.append(uint_word(at))
        at += len(part)
    return b"".join((uint_word(len(parts)), *offsets, *parts))


def _bytes(data: bytes) -> bytes:
    return uint_word(len(data)) + data + bytes(-len(data) % 32)
