"""The escrow contract: its calls as calldata, its views as values. The one place that knows its ABI by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.domain.errors import Conflict
from piecework.domain.terms import Batch, Terms
from piecework.domain.typed_data import Funding, Withdrawal, compact

SOURCES = {"ledger": 0, "wallet": 1}
"""Where a funding's money comes from, as the contract numbers it."""

PHASES = ("none", "pending", "defended", "ruled", "done")
"""An appeal's phases, as the contract numbers them."""


@cache
def escrow_abi() -> Abi:
    """What the escrow's address answers to: the ABIs of Piecework.sol and of Recourse.sol, whose code it runs."""
    return Abi([*contract("Piecework").abi, *contract("Recourse").abi])


@cache
def council_abi() -> Abi:
    """The ABI of the marketplace's council, which as to prices is that of every ERC-792 arbitrator."""
    return Abi(contract("CouncilArbitrator").abi)


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
class Authorization:
    """An EIP-3009 `ReceiveWithAuthorization` of exactly the money, valid between two instants (Unix seconds)."""

    valid_after: int
    valid_before: int
    signature: bytes

    def as_tuple(self) -> tuple[int, int, int, bytes, bytes]:
        """The fields in ABI order."""
        return self.valid_after, self.valid_before, *_split(self.signature)


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's word on the chain, counted in slots."""

    funded: int
    taken: int
    resolved: int
    closed: bool


@dataclass(frozen=True, slots=True)
class OpeningState:
    """When an opening was made, in Unix seconds (0: never), and whether it was finalized."""

    opened_at: int
    finalized: bool


@dataclass(frozen=True, slots=True)
class AppealState:
    """Where an appeal stands (one of `PHASES`), since when in Unix seconds, and how it was ruled."""

    phase: str
    since: int
    ruling: int


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What an operator may still spend, base units, until an instant in Unix seconds."""

    allowance: int
    expires_at: int


def encode_post(terms: Terms, slots: int, source: str) -> str:
    """Posts a job and locks its money; `source` is ledger or wallet (which needs an allowance)."""
    return escrow_abi().encode("post", terms.as_tuple(), slots, SOURCES[source])


def encode_post_with_permit(terms: Terms, slots: int, deadline: int, signature: bytes) -> str:
    """Posts from the wallet with an ERC-2612 permit of exactly the money."""
    return escrow_abi().encode("postWithPermit", terms.as_tuple(), slots, (deadline, *_split(signature)))


def encode_post_with_authorization(terms: Terms, slots: int, authorization: Authorization) -> str:
    """Posts for the requester, who signed an authorization with the job's id as nonce."""
    return escrow_abi().encode("postWithAuthorization", terms.as_tuple(), slots, authorization.as_tuple())


def encode_fund(terms: Terms, funding: Funding, source: str) -> str:
    """Locks money for more slots of an open job; `source` is ledger or wallet."""
    return escrow_abi().encode("fund", *_funding(terms, funding), SOURCES[source])


def encode_fund_with_permit(terms: Terms, funding: Funding, deadline: int, signature: bytes) -> str:
    """Like `encode_fund` from the wallet, with an ERC-2612 permit of exactly the money."""
    return escrow_abi().encode("fundWithPermit", *_funding(terms, funding), (deadline, *_split(signature)))


def encode_fund_with_authorization(terms: Terms, funding: Funding, authorization: Authorization) -> str:
    """Funds for the requester, who signed an authorization with `Domain.funding_nonce` as nonce."""
    return escrow_abi().encode("fundWithAuthorization", *_funding(terms, funding), authorization.as_tuple())


def encode_settle(terms: Terms, batches: Sequence[SignedBatch], credit_only: frozenset[str], push_gas: int) -> str:
    """Settles approved batches of one job in one transaction.

    Args:
        terms: the job's terms.
        batches: ordered by the length of their worker tables, each table beginning with the one before. (The contract refuses
            another order only where a byte points past a shorter table.)
        credit_only: workers who take their money as a ledger balance.
        push_gas: gas that each transfer may use; 0 credits everybody.
    """
    workers: tuple[str, ...] = max((entry.batch.workers for entry in batches), key=len, default=())
    if any(entry.batch.workers != workers[: len(entry.batch.workers)] for entry in batches):
        raise ValueError("batches settled together must share one worker table")
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
    return escrow_abi().encode("settle", terms.as_tuple(), list(workers), parts, payout(workers, credit_only, push_gas))


