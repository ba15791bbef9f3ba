"""A key with a chain: sends transactions and says in words why one failed."""

import time
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from piecework.chain.abi import Abi
from piecework.chain.fees import Fees, quote
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Conflict, Unavailable
from piecework.domain.typed_data import Key

GAS_MARGIN = 1.15
"""What an estimate is multiplied by: state may have changed by the time it runs."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction that succeeded; `gas_used` in gas, `contract` for a creation."""

    transaction_hash: str
    block_number: int
    gas_used: int
    contract: str | None


class Wallet:
    """Signs and sends from one account, one transaction at a time.

    For a sender that must survive a crash between sending and confirming see `backend.services.settler`.
    """

    def __init__(self, rpc: Rpc, key: Key, abi: Abi | None = None) -> None:
        self.rpc, self.key, self._abi = rpc, key, abi

    @property
    def address(self) -> str:
        return self.key.address

    def send(self, to: str | None, data: str, value: int = 0, timeout_seconds: float = 60) -> Receipt:
        """Sends one transaction and waits until it is mined.

        Raises:
            Conflict: it would revert, or did; the sentence holds the contract's own error.
            Unavailable: not mined in time.
        """
        nonce = int(self.rpc.call("eth_getTransactionCount", self.address, "pending"), 16)
        _, raw = sign_transaction(self.rpc, self.key, to, data, value, nonce, self._abi)
        return wait_for_receipt(self.rpc, self.rpc.call("eth_sendRawTransaction", raw), timeout_seconds)


def sign_transaction(
    rpc: Rpc,
    key: Key,
    to: str | None,
    data: str,
    value: int,
    nonce: int,
    abi: Abi | None = None,
    most_fee: int | None = None,
) -> tuple[str, str]:
    """A signed EIP-1559 transaction: its hash and its raw bytes, 0x hex each.

    Args:
        value, most_fee: wei, and the most that a gas may cost.

    Raises:
        Conflict: the chain says that it would revert.
    """
    call: dict[str, Any] = {"from": key.address, "data": data, "value": hex(value)}
    if to is not None:
        call["to"] = to
    try:
        gas, block, chain_id = rpc.batch(
            [("eth_estimateGas", [call]), ("eth_getBlockByNumber", ["latest", False]), ("eth_chainId", [])]
        )
    except RpcRefused as refused:
        words = (abi.revert_sentence(refused.data) if abi else None) or refused.message
        raise Conflict(f"The transaction would fail: {words}.") from refused
    transaction = {
        "type": 2,
        "chainId": int(chain_id, 16),
        "nonce": nonce,
        "gas": min(int(int(gas, 16) * GAS_MARGIN), int(block["gasLimit"], 16)),
        "value": value,
        "data": data,
        **({"to": to_checksum_address(to)} if to else {}),
    }
    return _signed(transaction, key, quote(base_fee_of(block), most_fee))


def sign_again(raw: str, key: Key, fees: Fees) -> tuple[str, str]:
    """The same transaction with other fees: its hash and its raw bytes. Only one of the two can be mined."""
    return _signed(fields_of(raw), key, fees)


def fields_of(raw: str) -> dict[str, Any]:
    """What is signed in a raw EIP-1559 transaction, without the signature."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return {name: value for name, value in fields.items() if name not in ("v", "r", "s")}


def fees_of(raw: str) -> Fees:
    """What a raw EIP-1559 transaction offers."""
    fields = fields_of(raw)
    return Fees(fields["maxFeePerGas"], fields["maxPriorityFeePerGas"])


def base_fee_of(block: dict[str, Any]) -> int:
    """Wei that a gas costs in a block, as a node gives it."""
    return int(block.get("baseFeePerGas") or "0x0", 16)


def _signed(transaction: dict[str, Any], key: Key, fees: Fees) -> tuple[str, str]:
    offer = {"maxFeePerGas": fees.max_fee, "maxPriorityFeePerGas": fees.max_tip}
    signed = Account.sign_transaction(transaction | offer, key.secret)
    return "0x" + signed.hash.hex(), "0x" + signed.raw_transaction.hex()


def wait_for_receipt(rpc: Rpc, transaction_hash: str, timeout_seconds: float = 60) -> Receipt:
    """Waits until a transaction is mined.

    Raises:
        Conflict: it reverted.
        Unavailable: not mined in time.
    """
    deadline, pause = time.monotonic() + timeout_seconds, 0.01
    while True:
        receipt = rpc.call("eth_getTransactionReceipt", transaction_hash)
        if receipt is not None:
            break
        if time.monotonic() > deadline:
            raise Unavailable(f"Transaction {transaction_hash} was not mined within {timeout_seconds:.0f} s.")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    if int(receipt["status"], 16) != 1:
        raise Conflict(f"Transaction {transaction_hash} failed on the chain.")
    contract = receipt.get("contractAddress")
    return Receipt(
        transaction_hash, int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16), contract.lower() if contract else None
    )
