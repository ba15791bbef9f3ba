"""Keccak-256, as Ethereum hashes."""

from eth_hash.auto import keccak as _keccak


def keccak256(data: bytes) -> bytes:
    """The 32-byte hash of `data`."""
    return _keccak(data)
