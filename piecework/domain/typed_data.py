"""The EIP-712 messages of the protocol: what each party signs, its digest, and who signed it.

The digests are written out by hand rather than derived from the type strings, because a coordinator makes one for every answer;
`tests/vectors/typed_data.json` holds this file, the contract and eth-account to the same values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coincurve import PrivateKey, PublicKey

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.terms import Batch, Terms
from piecework.domain.words import address_word, table_hash, uint_word

TYPES: dict[str, list[dict[str, str]]] = {
    "Terms": [
        {"name": "requester", "type": "address"},
        {"name": "operator", "type": "address"},
        {"name": "token", "type": "address"},
        {"name": "reward", "type": "uint128"},
        {"name": "fee", "type": "uint128"},
        {"name": "coordinator", "type": "address"},
        {"name": "arbitrator", "type": "address"},
        {"name": "arbitratorExtraData", "type": "bytes"},
        {"name": "contestDeposit", "type": "uint128"},
        {"name": "appealStake", "type": "uint128"},
        {"name": "closesAt", "type": "uint64"},
        {"name": "reviewWindow", "type": "uint32"},
        {"name": "appealWindow", "type": "uint32"},
        {"name": "contentHash", "type": "bytes32"},
        {"name": "salt", "type": "bytes32"},
    ],
    "Batch": [
        {"name": "job", "type": "bytes32"},
        {"name": "firstSlot", "type": "uint256"},
        {"name": "workers", "type": "address[]"},
        {"name": "places", "type": "bytes"},
        {"name": "answerRoot", "type": "bytes32"},
    ],
    "Approval": [
        {"name": "batch", "type": "bytes32"},
        {"name": "slots", "type": "uint256"},
        {"name": "amount", "type": "uint256"},
    ],
    "Withdrawal": [
        {"name": "owner", "type": "address"},
        {"name": "token", "type": "address"},
        {"name": "receiver", "type": "address"},
        {"name": "amount", "type": "uint256"},
        {"name": "maxFee", "type": "uint256"},
        {"name": "nonce", "type": "uint64"},
        {"name": "deadline", "type": "uint64"},
    ],
    "Funding": [
        {"name": "job", "type": "bytes32"},
        {"name": "firstSlot", "type": "uint32"},
        {"name": "slots", "type": "uint32"},
        {"name": "contentHash", "type": "bytes32"},
    ],
    "OpenRequest": [{"name": "batches", "type": "bytes32[]"}],
    "AppealRequest": [
        {"name": "openings", "type": "bytes32[]"},
        {"name": "places", "type": "uint256[]"},
    ],
    "OperatorGrant": [
        {"name": "requester", "type": "address"},
        {"name": "operator", "type": "address"},
        {"name": "token", "type": "address"},
        {"name": "allowance", "type": "uint192"},
        {"name": "expiresAt", "type": "uint64"},
        {"name": "nonce", "type": "uint64"},
        {"name": "deadline", "type": "uint64"},
    ],
}
"""The message types, in the order of the struct hashes."""

_DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def type_hash(name: str, fields: Sequence[Mapping[str, str]]) -> bytes:
    """EIP-712's hash of a struct's type, 32 bytes; its fields as `TYPES` has them."""
    said = ",".join(f"{field['type']} {field['name']}" for field in fields)
    return keccak256(f"{name}({said})".encode())


def separator(name: str, version: str, chain_id: int, contract: str) -> bytes:
    """The EIP-712 domain separator of a contract, 32 bytes."""
    parts = [_DOMAIN_HASH, keccak256(name.encode()), keccak256(version.encode())]
    return keccak256(b"".join(parts) + uint_word(chain_id) + address_word(contract))


def signed_message(
    kind: str, fields: Sequence[Mapping[str, str]], domain: tuple[str, str, int, str], values: dict[str, Any]
) -> dict[str, Any]:
    """A whole EIP-712 message as a wallet's `eth_signTypedData_v4` takes it.

    Args:
        fields: of its type, as `TYPES` has them.
        domain: name, version, chain id and contract.
    """
    names = [field["name"] for field in _DOMAIN]
    return {
        "types": {"EIP712Domain": _DOMAIN, kind: list(fields)},
        "primaryType": kind,
        "domain": dict(zip(names, domain, strict=True)),
        "message": values,
    }


_DOMAIN_HASH = type_hash("EIP712Domain", _DOMAIN)
_HASHES = {name: type_hash(name, fields) for name, fields in TYPES.items()}


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal that its owner signs and anyone relays; amounts in base units, `deadline` in Unix seconds."""

    owner: str
    token: str
    receiver: str
    amount: int
    max_fee: int
    nonce: int
    deadline: int

    def as_tuple(self) -> tuple[str, str, str, int, int, int, int]:
        """The fields in ABI order."""
        return self.owner, self.token, self.receiver, self.amount, self.max_fee, self.nonce, self.deadline


@dataclass(frozen=True, slots=True)
class Funding:
    """More slots for a job: where they begin, how many, and the hash of what they pay for."""

    job: bytes
    first_slot: int
    slots: int
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class OperatorGrant:
    """What an operator may spend of the requester's balance until `expires_at`; signed by the requester, carried by anyone.

    `allowance` in base units, instants in Unix seconds; `nonce` is the requester's next one for the token.
    """

    requester: str
    operator: str
    token: str
    allowance: int
    expires_at: int
    nonce: int
    deadline: int

    def as_tuple(self) -> tuple[str, str, str, int, int, int, int]:
        """The fields in ABI order."""
        return self.requester, self.operator, self.token, self.allowance, self.expires_at, self.nonce, self.deadline


