"""Keccak-256, as Ethereum hashes."""

from sha3 import keccak_256


def keccak256(data: bytes) -> bytes:
    """The 32-byte hash of `data`."""
    return keccak_256(data).digest()
