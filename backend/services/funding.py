"""How a requester locks a job's money, or keeps some ready: what its wallet signs and sends. Nothing here holds a key.

From the ledger one transaction does. From the wallet one signature does: an EIP-3009 authorization whose nonce is the job's id, so
that it is good for this job and nothing else, and which the relayer carries where the job is worth the gas. A deposit takes an
ERC-2612 permit.
"""

from asyncio import to_thread
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import terms_of
from backend.services.signatures import signed_by_key
from backend.services.watchtower import Call, Frugality
from backend.store import mirror, outbox
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import (
    Authorization,
    encode_close,
    encode_deposit_with_permit,
    encode_post,
    encode_post_with_authorization,
    escrow_abi,
    token_abi,
    token_balance,
    view,
)
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.token_data import PERMIT, RECEIVE, TokenDomain, token_digest
from piecework.domain.units import decimal_text

VALID_SECONDS = 3_600
"""How long a signature may wait to be sent."""


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
        relayer: the address that carries.
        frugality: what is worth carrying.
        clock: the time, aware.
        wake: tells the settler that there is something to carry.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        deployment: Deployment,
        relayer: str,
        frugality: Frugality,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._rpc, self._deployment, self._clock = store, rpc, deployment, clock
        self._relayer, self._frugality, self._wake = relayer, frugality, wake
        self._domain = lru_cache(maxsize=16)(self._domain_of)

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
        typed = None if missing else self._domain(row.token).message(RECEIVE, self._authorized(row, amount, self._until()))
        return Plan(amount, ledger, wallet, missing, typed, None)

    async def carry(self, row: Row[Any], valid_before: int, signature: bytes) -> bool:
        """Has the relayer post a job with its requester's signed authorization; again is fine. False where the job isn't worth the
        gas, and the requester must send it itself.

        Raises:
            Invalid: not the requester's signature of exactly this money for this job.
            Conflict: the chain would refuse it, or it is funded already.
        """
        if row.state != "draft":
            raise Conflict("This job is funded already.")
        known = await to_thread(self.carried, row.job)
        if known is not None and known.state != "failed":
            return True  # it is under way, or the mirror hasn't seen it yet
        if not await to_thread(self._is_worth_it, row, valid_before, _whole(signature)):
            return False
        await self._store.write(lambda connection: self._queue(connection, row.job, valid_before, _whole(signature)))
        self._wake()
        return True

    def carried(self, job: str) -> Row[Any] | None:
        """What became of a job's authorization, with state, transaction_hash and error; None where none was given."""
        with self._store.read() as connection:
            return outbox.funding(connection, job)

    def _is_worth_it(self, row: Row[Any], valid_before: int, signature: bytes) -> bool:
        terms = terms_of(row)
        amount = terms.price * row.slots
        if not self._clock().timestamp() < valid_before < 2**63:
            raise Invalid("The authorization is over; sign it anew.")
        separator = bytes(view(self._rpc, token_abi(), row.token, "DOMAIN_SEPARATOR"))  # type: ignore[call-overload]
        if not signed_by_key(row.requester, token_digest(separator, RECEIVE, self._authorized(row, amount, valid_before)), signature):
            raise Invalid("The signature is not the requester's over exactly this money for this job.")
        data = encode_post_with_authorization(terms, row.slots, Authorization(0, valid_before, signature))
        call = {"from": self._relayer, "to": self._deployment.escrow, "data": data}
        try:
            gas, price = (int(value, 16) for value in self._rpc.batch([("eth_estimateGas", [call]), ("eth_gasPrice", [])]))
        except RpcRefused as refused:
            words_ = escrow_abi().revert_sentence(refused.data) or refused.message
            raise Conflict(f"The chain would refuse it: {words_}. Does the wallet still hold the money?") from refused
        due = Call("funding", row.job, row.job, row.token, row.slots, amount, gas)
        return self._deployment.devnet or self._frugality.refusal(due, self._deployment, price) is None

    def _queue(self, connection: Connection, job: str, valid_before: int, signature: bytes) -> None:
        known, now = outbox.funding(connection, job), self._clock()
        if known is not None and known.state != "failed":
            return
        values = {"id": job, "valid_before": valid_before, "signature": "0x" + signature.hex(), "created_at": now}
        outbox.add_funding(connection, values | {"outbox": outbox.queue(connection, "funding", job, now)})

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
        with self._store.read() as connection:
            now = mirror.now(connection, self._clock().timestamp())
        if row.closes_at > now:
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
        return self._domain(token).message(PERMIT, values)

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

    def _authorized(self, row: Row[Any], amount: int, valid_before: int) -> dict[str, str]:
        return {
            "from": row.requester, "to": self._deployment.escrow, "value": str(amount), "validAfter": "0",
            "validBefore": str(valid_before), "nonce": row.job,
        }  # fmt: skip

    def _domain_of(self, token: str) -> TokenDomain:
        said: Any = view(self._rpc, token_abi(), token, "eip712Domain")
        return TokenDomain(str(said[1]), str(said[2]), self._deployment.chain_id, token)


def _whole(signature: bytes) -> bytes:
    if len(signature) != 65:
        raise Invalid("A token takes the signature of a key, 65 bytes; accounts that are contracts fund from their ledger balance.")
    return signature[:64] + bytes([signature[64] + 27 if signature[64] < 27 else signature[64]])
