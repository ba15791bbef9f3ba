"""Hashes of what stays off the chain: a job's content and its answers.

JSON is hashed in its canonical form (RFC 8785), so the same value has the same hash in every language.
"""

from collections.abc import Iterable
from typing import Any

import rfc8785

from piecework.domain import merkle
from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256

DEEPEST = 64


def canonical_json(value: Any) -> bytes:
    """The one UTF-8 text of a JSON value (RFC 8785).

    Raises:
        Invalid: the value isn't JSON, or holds an integer over 2^53 (which JSON readers would round).
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Invalid(f"This can't be written as JSON: {error}.") from None


def check_depth(value: Any) -> None:
    """Refuses what would be too deep for a later reader; breadth first, without recursion.

    Raises:
        Invalid: it is nested more than DEEPEST deep.
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise Invalid(f"The body is nested more than {DEEPEST} deep.")


def unit_leaf(unit: Any, slots: int) -> bytes:
    """The Merkle leaf of one unit of work: its content and how many answers it asks for. Hashed twice, as
    OpenZeppelin's trees do, so that no inner node passes for a unit."""
    return text_leaf(canonical_json(unit), slots)


def text_leaf(text: bytes, slots: int) -> bytes:
    """The same of a unit that is canonical JSON already."""
    return keccak256(keccak256(slots.to_bytes(32) + text))


def units_root(leaves: Iterable[bytes]) -> bytes:
    """The Merkle root over unit leaves in the order of their slots."""
    return merkle.root(list(leaves))


def content_hash(manifest: dict[str, Any]) -> bytes:
    """What `Terms.content_hash` commits to: the job's title, instructions and policies, and in `units_root` every unit."""
    return keccak256(canonical_json(manifest))


def commitment(job: bytes, slot: int, worker: str, salt: bytes, answer: Any) -> bytes:
    """What a worker sends before the answer: keccak256(job, slot, worker, salt, answer), packed.

    Args:
        job: the job id, 32 bytes.
        slot: the slot that the answer is for.
        worker: the worker's address.
        salt: 32 random bytes, so that an answer can be neither guessed nor copied.
        answer: any JSON value; hashed in canonical form.
    """
    if len(salt) != 32 or len(job) != 32:
        raise Invalid("A commitment's job and salt are 32 bytes each.")
    return keccak256(job + slot.to_bytes(32) + bytes.fromhex(worker[2:]) + salt + canonical_json(answer))
