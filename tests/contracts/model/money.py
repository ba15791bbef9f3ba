"""The reference model's money: wallets, the one ledger, operators, tips and withdrawals, as plainly as they can be said.

Each method is a call of the contract by the same name. It refuses with the name of the contract's error, and what it did before it
refused counts for nothing: the caller works on a copy.
"""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Self

from piecework.domain.typed_data import OperatorGrant, Withdrawal
from piecework.domain.units import NATIVE

ENOUGH_GAS = 60_000
"""A push of so much gas carries a dollar; one of none carries nothing but coins."""


class Refused(Exception):
    """The contract's custom error, by name; an empty name for a revert that says nothing."""


def require(condition: bool, error: str) -> None:
    """Refuses unless the condition holds."""
    if not condition:
        raise Refused(error)


@dataclass(frozen=True)
class Permit:
    """An ERC-2612 permit over some amount, and who signed it."""

    signer: str
    amount: int
    nonce: int
    deadline: int


@dataclass(frozen=True)
class Authorization:
    """An EIP-3009 authorization over some amount and nonce, and who signed it."""

    signer: str
    amount: int
    nonce: bytes
    valid_after: int
    valid_before: int


@dataclass(frozen=True)
class Carried:
    """A signed withdrawal with the fee that its relayer asks, and who signed it."""

    withdrawal: Withdrawal
    fee: int
    signer: str


