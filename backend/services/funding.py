"""How a requester locks a job's money, or keeps some ready: what its wallet signs and sends. Nothing here holds a key.

From the ledger one transaction does; from the wallet an EIP-3009 authorization goes before it, whose nonce is the job's id, so that
the signature is good for this job and nothing else. A deposit takes an ERC-2612 permit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import terms_of
from backend.store import mirror
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import (
    Authorization,
    encode_close,
    encode_deposit_with_permit,
    encode_post,
    encode_post_with_authorization,
    token_abi,
    token_balance,
    view,
)
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.units import decimal_text

VALID_SECONDS = 3_600
"""How long a signature may wait to be sent."""
_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))
_TYPES = {
    "ReceiveWithAuthorization": (
        *(("from", "address"), ("to", "address"), ("value", "uint256")),
        *(("validAfter", "uint256"), ("validBefore", "uint256"), ("nonce", "bytes32")),
    ),
    "Permit": (
        *(("owner", "address"), ("spender", "address"), ("value", "uint256")),
        *(("nonce", "uint256"), ("deadline", "uint256")),
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a job's money gets into it. Amounts in base units.

    Attributes:
        amount: what the job costs.
        ledger, wallet: what the requester has in the escrow, and in its wallet.
        missing: what neither has.
        typed_data: what is signed first; None where the ledger pays.
        transaction: what is sent; None as long as it lacks the signature.
    """

    amount: int
    ledger: int
    wallet: int
    missing: int
    typed_data: dict[str, Any] | None
    transaction: dict[str, str] | None


class Funding:
    """Prepares what requesters sign and send.

    Args:
        store: where the mirror is.
        rpc: the chain.
        deployment: the escrow and its token.
        clock: the time, aware.
    """

    def __init__(self, store: Store, rpc: Rpc, deployment: Deployment, clock: Callable[[], datetime]) -> None:
        self._store, self._rpc, self._deployment, self._clock = store, rpc, deployment, clock
        self._named = lru_cache(maxsize=16)(self._name)

    def plan(self, row: Row[Any]) -> Plan:
        """How a job is funded, by what its requester has now; the ledger first.

        Args:
            row: the job's, of `posting`, with its state.

        Raises:
            Conflict: it is funded already.
        """
        if row.state != "draft":
            raise Conflict("This job is funded already.")
        terms = terms_of(row)
        amount = terms.price * row.slots
        with self._store.read() as connection:
            ledger = mirror.balance(connection, row.requester, row.token)
        if ledger >= amount:
            return Plan(amount, ledger, 0, 0, None, self._call(row.requester, encode_post(terms, row.slots, "ledger")))
        wallet = token_balance(self._rpc, row.token, row.requester)
        missing = max(0, amount - wallet)
        values = {
            "from": row.requester, "to": self._deployment.escrow, "value": str(amount), "validAfter": "0",
            "validBefore": str(self._until()), "nonce": row.job,
        }
        typed = None if missing else self._message("ReceiveWithAuthorization", row.token, values)
        return Plan(amount, ledger, wallet, missing, typed, None)

    def post(self, row: Row[Any], valid_before: int, signature: bytes) -> dict[str, str]:
        """The transaction that posts a job with a signed authorization."""
        signed = Authorization(0, valid_before, _whole(signature))
        return self._call(row.requester, encode_post_with_authorization(terms_of(row), row.slots, signed))

    def close(self, row: Row[Any]) -> dict[str, str]:
        """The transaction that closes a job whose time is over.

        Raises:
            Conflict: it isn't open, or not over.
        """
        if row.state != "open":
            raise Conflict(f"Only an open job can be closed; this one is {'closed' if row.state == 'closed' else 'not funded'}.")
        if row.closes_at > self._clock().timestamp():
            raise Conflict("Workers were promised that the job stays open until its time is over; then it can be closed.")
        return self._call(row.requester, encode_close(terms_of(row)))

    def permit(self, owner: str, amount: int) -> dict[str, Any]:
        """What is signed for a deposit of base units.

        Raises:
            Invalid: nothing.
            Conflict: the wallet doesn't hold as much.
        """
        token, held = self._deployment.token, token_balance(self._rpc, self._deployment.token, owner)
        if not amount:
            raise Invalid("A deposit is more than nothing.")
        if held < amount:
            d = self._deployment
            raise Conflict(f"Your wallet holds {decimal_text(held, d.token_decimals)} {d.token_symbol}, which is less than that.")
        nonce = int(view(self._rpc, token_abi(), token, "nonces", owner))  # type: ignore[call-overload]
        escrow = self._deployment.escrow
        values = {"owner": owner, "spender": escrow, "value": str(amount), "nonce": str(nonce), "deadline": str(self._until())}
        return self._message("Permit", token, values)

    def deposit(self, owner: str, amount: int, deadline: int, signature: bytes) -> dict[str, str]:
        """The transaction that deposits with a signed permit."""
        return self._call(owner, encode_deposit_with_permit(self._deployment.token, amount, deadline, _whole(signature)))

    def play_money(self, owner: str, amount: int) -> dict[str, str]:
        """On a devnet: the transaction that makes base units of its dollar.

        Raises:
            Conflict: this is no devnet.
        """
        if not self._deployment.devnet:
            raise Conflict("Money can be made on a devnet only.")
        return self._call(owner, token_abi().encode("mint", owner, amount), self._deployment.token)

    def held(self, owner: str) -> int:
        """Base units of the marketplace's token in a wallet."""
        return token_balance(self._rpc, self._deployment.token, owner)

    def locked(self, connection: Connection, owner: str) -> int:
        """Base units of the marketplace's token that are locked in a requester's jobs."""
        return mirror.locked(connection, owner, self._deployment.token)

    def _until(self) -> int:
        return int(self._clock().timestamp()) + VALID_SECONDS

    def _call(self, sender: str, data: str, to: str | None = None) -> dict[str, str]:
        return {"from": sender, "to": to or self._deployment.escrow, "value": "0x0", "data": data}

    def _message(self, name: str, token: str, values: dict[str, Any]) -> dict[str, Any]:
        types = {"EIP712Domain": _DOMAIN, name: _TYPES[name]}
        named, version = self._named(token)
        return {
            "types": {kind: [{"name": field, "type": of} for field, of in fields] for kind, fields in types.items()},
            "primaryType": name,
            "domain": {"name": named, "version": version, "chainId": self._deployment.chain_id, "verifyingContract": token},
            "message": values,
        }

    def _name(self, token: str) -> tuple[str, str]:
        """The name and version under which the token is signed for (EIP-5267)."""
        said: Any = view(self._rpc, token_abi(), token, "eip712Domain")
        return str(said[1]), str(said[2])


def _whole(signature: bytes) -> bytes:
    if len(signature) != 65:
        raise Invalid("A token takes the signature of a key, 65 bytes; accounts that are contracts fund from their ledger balance.")
    return signature[:64] + bytes([signature[64] + 27 if signature[64] < 27 else signature[64]])
