"""Funding a job with any token: what it costs, what the requester has, and the transactions by allowance or permit that its wallet may
send. `backend.services.funding` is the way by EIP-3009, which needs one signature and no allowance."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from backend.services.postings import terms_of
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import Escrow, encode_post, encode_post_with_permit, token_abi, token_balance, view
from piecework.chain.failover import Failover
from piecework.chain.rpc import RpcRefused
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.terms import Terms
from piecework.domain.token_data import PERMIT, TokenDomain, token_digest
from piecework.domain.typed_data import recover
from piecework.domain.units import NATIVE

POST_GAS = 130_000
"""What posting a job takes at most (docs/protocol has figures), for a wallet that can't pay yet and so can't be asked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the chain says before a job is posted. Amounts in base units of the job's token, gas prices in wei."""

    amount: int
    posted: bool
    wallet: int
    ledger: int
    allowance: int
    gas: int
    gas_price: int
    transactions: tuple[dict[str, str], ...]
    """What the wallet would send, in order; empty where neither wallet nor ledger holds the price."""
    permit: dict[str, Any] | None
    """The ERC-2612 message with which one transaction is enough, for tokens that have it."""


class WalletFunding:
    """Asks the chain and prepares; the coordinator sends nothing of it.

    Args:
        rpc: the chain.
        deployment: the escrow on it.
    """

    def __init__(self, rpc: Failover, deployment: Deployment) -> None:
        self._rpc, self._deployment = rpc, deployment
        self._escrow = Escrow(rpc, deployment.escrow)  # type: ignore[arg-type]  # a Failover answers as an Rpc does

    def standing(self, row: Row[Any]) -> Standing:
        """What there is to do for a job, from its row.

        Raises:
            Unavailable: the chain doesn't answer.
        """
        terms, slots = terms_of(row), row.slots
        amount, owner = terms.price * slots, terms.requester
        posted = self._escrow.job(bytes.fromhex(row.job[2:])).funded > 0
        ledger = self._escrow.balance_of(owner, terms.token)
        wallet, allowance = self._wallet(owner, terms.token)
        sent = () if posted else self._transactions(terms, slots, amount, ledger, wallet, allowance)
        permit = None if posted or wallet < amount else self._permit(terms, amount)
        price = int(self._rpc.call("eth_gasPrice"), 16)
        return Standing(amount, posted, wallet, ledger, allowance, self._gas(sent), price, sent, permit)

    def with_permit(self, row: Row[Any], signature: bytes) -> dict[str, str]:
        """The one transaction that posts a job with its owner's signed permit.

        Raises:
            Conflict: the token has no permit, or the wallet doesn't hold the price.
            Invalid: the signature isn't the owner's over the permit.
        """
        terms = terms_of(row)
        standing = self.standing(row)
        if standing.permit is None:
            raise Conflict("This job can't be funded by a permit: it is posted, its token has none, or the wallet holds too little.")
        domain = standing.permit["domain"]
        separator = TokenDomain(domain["name"], domain["version"], domain["chainId"], domain["verifyingContract"]).separator
        digest = token_digest(separator, PERMIT, standing.permit["message"])
        if len(signature) != 65 or recover(digest, signature) != terms.requester:
            raise Invalid("The signature is not the requester's over this job's permit; sign it again.")
        return self._transaction(terms, encode_post_with_permit(terms, row.slots, terms.closes_at, signature))

    def _wallet(self, owner: str, token: str) -> tuple[int, int]:
        if token == NATIVE:
            return int(self._rpc.call("eth_getBalance", owner, "latest"), 16), 0
        rpc: Any = self._rpc
        allowance: Any = view(rpc, token_abi(), token, "allowance", owner, self._deployment.escrow)
        return token_balance(rpc, token, owner), int(allowance)

    def _transactions(
        self, terms: Terms, slots: int, amount: int, ledger: int, wallet: int, allowance: int
    ) -> tuple[dict[str, str], ...]:
        if ledger >= amount:
            return (self._transaction(terms, encode_post(terms, slots, "ledger")),)
        if wallet < amount:
            return ()
        if terms.token == NATIVE:
            return (self._transaction(terms, encode_post(terms, slots, "wallet"), value=amount),)
        post = self._transaction(terms, encode_post(terms, slots, "wallet"))
        if allowance >= amount:
            return (post,)
        approve = token_abi().encode("approve", self._deployment.escrow, amount)
        return self._transaction(terms, approve, to=terms.token), post

    def _transaction(self, terms: Terms, data: str, to: str | None = None, value: int = 0) -> dict[str, str]:
        fields = {"from": terms.requester, "to": to or self._deployment.escrow, "value": hex(value), "data": data}
        return fields | {"chainId": hex(self._deployment.chain_id)}

    def _gas(self, sent: tuple[dict[str, str], ...]) -> int:
        if len(sent) != 1:
            return POST_GAS * max(1, len(sent))
        try:
            call = {name: sent[0][name] for name in ("from", "to", "value", "data")}
            return int(self._rpc.call("eth_estimateGas", call), 16)
        except RpcRefused:  # the wallet has no coin for gas, say; the price is worth knowing still
            return POST_GAS

    def _permit(self, terms: Terms, amount: int) -> dict[str, Any] | None:
        """The permit's message, if what the token says of its domain is what it signs over."""
        rpc, token = self._rpc, terms.token
        if token == NATIVE:
            return None
        try:
            said: Any = view(rpc, token_abi(), token, "eip712Domain")  # type: ignore[arg-type]
            separator: Any = view(rpc, token_abi(), token, "DOMAIN_SEPARATOR")  # type: ignore[arg-type]
            nonce: Any = view(rpc, token_abi(), token, "nonces", terms.requester)  # type: ignore[arg-type]
        except (RpcRefused, Invalid, ValueError, OverflowError):
            return None
        _, name, version, chain_id, contract, *_ = said
        domain = TokenDomain(name, version, chain_id, contract.lower())
        if domain.separator != bytes(separator):
            return None
        message = {
            "owner": terms.requester,
            "spender": self._deployment.escrow,
            "value": str(amount),
            "nonce": str(nonce),
            "deadline": str(terms.closes_at),
        }
        return domain.message(PERMIT, message)
