"""Values as the 32-byte words that the EVM hashes."""

from collections.abc import Iterable

from piecework.domain.keccak import keccak256


def uint_word(value: int) -> bytes:
    """An unsigned integer."""
    return value.to_bytes(32)


def address_word(value: str) -> bytes:
    """An address, on the right of its word."""
    return bytes(12) + bytes.fromhex(value[2:])


def table_hash(workers: Iterable[str]) -> bytes:
    """keccak256 of a worker table, a word an address."""
    return keccak256(b"".join(map(address_word, workers)))
