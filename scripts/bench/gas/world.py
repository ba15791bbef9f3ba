"""A fresh chain under Osaka's rules with the contracts on it, and accounts that nothing has touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from eth_account import Account

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deploy import create, deploy
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import encode_deposit, escrow_abi, token_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Receipt, Wallet
from piecework.domain.keccak import keccak256
from piecework.domain.terms import DAY, Terms
from piecework.domain.typed_data import Key
from piecework.domain.units import NATIVE
from tests.support.devnet import anvil, keys

TRANSACTION_GAS = 2**24
"""What EIP-7825 allows one transaction; the chain's blocks are no larger, so that nothing here can need more."""
REWARD = 50_000
COURT_PRICE = 10**15
FOREVER = 2**255


@dataclass
class World:
    """A chain, the contracts, and the parties; `requester()` and `workers()` are new each time."""

    rpc: Rpc
    deployment: Deployment
    deployer: Key
    coordinator: Key
    relayer: Key
    member: Key
    council: str
    bond: str
    names: Iterator[int] = field(default_factory=count)

    def send(self, key: Key, to: str, data: str, value: int = 0) -> Receipt:
        """One transaction, mined."""
        return Wallet(self.rpc, key, escrow_abi()).send(to, data, value)

    def escrow(self, key: Key, data: str, value: int = 0) -> Receipt:
        """One call of the escrow, mined."""
        return self.send(key, self.deployment.escrow, data, value)

    def token(self, key: Key, name: str, *arguments: object) -> Receipt:
        """One call of the token, mined."""
        return self.send(key, self.deployment.token, token_abi().encode(name, *arguments))

    def vote(self, dispute: int, ruling: int) -> Receipt:
        """The vote of the council's only member, which decides."""
        data = Abi(contract("CouncilArbitrator").abi).encode("vote", dispute, ruling, "")
        return self.send(self.member, self.council, data)

    def person(self) -> Key:
        """Somebody new with coins for gas and no token."""
        key = Key(keccak256(b"person %d" % next(self.names)))
        self.rpc.call("anvil_setBalance", key.address, hex(10**21))
        return key

    def requester(self) -> Key:
        """Somebody new with coins and tokens."""
        key = self.person()
        self.token(self.deployer, "mint", key.address, 10**15)
        return key

    def workers(self, number: int, warm: bool = False) -> tuple[str, ...]:
        """New addresses; where `warm`, they hold the token already."""
        addresses = tuple("0x" + keccak256(b"worker %d" % next(self.names))[-20:].hex() for _ in range(number))
        for address in addresses if warm else ():
            self.token(self.deployer, "mint", address, 1)
        return addresses

    def now(self) -> int:
        """The chain's time, Unix seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def wait(self, seconds: int) -> None:
        """Lets the chain's time pass."""
        self.rpc.call("evm_increaseTime", seconds)
        self.rpc.call("evm_mine")

    def terms(self, requester: Key, token: str | None = None, fee: int = 0) -> Terms:
        """A job's terms, with windows of a day and the council as its arbitrator."""
        return Terms(
            requester=requester.address,
            operator=NATIVE,
            token=self.deployment.token if token is None else token,
            reward=REWARD,
            fee=fee,
            coordinator=self.coordinator.address,
            arbitrator=self.council,
            arbitrator_extra_data=b"",
            contest_deposit=REWARD,
            appeal_stake=REWARD,
            closes_at=self.now() + 7 * DAY,
            review_window=DAY,
            appeal_window=DAY,
            content_hash=keccak256(b"content"),
            salt=keccak256(b"salt %d" % next(self.names)),
        )

    def permit(self, owner: Key, amount: int) -> bytes:
        """An owner's first ERC-2612 permit for the escrow, good for ever."""
        fields = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
        signed = Account.sign_typed_data(
            owner.secret,
            {
                "name": "Devnet Dollar",
                "version": "1",
                "chainId": self.deployment.chain_id,
                "verifyingContract": self.deployment.token,
            },
            {"Permit": [{"name": name, "type": kind} for name, kind in fields.items()]},
            {"owner": owner.address, "spender": self.deployment.escrow, "value": amount, "nonce": 0, "deadline": FOREVER},
        )
        return bytes(signed.signature)


@contextmanager
def fresh_world() -> Iterator[World]:
    """The chain for as long as the block runs. The escrow has held the token before, as in any market that is in use."""
    with anvil("--gas-limit", str(TRANSACTION_GAS), "--steps-tracing", hardfork="osaka") as rpc:
        deployer, member, coordinator, relayer, _ = keys()
        wallet = Wallet(rpc, deployer)
        deployment = deploy(wallet, deployer.address)
        council = create(wallet, "CouncilArbitrator", [member.address], COURT_PRICE).contract
        bond = create(wallet, "CoordinatorBond", deployment.escrow).contract
        assert council and bond
        world = World(rpc, deployment, deployer, coordinator, relayer, member, council, bond)
        world.token(deployer, "mint", deployer.address, 10**9)
        world.token(deployer, "approve", deployment.escrow, 10**9)
        world.escrow(deployer, encode_deposit(deployment.token, 1))
        yield world