def encode_close(terms: Terms) -> str:
    """Ends a job whose time has come; what is free goes back to the requester's balance."""
    return escrow_abi().encode("close", terms.as_tuple())


def encode_deposit(token: str, amount: int) -> str:
    """Moves base units from the caller's wallet into its balance; coins must be sent along."""
    return escrow_abi().encode("deposit", token, amount)


def encode_deposit_with_permit(token: str, amount: int, deadline: int, signature: bytes) -> str:
    """A deposit with an ERC-2612 permit of exactly the amount."""
    return escrow_abi().encode("depositWithPermit", token, amount, (deadline, *_split(signature)))


def encode_withdraw(token: str, amount: int, receiver: str) -> str:
    """The caller's own withdrawal, base units."""
    return escrow_abi().encode("withdraw", token, amount, receiver)


def encode_relayed_withdrawal(withdrawal: Withdrawal, fee: int, signature: bytes) -> str:
    """A withdrawal that its owner signed, carried for `fee` base units on top."""
    return escrow_abi().encode("withdrawWithSignature", withdrawal.as_tuple(), fee, signature)


def encode_set_protocol_fee(fee_bps: int, treasury: str) -> str:
    """The governor's one call: the fee of jobs posted from now on, in basis points of the reward, and who receives it."""
    return escrow_abi().encode("setProtocolFee", fee_bps, treasury)


def payout(workers: Sequence[str], credit_only: frozenset[str], push_gas: int) -> tuple[int, int]:
    """How workers are paid: those in `credit_only` into the ledger, the others by a transfer of at most `push_gas`."""
    return sum(1 << place for place, worker in enumerate(workers, 1) if worker in credit_only), push_gas


def _funding(terms: Terms, funding: Funding) -> tuple[object, int, int, bytes]:
    return terms.as_tuple(), funding.first_slot, funding.slots, funding.content_hash


def _split(signature: bytes) -> tuple[int, bytes, bytes]:
    """65 bytes as v, r and s."""
    return signature[64], signature[:32], signature[32:64]


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

    def taken_word(self, job: bytes, word: int) -> int:
        """256 taken bits of a job: slot s is bit 255 - s % 256 of word s // 256."""
        return int(self._view("takenWord", job, word))

    def taken(self, job: bytes, slots: Iterable[int]) -> set[int]:
        """Those of a job's slots that aren't free."""
        wanted = set(slots)
        words = {word: self.taken_word(job, word) for word in {slot // 256 for slot in wanted}}
        return {slot for slot in wanted if words[slot // 256] >> (255 - slot % 256) & 1}

    def gas(self, sender: str, data: str) -> int:
        """What a call would cost now, in gas.

        Raises:
            Conflict: it would fail; the sentence says why.
        """
        try:
            return int(self._rpc.call("eth_estimateGas", {"from": sender, "to": self.address, "data": data}), 16)
        except RpcRefused as refused:
            raise Conflict(f"it would fail: {escrow_abi().revert_sentence(refused.data) or refused.message}") from refused

    def opening(self, opening: bytes) -> OpeningState:
        """An opening by its id."""
        return OpeningState(*self._view("openingOf", opening))

    def appeal(self, appeal: bytes) -> AppealState:
        """An appeal by its id."""
        phase, since, ruling = self._view("appealOf", appeal)
        return AppealState(PHASES[phase], since, ruling)

    def operator(self, requester: str, operator: str, token: str) -> OperatorState:
        """What an operator may still spend of the requester's balance."""
        return OperatorState(*self._view("operatorOf", requester, operator, token))

    def _view(self, name: str, *arguments: object) -> Any:
        return view(self._rpc, escrow_abi(), self.address, name, *arguments)


def view(rpc: Rpc, abi: Abi, address: str, name: str, *arguments: object) -> object:
    """A contract's answer at the latest block."""
    call = {"to": address, "data": abi.encode(name, *arguments)}
    return abi.decode_result(name, rpc.call("eth_call", call, "latest"))


def token_balance(rpc: Rpc, token: str, account: str) -> int:
    """Base units of an ERC-20 in a wallet."""
    return int(view(rpc, token_abi(), token, "balanceOf", account))  # type: ignore[call-overload]