@dataclass
class Money:
    """Who has what. Accounts are addresses; (account, token) has a wallet, a balance in the ledger, and a nonce."""

    escrow: str
    dollar: str
    governor: str
    coinless: frozenset[str]
    now: int = 0
    fee_bps: int = 0
    treasury: str = ""
    wallets: Counter[tuple[str, str]] = field(default_factory=Counter)
    ledger: Counter[tuple[str, str]] = field(default_factory=Counter)
    nonces: Counter[tuple[str, str]] = field(default_factory=Counter)
    operators: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    allowances: Counter[str] = field(default_factory=Counter)
    permits: Counter[str] = field(default_factory=Counter)
    authorizations: set[tuple[str, bytes]] = field(default_factory=set)

    def copy(self) -> Self:
        """Another model of the same state."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Counter | dict | set | list):
                setattr(other, name, copy(value))
        return other

    # Wallets ---------------------------------------------------------------------------------------------------------

    def move(self, token: str, giver: str, receiver: str, amount: int) -> None:
        self.wallets[giver, token] -= amount
        self.wallets[receiver, token] += amount

    def approve(self, owner: str, amount: int) -> None:
        """The dollar's allowance for the escrow."""
        self.allowances[owner] = amount

    def from_wallet(self, sender: str, token: str, amount: int, value: int) -> None:
        """Money from the caller's wallet into the escrow."""
        if token == NATIVE:
            require(value == amount, "ValueWrong")
        else:
            require(value == 0, "ValueWrong")
            require(amount <= min(self.wallets[sender, token], self.allowances[sender]), "TransferFailed")
            self.allowances[sender] -= amount
        self.move(token, sender, self.escrow, amount)

    def from_permit(self, sender: str, token: str, amount: int, permit: Permit) -> None:
        """The permit is used if it is good for exactly this; the money comes if the allowance is there, by it or without it."""
        require(token != NATIVE, "ValueWrong")
        if permit == Permit(sender, amount, self.permits[sender], permit.deadline) and self.now <= permit.deadline:
            self.permits[sender] += 1
            self.allowances[sender] = amount
        self.from_wallet(sender, token, amount, 0)

    def from_authorization(self, owner: str, token: str, amount: int, nonce: bytes, signed: Authorization) -> None:
        """The dollar moves what its owner signed for exactly this."""
        require(token != NATIVE, "ValueWrong")
        require(self.now > signed.valid_after, "AuthorizationNotYetValid")
        require(self.now < signed.valid_before, "AuthorizationExpired")
        require((owner, nonce) not in self.authorizations, "AuthorizationUsedAlready")
        require((signed.signer, signed.amount, signed.nonce) == (owner, amount, nonce), "AuthorizationSignatureInvalid")
        require(amount <= self.wallets[owner, token], "ERC20InsufficientBalance")
        self.authorizations.add((owner, nonce))
        self.move(token, owner, self.escrow, amount)

    def push(self, token: str, receiver: str, amount: int, gas: int) -> bool:
        """Sends from the escrow's wallet, if the receiver takes it."""
        taken = receiver not in self.coinless if token == NATIVE else gas >= ENOUGH_GAS
        if taken:
            self.move(token, self.escrow, receiver, amount)
        return taken

    # Ledger ----------------------------------------------------------------------------------------------------------

    def credit(self, account: str, token: str, amount: int) -> None:
        self.ledger[account, token] += amount

    def debit(self, account: str, token: str, amount: int) -> None:
        require(amount != 0, "AmountZero")
        require(amount <= self.ledger[account, token], "BalanceTooLow")
        self.ledger[account, token] -= amount

    def spend(self, requester: str, operator: str, token: str, amount: int) -> None:
        """What an operator spends of its allowance, gross."""
        allowance, expires_at = self.operators.get((requester, operator, token), (0, 0))
        require(self.now < expires_at and amount <= allowance, "CallerNotAuthorized")
        self.operators[requester, operator, token] = allowance - amount, expires_at

    def use_nonce(self, account: str, token: str, nonce: int) -> None:
        require(nonce == self.nonces[account, token], "NonceWrong")
        self.nonces[account, token] += 1

    def deposit(self, sender: str, token: str, amount: int, value: int) -> None:
        require(amount != 0, "AmountZero")
        self.from_wallet(sender, token, amount, value)
        self.credit(sender, token, amount)

    def deposit_with_permit(self, sender: str, token: str, amount: int, permit: Permit) -> None:
        require(amount != 0, "AmountZero")
        self.from_permit(sender, token, amount, permit)
        self.credit(sender, token, amount)

    def withdraw(self, sender: str, token: str, amount: int, receiver: str) -> None:
        self.debit(sender, token, amount)
        self.send(token, receiver, amount)

    def send(self, token: str, receiver: str, amount: int) -> None:
        require(receiver not in (NATIVE, self.escrow), "AddressInvalid")
        require(self.push(token, receiver, amount, ENOUGH_GAS), "TransferFailed")

    def withdraw_with_signature(self, sender: str, carried: Carried) -> None:
        w = carried.withdrawal
        require(self.now <= w.deadline, "DeadlinePassed")
        require(carried.fee <= w.max_fee, "FeeTooHigh")
        self.use_nonce(w.owner, w.token, w.nonce)
        require(carried.signer == w.owner, "SignatureInvalid")
        self.debit(w.owner, w.token, w.amount + carried.fee)
        self.credit(sender, w.token, carried.fee)
        self.send(w.token, w.receiver, w.amount)

    def withdraw_many(self, sender: str, entries: Sequence[Carried], push_gas: int) -> int:
        """How many were sent; each of the others is as valid as before."""
        return sum(self.carry(sender, entry, push_gas) for entry in entries)

    def carry(self, sender: str, carried: Carried, push_gas: int) -> bool:
        w = carried.withdrawal
        due = self.now <= w.deadline and carried.fee <= w.max_fee and w.nonce == self.nonces[w.owner, w.token]
        covered = 0 < w.amount and w.amount + carried.fee <= self.ledger[w.owner, w.token]
        if not (due and covered and carried.signer == w.owner and w.receiver not in (NATIVE, self.escrow)):
            return False
        if not self.push(w.token, w.receiver, w.amount, push_gas):
            return False
        self.nonces[w.owner, w.token] += 1
        self.debit(w.owner, w.token, w.amount + carried.fee)
        self.credit(sender, w.token, carried.fee)
        return True

    # Operators, tips, the governor -----------------------------------------------------------------------------------

    def set_operator(self, sender: str, operator: str, token: str, allowance: int, expires_at: int) -> None:
        self.operators[sender, operator, token] = allowance, expires_at

    def set_operator_with_signature(self, grant: OperatorGrant, signer: str) -> None:
        require(self.now <= grant.deadline, "DeadlinePassed")
        self.use_nonce(grant.requester, grant.token, grant.nonce)
        require(signer == grant.requester, "SignatureInvalid")
        self.set_operator(grant.requester, grant.operator, grant.token, grant.allowance, grant.expires_at)

    def tip(self, sender: str, giver: str, token: str, tips: Sequence[tuple[str, int]]) -> None:
        total = sum(amount for _, amount in tips)
        if sender != giver:
            self.spend(giver, sender, token, total)
        self.debit(giver, token, total)
        for receiver, amount in tips:
            require(receiver not in (NATIVE, self.escrow), "AddressInvalid")
            self.credit(receiver, token, amount)

    def set_protocol_fee(self, sender: str, fee_bps: int, treasury: str) -> None:
        require(sender == self.governor, "CallerNotGovernor")
        require(fee_bps <= 200, "FeeTooHigh")
        require(treasury not in (NATIVE, self.escrow), "AddressInvalid")
        self.fee_bps, self.treasury = fee_bps, treasury
