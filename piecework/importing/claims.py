"""A worker claims its old id: it names assignments that only it and its requester know of, and signs that with its account's key.

An assignment's id is 30 characters that nobody guesses; the requester has them in its results files, the worker in its own history. The
signature binds the claim to one account at one marketplace, so nobody can take it for another.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.messages import encode_defunct

from piecework.client.market import sign_personal
from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key, recover
from piecework.importing.past import Past

ENOUGH = 3
"""Assignments that must be named; all of them where there are fewer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That `account` (lower-case hex) was the worker `old_id`; `signature` 65 bytes as 0x hex."""

    old_id: str
    account: str
    assignments: tuple[str, ...]
    chain_id: int
    escrow: str
    signature: str = ""

    @property
    def message(self) -> str:
        """What is signed."""
        named = "\n".join(self.assignments)
        return (
            f"At Mechanical Turk I was worker {self.old_id}. Here I am {self.account}, at the escrow {self.escrow} on chain {self.chain_id}.\n"
            f"I did these assignments:\n{named}"
        )

    def as_json(self) -> str:
        """One line."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields | {"assignments": list(self.assignments)})


def make_claim(old_id: str, assignments: Sequence[str], key: Key, chain_id: int, escrow: str) -> Claim:
    """A signed claim."""
    fields = (old_id, key.address, tuple(sorted(set(assignments))), chain_id, escrow)
    return Claim(*fields, "0x" + sign_personal(key, Claim(*fields).message).hex())


def read_claims(path: Path) -> list[Claim]:
    """Claims, one a line.

    Raises:
        Invalid: a line isn't one.
    """
    found = []
    try:
        for line in path.read_text().splitlines():
            if line.strip():
                fields: dict[str, Any] = json.loads(line)
                found.append(Claim(**fields | {"assignments": tuple(map(str, fields["assignments"]))}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Invalid(f"{path} holds a line that is no claim: {error}.") from None
    return found


def refusal(claim: Claim, past: Past, chain_id: int, escrow: str) -> str | None:
    """Why a claim doesn't hold; None if it does."""
    worker = past.workers.get(claim.old_id)
    if worker is None:
        return f"No file that was imported knows of worker {claim.old_id}."
    if (claim.chain_id, claim.escrow) != (chain_id, escrow):
        return "It was signed for another marketplace."
    if not _is_signed(claim):
        return f"It isn't signed by {claim.account}."
    wrong = sorted(set(claim.assignments) - set(worker.assignments))
    if wrong:
        return f"Assignment {wrong[0]} isn't one of worker {claim.old_id}'s."
    if not claim.assignments or len(set(claim.assignments)) < min(ENOUGH, len(worker.assignments)):
        return f"It names {len(set(claim.assignments))} assignments; {min(ENOUGH, len(worker.assignments)) or 'some'} are needed."
    return None


def _is_signed(claim: Claim) -> bool:
    signable = encode_defunct(text=claim.message)
    digest = keccak256(b"\x19" + signable.version + signable.header + signable.body)
    try:
        return recover(digest, bytes.fromhex(claim.signature[2:])) == claim.account
    except (ValueError, Invalid):
        return False
