"""The escrow contract: its calls as calldata, its views as values. The one place that knows its ABI by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.rpc import Rpc
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import Withdrawal, compact

SOURCES = {"ledger": 0, "wallet": 1}
"""Where a funding's money comes from, as the contract numbers it."""


@cache
def escrow_abi() -> Abi:
    """The ABI of Piecework.sol as compiled."""
    return Abi(contract("Piecework").abi)


@cache
def token_abi() -> Abi:
    """The ABI of the devnet's dollar, which is that of every ERC-20 with permit and EIP-3009 (and a mint)."""
    return Abi(contract("DevnetDollar").abi)


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A batch with the coordinator's signature (65 bytes) and the requester's approval (empty if the requester sends it)."""

    batch: Batch
    signature: bytes
    approval: bytes


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's word on the chain, counted in slots."""

    funded: int
    taken: int
    resolved: int
    closed: bool


def encode_post(terms: Terms, slots: int, source: str) -> str:
    """Posts a job and locks its money; `source` is ledger or wallet (which needs an allowance)."""
    return escrow_abi().encode("post", terms.as_tuple(), slots, SOURCES[source])


def encode_post_with_permit(terms: Terms, slots: int, deadline: int, signature: bytes) -> str:
    """Posts from the wallet with an ERC-2612 permit of exactly the money."""
    r, s, v = signature[:32], signature[32:64], signature[64]
    return escrow_abi().encode("postWithPermit", terms.as_tuple(), slots, deadline, v, r, s)


def encode_settle(terms: Terms, batches: Sequence[SignedBatch], credit_only: frozenset[str], push_gas: int) -> str:
    """Settles approved batches of one job in one transaction.

    Args:
        terms: the job's terms.
        batches: ordered by the length of their worker tables, each table beginning with the one before.
        credit_only: workers who take their money as a ledger balance.
        push_gas: gas that each transfer may use; 0 credits everybody.
    """
    workers = batches[-1].batch.workers
    if any(entry.batch.workers != workers[: len(entry.batch.workers)] for entry in batches):
        raise ValueError("batches settled together must share one worker table")
    mask = sum(1 << place for place, worker in enumerate(workers, 1) if worker in credit_only)
    parts = [
        (
            entry.batch.first_slot,
            len(entry.batch.workers),
            entry.batch.places,
            entry.batch.answer_root,
            *compact(entry.signature),
            entry.approval,
        )
        for entry in batches
    ]
    return escrow_abi().encode("settle", terms.as_tuple(), list(workers), parts, (mask, push_gas))


def encode_close(terms: Terms) -> str:
    """Ends a job whose time has come; what is free goes back to the requester's balance."""
    return escrow_abi().encode("close", terms.as_tuple())


def encode_withdraw(token: str, amount: int, receiver: str) -> str:
    """The caller's own withdrawal, base units."""
    return escrow_abi().encode("withdraw", token, amount, receiver)


def encode_relayed_withdrawal(withdrawal: Withdrawal, fee: int, signature: bytes) -> str:
    """A withdrawal that its owner signed, carried for `fee` base units on top."""
    w = withdrawal
    fields = (w.owner, w.token, w.receiver, w.amount, w.max_fee, w.nonce, w.deadline)
    return escrow_abi().encode("withdrawWithSignature", fields, fee, signature)


class Escrow:
    """The views of one deployed escrow.

    Args:
        rpc: the chain.
        address: where the escrow is.
    """

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc, self.address = rpc, address

    def balance_of(self, account: str, token: str) -> int:
        """Base units of `token` in the ledger of `account`."""
        return int(self._view("balanceOf", account, token))

    def nonce_of(self, account: str, token: str) -> int:
        """The nonce of the account's next relayed withdrawal."""
        return int(self._view("nonceOf", account, token))

    def fee_bps(self) -> int:
        """The protocol fee of jobs posted now, in basis points of the reward."""
        return int(self._view("feeBps"))

    def job(self, job: bytes) -> JobState:
        """A job's slots; all zero if it wasn't posted."""
        return JobState(*self._view("jobOf", job))

    def _view(self, name: str, *arguments: object) -> object:
        return view(self._rpc, escrow_abi(), self.address, name, *arguments)


def view(rpc: Rpc, abi: Abi, address: str, name: str, *arguments: object) -> object:
    """A contract's answer at the latest block."""
    call = {"to": address, "data": abi.encode(name, *arguments)}
    return abi.decode_result(name, rpc.call("eth_call", call, "latest"))


def token_balance(rpc: Rpc, token: str, account: str) -> int:
    """Base units of an ERC-20 in a wallet."""
    return int(view(rpc, token_abi(), token, "balanceOf", account))  # type: ignore[call-overload]
