"""The real escrow on a real Anvil, asked and told by raw RPC, for the model to be held against."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from piecework.chain.abi import Abi
from piecework.chain.build import contract
from piecework.chain.deploy import create, deploy
from piecework.chain.escrow import encode_deposit, escrow_abi, token_abi
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import Wallet
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Domain, Key
from piecework.domain.units import NATIVE
from tests.contracts.dollar import DollarMessages
from tests.contracts.model.questions import jobs, money, words
from tests.contracts.model.recourse import Model
from tests.support.devnet import anvil, keys

GAS = 12_000_000
COURT_COST = 1_000
DOLLARS = 10**9
ALLOWED = 10**7
SAVINGS = 10**6
COINS = 10**20
BEGIN = 1_800_000_000
"""The chain's first instant."""


@cache
def council_abi() -> Abi:
    return Abi(contract("CouncilArbitrator").abi)


@cache
def error_names() -> dict[bytes, str]:
    """Every custom error that a call may end in, by its selector."""
    abis = (escrow_abi(), token_abi(), council_abi())
    return {selector: entry["name"] for abi in abis for selector, entry in abi.errors.items()}


@dataclass(frozen=True)
class World:
    """One chain with the contracts and the people on it."""

    rpc: Rpc
    escrow: str
    dollar: str
    council: str
    domain: Domain
    messages: DollarMessages
    cast: dict[str, Key]

    def address(self, name: str) -> str:
        return self.cast[name].address

    def accounts(self) -> list[str]:
        """Everybody whose money is looked at."""
        return [*(key.address for key in self.cast.values()), NATIVE, self.escrow, self.dollar, self.council]

    def ask(self, sender: str, to: str, data: str, value: int, now: int) -> tuple[str | None, str]:
        """What a call at that time would end in: the error's name, or None; and what it would return."""
        call = {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(GAS), "gasPrice": "0x0"}
        try:
            return None, self.rpc.call("eth_call", call, "latest", {}, {"time": hex(now)})
        except RpcRefused as refused:
            raw = bytes.fromhex((refused.data or "0x")[2:])
            return error_names()[raw[:4]] if raw else "", ""

    def tell(self, sender: str, to: str, data: str, value: int, now: int) -> None:
        """Makes the call, in a block of that time."""
        call = {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(GAS), "gasPrice": "0x0"}
        transaction = self.rpc.call("eth_sendTransaction", call)
        self.rpc.call("evm_mine", {"timestamp": now})
        receipt = self.rpc.call("eth_getTransactionReceipt", transaction)
        assert receipt["status"] == "0x1", "a call that was asked before failed when it was made"

    def differences(self, model: Model) -> list[str]:
        """Where the chain isn't as the model says, in words."""
        questions = [*money(model, self.accounts()), *jobs(model)]
        answers = self.rpc.batch([(question.method, question.params) for question in questions])
        pairs = zip(questions, answers, strict=True)
        return [f"{question}; the chain has {words(answer)}" for question, answer in pairs if words(answer) != question.expected]


NAMES = ("governor", "requester", "coordinator", "relayer", "operator", "ada", "ben", "stranger", "treasury", "member")


@contextmanager
def world() -> Iterator[tuple[World, Model]]:
    """A fresh chain and the model of it. Gas is free there, so that wallets hold round numbers of coins."""
    with anvil("--auto-impersonate", "--base-fee", "0", "--gas-price", "0", "--timestamp", str(BEGIN)) as rpc:
        cast = dict(zip(NAMES, [*keys(), *(Key(keccak256(name.encode())) for name in NAMES[5:])], strict=True))
        wallet = Wallet(rpc, cast["governor"])
        deployment = deploy(wallet, cast["governor"].address)
        council = create(wallet, "CouncilArbitrator", [cast["member"].address], COURT_COST).contract
        assert council
        messages = DollarMessages(rpc, deployment.token)
        here = World(rpc, deployment.escrow, deployment.token, council, deployment.domain, messages, cast)
        model = furnished(here)
        rpc.call("evm_setAutomine", False)
        yield here, model


def furnished(here: World) -> Model:
    """Everybody gets coins, most get dollars, and the model is told."""
    governor = here.address("governor")
    coinless = frozenset({here.dollar, here.council})
    model = Model(here.escrow, here.dollar, governor, coinless, treasury=governor, council=here.council)
    model.member, model.cost = here.address("member"), COURT_COST
    for name in here.cast:
        account = here.address(name)
        if name not in ("stranger", "treasury"):
            Wallet(here.rpc, here.cast["governor"]).send(here.dollar, token_abi().encode("mint", account, DOLLARS))
            model.wallets[account, here.dollar] = DOLLARS
    for name in ("requester", "ada", "ben", "relayer"):
        save(here, model, here.cast[name])
    for name in here.cast:
        here.rpc.call("anvil_setBalance", here.address(name), hex(COINS))
        model.wallets[here.address(name), NATIVE] = COINS
    model.wallets[here.escrow, NATIVE] = 4 * SAVINGS
    here.rpc.call("anvil_setBalance", NATIVE, "0x0")  # what making the world cost
    model.now = int(here.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    return model


def save(here: World, model: Model, key: Key) -> None:
    """Money in the ledger, in both tokens, and an allowance for more."""
    account, wallet = key.address, Wallet(here.rpc, key)
    here.rpc.call("anvil_setBalance", account, hex(COINS))
    wallet.send(here.dollar, token_abi().encode("approve", here.escrow, ALLOWED))
    model.approve(account, ALLOWED)
    for token, value in ((NATIVE, SAVINGS), (here.dollar, 0)):
        wallet.send(here.escrow, encode_deposit(token, SAVINGS), value)
        model.deposit(account, token, SAVINGS, value)
