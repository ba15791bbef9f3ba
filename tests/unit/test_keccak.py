"""Ethereum's Keccak-256, which isn't the SHA3-256 of the standard: its padding is another."""

import hashlib

import pytest
from eth_hash.auto import keccak

from piecework.domain.keccak import keccak256

EMPTY = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
"""The hash of nothing: what the chain has for the code of an account without any."""


def test_nothing_has_the_hash_that_accounts_without_code_have() -> None:
    assert keccak256(b"").hex() == EMPTY != hashlib.sha3_256(b"").hexdigest()


@pytest.mark.parametrize("size", [1, 32, 135, 136, 137, 272, 100_000])
def test_another_implementation_says_the_same(size: int) -> None:
    data = bytes(at * 7 % 251 for at in range(size))
    assert keccak256(data) == keccak(data)
