"""The requesters of a new chain, and the blocks that they fill."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from piecework.chain.abi import Abi
from piecework.chain.build import ROOT, Contract, compile_file
from piecework.chain.deploy import deploy
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet, wait_for_receipt
from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY
from scripts.bench.indexer.calldata import encode_run
from scripts.bench.indexer.node import ACCOUNTS
from scripts.bench.indexer.requester import Requester, Step
from tests.support.devnet import keys

BUSY = ROOT / "contracts" / "test" / "bench" / "Busy.sol"
CROWD = 3_000
LARGE_EVERY = 100_000
"""Events from one settlement of 10,000 slots to the next."""
GAS = 400_000_000
COINS = 10**20
"""Wei that each requester has for its deposits."""

Transaction = tuple[dict[str, str], int]


@dataclass(frozen=True)
class Block:
    """What is mined together, and how many events that makes."""

    transactions: list[dict[str, str]]
    events: int

    @classmethod
    def of(cls, transactions: Iterable[Transaction]) -> "Block":
        fields, events = zip(*transactions, strict=True)
        return cls(list(fields), sum(events))


class Street:
    """The requesters of a new chain, each behind an account of the node's own, so that they can share a block."""

    def __init__(self, rpc: Rpc, seed: int = 1) -> None:
        self.rpc, self._rng = rpc, random.Random(seed)
        deployer, _, self._coordinator, *_ = keys()
        rpc.call("evm_setAutomine", True)
        self.deployment = deploy(Wallet(rpc, deployer), deployer.address)
        busy = _busy()
        self._selector = bytes.fromhex(Abi(busy.abi).encode("run", self.deployment.escrow, [])[2:10])
        self._accounts = rpc.call("eth_accounts")[5:ACCOUNTS]
        self._crowd = ["0x" + keccak256(b"worker %d" % at)[-20:].hex() for at in range(CROWD)]
        self.requesters = [self._requester(account, busy.bytecode, at) for at, account in enumerate(self._accounts)]
        rpc.call("evm_setAutomine", False)
        self._nonces = dict.fromkeys(range(len(self._accounts)), 1)
        self._steps = [requester.steps() for requester in self.requesters]

    def _requester(self, account: str, bytecode: str, seed: int) -> Requester:
        sent = self.rpc.call("eth_sendTransaction", {"from": account, "data": bytecode, "gas": hex(2_000_000)})
        contract = wait_for_receipt(self.rpc, sent).contract
        assert contract
        self.rpc.call("anvil_setBalance", contract, hex(COINS))
        now = int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        return Requester(contract, self._coordinator, self.deployment.domain, self._crowd, now + 365 * DAY, seed)

    def blocks(self, events: int) -> Iterator[Block]:
        """Blocks with `events` events in all or a few more: first everybody's deposit, then ordinary ones with a large settlement
        at once and after every 100,000 events."""
        first = self.deposits()
        yield first
        made, larges = first.events, 0
        while made < events:
            if made >= larges * LARGE_EVERY:
                block, larges = self.large(0), larges + 1
            else:
                block = self._ordinary(events - made)
            made += block.events
            yield block

    def deposits(self) -> Block:
        """Everybody's deposit."""
        return Block.of(self.deposit(at) for at in range(len(self.requesters)))

    def deposit(self, at: int) -> Transaction:
        """One requester's deposit."""
        return self._transaction(at, [self.requesters[at].begin()])

    def large(self, at: int) -> Block:
        """A job of 10,000 slots and its settlement, by one of the requesters in turn."""
        at %= len(self.requesters)
        return Block.of([self._transaction(at, self.requesters[at].large())])

    def _ordinary(self, events: int) -> Block:
        """One to five requesters with about fifty events each at most; hardly more than `events` in all."""
        transactions: list[Transaction] = []
        for at in self._rng.sample(range(len(self.requesters)), self._rng.randint(1, 5)):
            wanted = min(self._rng.randint(24, 48), events - sum(made for _, made in transactions))
            if wanted > 0:
                transactions.append(self._transaction(at, _until(self._steps[at], wanted)))
        return Block.of(transactions)

    def _transaction(self, at: int, steps: Sequence[Step]) -> Transaction:
        """One requester's steps in one transaction, and how many events they make."""
        data = encode_run(self._selector, self.deployment.escrow, [step.call for step in steps])
        nonce, self._nonces[at] = self._nonces[at], self._nonces[at] + 1
        fields = {"from": self._accounts[at], "to": self.requesters[at].contract, "data": "0x" + data.hex()}
        return fields | {"gas": hex(GAS), "nonce": hex(nonce)}, sum(step.events for step in steps)


@cache
def _busy() -> Contract:
    """The requesters' contract, compiled."""
    return compile_file(BUSY, "Busy")


def _until(steps: Iterator[Step], events: int) -> list[Step]:
    some: list[Step] = []
    while sum(step.events for step in some) < events:
        some.append(next(steps))
    return some
