"""Qualifications that a worker carries along: off-chain attestations of the Ethereum Attestation Service (version 2, EIP-712).

The format is the EAS SDK's (`Offchain`, `OffchainAttestationVersion.Version2`): whoever has the SDK can verify one without asking us.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data

from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key

VERSION = 2
SCHEMA = "string qualification,uint64 value,bytes32 evidence"
RESOLVER = "0x" + "00" * 20
SCHEMA_ID = keccak256(SCHEMA.encode() + bytes(20) + b"\x01")
"""The uid under which the schema is registered: keccak256(schema, no resolver, revocable)."""

TYPES = {
    "Attest": [
        {"name": "version", "type": "uint16"},
        {"name": "schema", "type": "bytes32"},
        {"name": "recipient", "type": "address"},
        {"name": "time", "type": "uint64"},
        {"name": "expirationTime", "type": "uint64"},
        {"name": "revocable", "type": "bool"},
        {"name": "refUID", "type": "bytes32"},
        {"name": "data", "type": "bytes"},
        {"name": "salt", "type": "bytes32"},
    ]
}


@dataclass(frozen=True, slots=True)
class Registry:
    """An EAS contract that the signature is bound to; `version` is its own, as it says itself."""

    chain_id: int
    address: str
    version: str = "1.3.0"


@dataclass(frozen=True, slots=True)
class Qualification:
    """A worker (address) has a qualification; `evidence` is the hash of what it was granted on. Instants in Unix seconds, 0: never."""

    worker: str
    name: str
    value: int
    evidence: bytes
    granted_at: int
    expires_at: int = 0


def attest(key: Key, registry: Registry, granted: Qualification, salt: bytes) -> dict[str, Any]:
    """The signed attestation as the SDK's JSON; integers as decimal strings.

    Args:
        salt: 32 random bytes, so that two equal grants have two uids.
    """
    if len(salt) != 32 or len(granted.evidence) != 32:
        raise Invalid("A salt and the hash of the evidence are 32 bytes each.")
    data = encode(["string", "uint64", "bytes32"], [granted.name, granted.value, granted.evidence])
    message = {
        "version": VERSION, "schema": SCHEMA_ID, "recipient": granted.worker, "time": granted.granted_at,
        "expirationTime": granted.expires_at, "revocable": True, "refUID": bytes(32), "data": data, "salt": salt,
    }
    signed = Account.sign_message(_typed(registry, message), key.secret)
    signature = {"r": f"0x{signed.r:064x}", "s": f"0x{signed.s:064x}", "v": signed.v}
    return {
        "sig": {
            "version": VERSION, "uid": "0x" + _uid(message).hex(), "domain": _domain(registry), "primaryType": "Attest",
            "types": TYPES, "message": {name: _plain(value) for name, value in message.items()} | {"version": VERSION}, "signature": signature,
        },
        "signer": key.address,
    }


def read(attested: Mapping[str, Any], registry: Registry, trusted: frozenset[str], now: int) -> Qualification:
    """What an attestation says, if it may be believed.

    Args:
        trusted: addresses of attesters, lower case.

    Raises:
        Invalid: a wrong signature, uid, registry or schema, an attester that isn't trusted, or one that has expired.
    """
    try:
        sig, signer = attested["sig"], str(attested["signer"]).lower()
        message = {field["name"]: _raw(field["type"], sig["message"][field["name"]]) for field in TYPES["Attest"]}
        parts = tuple(int(str(sig["signature"][name]), 0) for name in ("v", "r", "s"))
        found = Account.recover_message(_typed(registry, message), vrs=parts)
        uid, schema = bytes.fromhex(sig["uid"][2:]), message["schema"]
    except Exception as error:  # eth-account and eth-abi raise many kinds for what a stranger wrote
        raise Invalid(f"This is no attestation of EAS's off-chain version {VERSION}.") from error
    if found.lower() != signer or uid != _uid(message):
        raise Invalid("The attestation isn't signed by whom it names, or was made for another chain or registry.")
    if signer not in trusted:
        raise Invalid(f"{signer} isn't trusted to attest qualifications here.")
    if schema != SCHEMA_ID or message["version"] != VERSION:
        raise Invalid("The attestation is of another schema.")
    if message["expirationTime"] and message["expirationTime"] <= now:
        raise Invalid("The attestation has expired.")
    return _qualification(message)


def _qualification(message: dict[str, Any]) -> Qualification:
    name, value, evidence = decode(["string", "uint64", "bytes32"], message["data"])
    return Qualification(message["recipient"].lower(), name, value, evidence, message["time"], message["expirationTime"])


def _domain(registry: Registry) -> dict[str, Any]:
    return {
        "name": "EAS Attestation", "version": registry.version, "chainId": str(registry.chain_id), "verifyingContract": registry.address,
    }


def _typed(registry: Registry, message: dict[str, Any]) -> Any:
    domain = _domain(registry) | {"chainId": registry.chain_id}
    return encode_typed_data(domain, TYPES, message)


def _uid(message: dict[str, Any]) -> bytes:
    """As the SDK packs it: the schema as the text of its hex form, then the fields, then a bump of 0."""
    return keccak256(
        VERSION.to_bytes(2) + ("0x" + message["schema"].hex()).encode() + bytes.fromhex(message["recipient"][2:]) + bytes(20)
        + message["time"].to_bytes(8) + message["expirationTime"].to_bytes(8) + bytes([message["revocable"]])
        + message["refUID"] + message["data"] + message["salt"] + bytes(4)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _raw(kind: str, value: Any) -> Any:
    if kind.startswith("bytes"):
        return bytes.fromhex(value.removeprefix("0x"))
    return int(value) if kind.startswith("uint") else value
