"""Plays requester, workers, relayer and governor on a devnet, so that the escrow says all that it can say."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from piecework.chain.escrow import (
    Escrow,
    SignedBatch,
    encode_close,
    encode_post,
    encode_relayed_withdrawal,
    encode_settle,
    encode_withdraw,
    escrow_abi,
    token_abi,
)
from piecework.chain.escrow import SOURCES as FUNDING_SOURCES
from piecework.chain.wallet import Receipt, Wallet, sign_transaction
from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY, Batch, Terms, protocol_fee
from piecework.domain.typed_data import Key, Withdrawal
from piecework.domain.units import NATIVE
from tests.conftest import Chain

PLENTY = 2**160
PUSH_GAS = 60_000


def worker(number: int) -> Key:
    """One of as many workers as a test likes; none of them has money."""
    return Key(keccak256(b"worker %d" % number))


class Workshop:
    """Everybody around one escrow; the requester and the bystander start with plenty of dollars and an allowance.

    Attributes:
        accounts: (account, token) of everybody who may have a ledger balance.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain, self.rpc, self.deployment = chain, chain.rpc, chain.deployment
        self.token, self.domain = chain.deployment.token, chain.deployment.domain
        self.escrow = Escrow(chain.rpc, chain.deployment.escrow)
        self.accounts: set[tuple[str, str]] = set()
        self._salts = itertools.count(1)
        for key in (chain.requester, chain.bystander):
            self.send(key, self.token, token_abi().encode("mint", key.address, PLENTY))
            self.send(key, self.token, token_abi().encode("approve", self.escrow.address, PLENTY))

    def send(self, key: Key, to: str, data: str, value: int = 0) -> Receipt:
        return Wallet(self.rpc, key, escrow_abi()).send(to, data, value)

    def call(self, key: Key, data: str, value: int = 0) -> Receipt:
        """A transaction to the escrow."""
        return self.send(key, self.escrow.address, data, value)

    def now(self) -> int:
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def terms(self, reward: int = 1_000, token: str | None = None, duration: int = 30 * DAY) -> Terms:
        """Terms that no other job has."""
        salt = next(self._salts)
        return Terms(
            requester=self.chain.requester.address,
            operator=NATIVE,
            token=self.token if token is None else token,
            reward=reward,
            fee=protocol_fee(reward, self.escrow.fee_bps()),
            coordinator=self.chain.coordinator.address,
            arbitrator=NATIVE,
            arbitrator_extra_data=b"\x01\x02",
            contest_deposit=3,
            appeal_stake=2**128 - 1,
            closes_at=self.now() + duration,
            review_window=DAY,
            appeal_window=2 * DAY,
            content_hash=keccak256(b"content %d" % salt),
            salt=salt.to_bytes(32),
        )

    def post(self, terms: Terms, slots: int, source: str = "wallet") -> bytes:
        """Posts a job as the requester; returns its id."""
        self.accounts.add((terms.requester, terms.token))
        value = slots * terms.price if terms.token == NATIVE and source == "wallet" else 0
        self.call(self.chain.requester, encode_post(terms, slots, source), value)
        return self.domain.job_id(terms)

    def fund(self, terms: Terms, first_slot: int, slots: int, source: str = "wallet") -> Receipt:
        arguments = (terms.as_tuple(), first_slot, slots, keccak256(b"more"), FUNDING_SOURCES[source])
        return self.call(self.chain.requester, escrow_abi().encode("fund", *arguments))

    def batch(self, terms: Terms, first_slot: int, workers: Sequence[str], places: bytes) -> Batch:
        self.accounts |= {(account, terms.token) for account in workers}
        return Batch(self.domain.job_id(terms), first_slot, tuple(workers), places, keccak256(places))

    def settlement(self, terms: Terms, batches: Sequence[Batch], credit_only: frozenset[str], push_gas: int) -> str:
        """Calldata of a settlement with both signatures on every batch."""
        signed = []
        for batch in batches:
            digest = self.domain.batch_digest(batch)
            approval = self.domain.approval_digest(digest, batch.named, batch.named * terms.price)
            signatures = (self.chain.coordinator.sign(digest), self.chain.requester.sign(approval))
            signed.append(SignedBatch(batch, *signatures))
        return encode_settle(terms, signed, credit_only, push_gas)

    def settle(
        self, terms: Terms, *batches: Batch, credit_only: frozenset[str] = frozenset(), push_gas: int = PUSH_GAS
    ) -> Receipt:
        return self.call(self.chain.relayer, self.settlement(terms, batches, credit_only, push_gas))

    def deposit(self, key: Key, amount: int, token: str | None = None) -> Receipt:
        token = self.token if token is None else token
        self.accounts.add((key.address, token))
        value = amount if token == NATIVE else 0
        return self.call(key, escrow_abi().encode("deposit", token, amount), value)

    def raw_deposit(self, key: Key, amount: int) -> str:
        """A signed deposit that isn't sent yet."""
        self.accounts.add((key.address, self.token))
        nonce = int(self.rpc.call("eth_getTransactionCount", key.address, "pending"), 16)
        data = escrow_abi().encode("deposit", self.token, amount)
        return sign_transaction(self.rpc, key, self.escrow.address, data, 0, nonce)[1]

    def withdraw(self, key: Key, amount: int, receiver: str, token: str | None = None) -> Receipt:
        return self.call(key, encode_withdraw(self.token if token is None else token, amount, receiver))

    def relay(self, owner: Key, amount: int, fee: int, receiver: str, relayer: Key | None = None) -> Receipt:
        """A withdrawal that `owner` signs and somebody else carries."""
        relayer = relayer or self.chain.relayer
        self.accounts |= {(owner.address, self.token), (relayer.address, self.token)}
        nonce = self.escrow.nonce_of(owner.address, self.token)
        withdrawal = Withdrawal(owner.address, self.token, receiver, amount, fee, nonce, self.now() + DAY)
        signature = owner.sign(self.domain.withdrawal_digest(withdrawal))
        return self.call(relayer, encode_relayed_withdrawal(withdrawal, fee, signature))

    def close(self, terms: Terms) -> Receipt:
        """Closes a job, after its time has come."""
        self.wait_until(terms.closes_at)
        return self.call(self.chain.bystander, encode_close(terms))

    def wait_until(self, instant: int) -> None:
        """Mines a block of that time, unless the newest one is as late."""
        if self.now() < instant:
            self.rpc.call("evm_increaseTime", instant - self.now())
            self.rpc.call("evm_mine")

    def set_fee(self, fee_bps: int, treasury: str) -> Receipt:
        self.accounts |= {(treasury, self.token), (treasury, NATIVE)}
        return self.call(self.chain.deployer, escrow_abi().encode("setProtocolFee", fee_bps, treasury))

    def head(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def mine(self, blocks: int) -> None:
        self.rpc.call("anvil_mine", hex(blocks))

    def everything(self, rounds: int = 1) -> None:
        """Every kind of event at least once, some of them in one block's neighbourhood; more of it in every round."""
        chain, treasury = self.chain, worker(99).address
        for number in range(rounds):
            self.set_fee(137, treasury)
            self.deposit(chain.requester, 10_000_000 + number)
            a, b, c = (worker(number * 3 + i) for i in range(3))
            terms = self.terms(reward=10_007)
            self.post(terms, 20, "ledger")
            self.fund(terms, 20, 5, "ledger")
            table = [a.address, b.address, chain.requester.address, c.address]
            first = self.batch(terms, 0, table[:2], bytes([1, 2, 0, 1, 2, 2]))
            second = self.batch(terms, 4, table, bytes([1, 1, 3, 4, 4, 0, 1]))
            self.settle(terms, first, second, credit_only=frozenset({b.address, c.address}))
            self.relay(b, 5_000, 11, b.address)
            self.withdraw(chain.requester, 17, chain.bystander.address)
            coins = replace(self.terms(reward=10**15, token=NATIVE))
            self.post(coins, 4)
            self.settle(coins, self.batch(coins, 1, [c.address], b"\x01\x01"), push_gas=0)
            self.close(terms)
