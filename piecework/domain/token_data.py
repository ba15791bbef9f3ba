"""What a token has its owners sign: ERC-2612's permit and EIP-3009's authorization to receive, as EIP-712 messages and as digests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import separator, signed_message, type_hash
from piecework.domain.words import address_word, uint_word

PERMIT, RECEIVE = "Permit", "ReceiveWithAuthorization"
_FIELDS: Mapping[str, Sequence[tuple[str, str]]] = {
    PERMIT: (("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256"), ("deadline", "uint256")),
    RECEIVE: (
        *(("from", "address"), ("to", "address"), ("value", "uint256")),
        *(("validAfter", "uint256"), ("validBefore", "uint256"), ("nonce", "bytes32")),
    ),
}
_TYPES = {kind: [{"name": name, "type": of} for name, of in fields] for kind, fields in _FIELDS.items()}
_HASHES = {kind: type_hash(kind, fields) for kind, fields in _TYPES.items()}


@dataclass(frozen=True)
class TokenDomain:
    """A token on a chain, by the name and version that it signs under (EIP-5267)."""

    name: str
    version: str
    chain_id: int
    token: str

    @cached_property
    def separator(self) -> bytes:
        """The EIP-712 domain separator, 32 bytes."""
        return separator(self.name, self.version, self.chain_id, self.token)

    def message(self, kind: str, values: Mapping[str, str]) -> dict[str, Any]:
        """The whole message as a wallet's `eth_signTypedData_v4` takes it.

        Args:
            kind: PERMIT or RECEIVE.
            values: its fields; integers as decimal strings, amounts in base units, instants in Unix seconds.
        """
        return signed_message(kind, _TYPES[kind], (self.name, self.version, self.chain_id, self.token), dict(values))


def token_digest(domain_separator: bytes, kind: str, values: Mapping[str, str]) -> bytes:
    """What is signed over a message's fields, 32 bytes, for a token with that separator."""
    words = [_word(of, values[name]) for name, of in _FIELDS[kind]]
    return keccak256(b"\x19\x01" + domain_separator + keccak256(_HASHES[kind] + b"".join(words)))


def _word(of: str, value: str) -> bytes:
    if of == "address":
        return address_word(value)
    return bytes.fromhex(value[2:]) if of == "bytes32" else uint_word(int(value))