def appeal_request(openings: Sequence[bytes], places: Sequence[int]) -> bytes:
    """The struct hash of an `AppealRequest`: ids of openings, and the worker's place in the table of each."""
    return keccak256(
        _HASHES["AppealRequest"] + keccak256(b"".join(openings)) + keccak256(b"".join(map(uint_word, places)))
    )


@dataclass(frozen=True)
class Domain:
    """One escrow on one chain: every signature is worth something here and nowhere else."""

    chain_id: int
    escrow: str

    @cached_property
    def separator(self) -> bytes:
        """The EIP-712 domain separator, 32 bytes."""
        return separator(*self._names)

    @property
    def _names(self) -> tuple[str, str, int, str]:
        return "Piecework", "1", self.chain_id, self.escrow

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed: keccak256(0x1901, domain, struct)."""
        return keccak256(b"\x19\x01" + self.separator + struct_hash)

    def job_id(self, terms: Terms) -> bytes:
        """The digest of the terms, which is the job's id."""
        t = terms
        return self.digest(
            keccak256(
                b"".join(
                    [
                        _HASHES["Terms"],
                        *map(address_word, (t.requester, t.operator, t.token)),
                        *map(uint_word, (t.reward, t.fee)),
                        *map(address_word, (t.coordinator, t.arbitrator)),
                        keccak256(t.arbitrator_extra_data),
                        *map(uint_word, (t.contest_deposit, t.appeal_stake, t.closes_at, t.review_window, t.appeal_window)),
                        t.content_hash,
                        t.salt,
                    ]
                )
            )
        )

    def batch_digest(self, batch: Batch) -> bytes:
        """What the coordinator signs; a receipt's digest too, which is a batch of one."""
        return self.digest(
            keccak256(
                _HASHES["Batch"]
                + batch.job
                + uint_word(batch.first_slot)
                + table_hash(batch.workers)
                + keccak256(batch.places)
                + batch.answer_root
            )
        )

    def approval_digest(self, batch: bytes, slots: int, amount: int) -> bytes:
        """What the requester signs: the batch's digest, the slots it names, and the most base units that leave the job."""
        return self.digest(keccak256(_HASHES["Approval"] + batch + uint_word(slots) + uint_word(amount)))

    def withdrawal_digest(self, withdrawal: Withdrawal) -> bytes:
        """What the owner of a ledger balance signs to have it sent."""
        w = withdrawal
        return self.digest(
            keccak256(
                _HASHES["Withdrawal"]
                + b"".join(map(address_word, (w.owner, w.token, w.receiver)))
                + b"".join(map(uint_word, (w.amount, w.max_fee, w.nonce, w.deadline)))
            )
        )

    def funding_nonce(self, funding: Funding) -> bytes:
        """The EIP-3009 nonce under which a requester authorizes the money of a funding."""
        f = funding
        return self.digest(
            keccak256(_HASHES["Funding"] + f.job + uint_word(f.first_slot) + uint_word(f.slots) + f.content_hash)
        )

    def open_request_digest(self, batches: Sequence[bytes]) -> bytes:
        """What a worker signs to have the batches with these digests opened by somebody else."""
        return self.digest(keccak256(_HASHES["OpenRequest"] + keccak256(b"".join(batches))))

    def appeal_request_digest(self, openings: Sequence[bytes], places: Sequence[int]) -> bytes:
        """What a worker signs to have its contested slots appealed at somebody else's stake."""
        return self.digest(appeal_request(openings, places))

    def operator_digest(self, grant: OperatorGrant) -> bytes:
        """What a requester signs to set an operator."""
        g = grant
        return self.digest(
            keccak256(
                _HASHES["OperatorGrant"]
                + b"".join(map(address_word, (g.requester, g.operator, g.token)))
                + b"".join(map(uint_word, (g.allowance, g.expires_at, g.nonce, g.deadline)))
            )
        )

    def message(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """The whole EIP-712 message as a wallet's `eth_signTypedData_v4` takes it.

        Args:
            name: a key of `TYPES`.
            values: its fields; bytes as 0x hex, integers as decimal strings or int.
        """
        return signed_message(name, TYPES[name], self._names, values)


class Key:
    """A secp256k1 key held in memory; signs digests in 65 bytes (r, s, v) with low s."""

    def __init__(self, secret: bytes | str) -> None:
        raw = bytes.fromhex(secret.removeprefix("0x")) if isinstance(secret, str) else secret
        self._key = PrivateKey(raw)
        self.secret = raw
        self.address = _address_of(self._key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """Signs a 32-byte digest; 65 bytes, v is 27 or 28."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


def recover(digest: bytes, signature: bytes) -> str:
    """The address whose key signed `digest`.

    Raises:
        Invalid: not 65 bytes, or no key signed it.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise Invalid("A signature has 65 bytes and ends in 27 or 28.")
    try:
        public = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises a bare Exception for an unrecoverable signature
        raise Invalid("The signature belongs to no key.") from error
    return _address_of(public)


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """A 65-byte signature as EIP-2098's (r, vs), 32 bytes each."""
    s = int.from_bytes(signature[32:64])
    return signature[:32], (s | (signature[64] - 27) << 255).to_bytes(32)


def _address_of(public: PublicKey) -> str:
    return "0x" + keccak256(public.format(compressed=False)[1:])[-20:].hex()
