"""Ids in the form that the interface's clients expect: capitals and digits, beginning with 3; a worker's begins with A."""

import base64
import binascii
import hashlib
import secrets

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LENGTH = 30


def new_id() -> str:
    """An id that nobody can guess: 150 bits of chance."""
    return "3" + "".join(secrets.choice(_DIGITS) for _ in range(LENGTH - 1))


def derived_id(*parts: str) -> str:
    """The same id for the same parts, whoever computes it."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return "3" + base64.b32encode(digest).decode()[: LENGTH - 1]


def worker_id(account: str) -> str:
    """A worker's id: its address in capitals and digits. It is the same for every requester, as scripts expect, and hides nothing:
    who was paid stands on the chain.

    Args:
        account: an address, lower-case hex.
    """
    return "A" + base64.b32encode(bytes.fromhex(account[2:])).decode()


def account_of(worker: str) -> str | None:
    """The account of a worker's id; None if it is nobody's."""
    return _decoded(worker, "A", 20)


def assignment_id(id: str) -> str:
    """An assignment's id in the interface's form; a qualification's or a request's likewise.

    Args:
        id: 16 bytes as 0x hex.
    """
    return "3" + base64.b32encode(bytes.fromhex(id[2:])).decode().rstrip("=")


def id_of_assignment(assignment: str) -> str | None:
    """The id by which it is kept; None if there can be none."""
    return _decoded(assignment, "3", 16)


def _decoded(text: str, first: str, length: int) -> str | None:
    try:
        raw = base64.b32decode(text[1:] + "=" * (-(len(text) - 1) % 8))
    except (binascii.Error, ValueError):
        return None
    return "0x" + raw.hex() if text[:1] == first and len(raw) == length else None
