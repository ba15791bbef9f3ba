"""The EIP-712 messages of the protocol: what each party signs, its digest, and who signed it.

The digests are written out by hand rather than derived from the type strings, because a coordinator makes one for every answer;
`tests/vectors/typed_data.json` holds this file, the contract and eth-account to the same values.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coincurve import PrivateKey, PublicKey

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.terms import Batch, Terms

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
}
"""The message types, in the order of the struct hashes."""

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def _type_hash(name: str) -> bytes:
    fields = ",".join(f"{field['type']} {field['name']}" for field in TYPES[name])
    return keccak256(f"{name}({fields})".encode())


_HASHES = {name: _type_hash(name) for name in TYPES}


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


@dataclass(frozen=True)
class Domain:
    """One escrow on one chain: every signature is worth something here and nowhere else."""

    chain_id: int
    escrow: str

    @cached_property
    def separator(self) -> bytes:
        """The EIP-712 domain separator, 32 bytes."""
        parts = [keccak256(DOMAIN_TYPE.encode()), keccak256(b"Piecework"), keccak256(b"1")]
        return keccak256(b"".join(parts) + _uint(self.chain_id) + _address(self.escrow))

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
                        *map(_address, (t.requester, t.operator, t.token)),
                        *map(_uint, (t.reward, t.fee)),
                        *map(_address, (t.coordinator, t.arbitrator)),
                        keccak256(t.arbitrator_extra_data),
                        *map(_uint, (t.contest_deposit, t.appeal_stake, t.closes_at, t.review_window, t.appeal_window)),
                        t.content_hash,
                        t.salt,
                    ]
                )
            )
        )

    def batch_digest(self, batch: Batch) -> bytes:
        """What the coordinator signs; a receipt's digest too, which is a batch of one."""
        table = keccak256(b"".join(map(_address, batch.workers)))
        return self.digest(
            keccak256(
                _HASHES["Batch"]
                + batch.job
                + _uint(batch.first_slot)
                + table
                + keccak256(batch.places)
                + batch.answer_root
            )
        )

    def approval_digest(self, batch: bytes, slots: int, amount: int) -> bytes:
        """What the requester signs: the batch's digest, the slots it names, and the most base units that leave the job."""
        return self.digest(keccak256(_HASHES["Approval"] + batch + _uint(slots) + _uint(amount)))

    def withdrawal_digest(self, withdrawal: Withdrawal) -> bytes:
        """What the owner of a ledger balance signs to have it sent."""
        w = withdrawal
        return self.digest(
            keccak256(
                _HASHES["Withdrawal"]
                + b"".join(map(_address, (w.owner, w.token, w.receiver)))
                + b"".join(map(_uint, (w.amount, w.max_fee, w.nonce, w.deadline)))
            )
        )

    def message(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """The whole EIP-712 message as a wallet's `eth_signTypedData_v4` takes it.

        Args:
            name: a key of `TYPES`.
            values: its fields; bytes as 0x hex, integers as decimal strings or int.
        """
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                name: TYPES[name],
            },
            "primaryType": name,
            "domain": {
                "name": "Piecework",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": self.escrow,
            },
            "message": values,
        }


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


def _uint(value: int) -> bytes:
    return value.to_bytes(32)


def _address(value: str) -> bytes:
    return bytes(12) + bytes.fromhex(value[2:])
