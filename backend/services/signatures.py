"""Who signed a digest, decided as the escrow decides: by key, or where the account has code by EIP-1271."""

from eth_abi.abi import encode

from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import recover

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""The highest `s` of a signature that the escrow takes."""
MAGIC = "0x1626ba7e"
LONGEST = 8_192
"""Bytes of the longest contract signature that is worth carrying."""


def signed_by_key(account: str, digest: bytes, signature: bytes) -> bool:
    """Whether the account's key signed, with low s, in 65 bytes."""
    if len(signature) != 65 or int.from_bytes(signature[32:64]) > HALF_ORDER:
        return False
    try:
        return recover(digest, signature) == account
    except Invalid:
        return False


def signed_by(rpc: Rpc, account: str, digest: bytes, signature: bytes) -> bool:
    """Whether the account signed, by its key or as its contract says at the latest block.

    Raises:
        Unavailable: it isn't the key's signature and the chain, which would know of a contract, doesn't answer.
    """
    if signed_by_key(account, digest, signature):
        return True
    if len(signature) > LONGEST or rpc.call("eth_getCode", account, "latest") in ("0x", None):
        return False
    data = MAGIC + encode(["bytes32", "bytes"], [digest, signature]).hex()
    try:
        answer = rpc.call("eth_call", {"to": account, "data": data}, "latest")
    except RpcRefused:
        return False
    return isinstance(answer, str) and len(answer) == 66 and answer.startswith(MAGIC) and not int(answer[10:], 16)
