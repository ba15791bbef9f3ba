"""Puts the contracts on a chain, at the addresses that their code and arguments give them on every chain.

What is there already is found and used, so that a second run changes nothing and a run that was cut off is finished.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from eth_abi.exceptions import DecodingError

from piecework.chain import create2
from piecework.chain.abi import Abi
from piecework.chain.arguments import Arguments
from piecework.chain.build import contract, origin
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import token_abi, view
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import Receipt, wait_for_receipt
from piecework.domain.errors import Conflict, Invalid


class Sender(Protocol):
    """An account on a chain that signs and sends: our own wallet, or one of another tool's."""

    rpc: Rpc

    def send(self, to: str | None, data: str, value: int = 0) -> Receipt:
        """Sends one transaction and waits until it is mined."""


@dataclass(frozen=True, slots=True)
class Creation:
    """A contract, since when it is there, and the transaction that created it, if it is known."""

    address: str
    block_number: int
    transaction: str | None


def deploy(sender: Sender, governor: str, token: str | None = None) -> Deployment:
    """Puts the contracts on a devnet.

    Args:
        sender: pays the gas.
        governor: may set the fee of new jobs, and is the whole council.
        token: the ERC-20 that jobs pay in; None deploys a dollar that anyone may mint.
    """
    return Deployer(sender, Arguments.of_devnet(governor)).deploy(token)


def create(sender: Sender, name: str, *arguments: object) -> Receipt:
    """Creates one compiled contract plainly, at an address that follows from the sender."""
    return sender.send(None, creation_code(name, *arguments))


def creation_code(name: str, *arguments: object) -> str:
    """A compiled contract's creation code with its constructor's arguments, 0x hex."""
    compiled = contract(name)
    return compiled.bytecode + Abi(compiled.abi).encode_arguments(*arguments)


def _silent(sentence: str) -> None:
    """Says nothing."""


class Deployer:
    """One deployment.

    Args:
        sender: pays the gas.
        arguments: what the contracts are created with.
        before: what an earlier run wrote of this chain, whose record is kept.
        say: is told what happens, in sentences.
    """

    def __init__(
        self, sender: Sender, arguments: Arguments, before: Deployment | None = None, say: Callable[[str], None] = _silent
    ) -> None:
        self._sender, self._rpc = sender, sender.rpc
        self._arguments, self._before, self._say = arguments, before, say
        self._creations: dict[str, Creation] = {}
        self._proxied = False

    def deploy(self, token: str | None) -> Deployment:
        """Creates what isn't there yet; without a token, also a dollar that anyone may mint.

        Raises:
            Invalid: the token is none, or the node can't tell since when a contract that it has is there.
            Conflict, Unavailable: a transaction failed, or isn't mined in time.
        """
        symbol, decimals = self._token(token) if token else ("", 0)
        self._proxied = self._has_proxy() or self._make_proxy()
        escrow = self._put("Piecework", self._arguments.governor)
        bond = self._put("CoordinatorBond", escrow)
        council = self._put("CouncilArbitrator", self._arguments.members, self._arguments.fee)
        dollar = token or self._put("DevnetDollar")
        if token is None:
            symbol, decimals = self._token(dollar)
        made = Deployment(
            chain_id=int(self._rpc.call("eth_chainId"), 16),
            genesis_hash=self._rpc.call("eth_getBlockByNumber", "0x0", False)["hash"],
            escrow=escrow,
            recourse=str(view(self._rpc, Abi(contract("Piecework").abi), escrow, "recourse")),
            bond=bond,
            council=council,
            token=dollar,
            token_symbol=symbol,
            token_decimals=decimals,
            start_block=self._creations["Piecework"].block_number,
            devnet=token is None,
            origin=origin(),
            transactions={name: creation.transaction for name, creation in self._creations.items()},
        )
        return self._before if self._before and self._before.contracts == made.contracts else made

    def _token(self, token: str) -> tuple[str, int]:
        """A token's symbol and decimals."""
        try:
            symbol, decimals = (view(self._rpc, token_abi(), token, name) for name in ("symbol", "decimals"))
        except (DecodingError, RpcRefused):
            raise Invalid(f"What is at {token} on this chain is no token with a symbol and decimals (or nothing is there).") from None
        return str(symbol), int(str(decimals))

    # ------------------------------------------------------------------------------------------------ the proxy

    def _has_proxy(self) -> bool:
        return bool(self._code(create2.PROXY) == create2.PROXY_CODE)

    def _make_proxy(self) -> bool:
        """Whether this chain took the transaction that everybody may send."""
        try:
            missing = create2.PROXY_PRICE - int(self._rpc.call("eth_getBalance", create2.PROXY_MAKER, "latest"), 16)
            if missing > 0:
                self._sender.send(create2.PROXY_MAKER, "0x", missing)
            wait_for_receipt(self._rpc, self._rpc.call("eth_sendRawTransaction", create2.PROXY_TRANSACTION))
        except (RpcRefused, Conflict) as refused:
            self._say(
                f"This chain has no deterministic deployment proxy and takes none ({refused.sentence}) The contracts are created "
                "plainly, at addresses of this chain alone."
            )
            return False
        self._say(f"Put the deterministic deployment proxy at {create2.PROXY}.")
        return self._has_proxy()

    # ------------------------------------------------------------------------------------------------ the contracts

    def _put(self, name: str, *arguments: object) -> str:
        """A contract's address, after it was found or created."""
        code = creation_code(name, *arguments)
        address = create2.address_of(self._arguments.salt, code) if self._proxied else None
        creation = self._recorded(name, address, code) or self._found(name, address, code) or self._create(name, address, code)
        self._creations[name] = creation
        return creation.address

    def _recorded(self, name: str, address: str | None, code: str) -> Creation | None:
        """What an earlier run wrote down, where it is what this one would create."""
        if self._before is None or name not in self._before.transactions:
            return None
        there, transaction = self._before.contracts[name], self._before.transactions[name]
        if not self._has_code(there):
            return None
        if address is None and transaction is not None:
            sent = self._rpc.call("eth_getTransactionByHash", transaction)
            same = sent is not None and sent["input"] == code
        else:
            same = address == there
        return Creation(there, self._before.start_block, transaction) if same else None

    def _found(self, name: str, address: str | None, code: str) -> Creation | None:
        """What somebody has created already: the code is in the address, so it doesn't matter who."""
        if address is None or not self._has_code(address):
            return None
        number = self._first_block(address)
        block = self._rpc.call("eth_getBlockByNumber", hex(number), True)
        wanted = (create2.PROXY, create2.call_of(self._arguments.salt, code))
        hashes = [sent["hash"] for sent in block["transactions"] if ((sent["to"] or "").lower(), sent["input"]) == wanted]
        self._say(f"{name} is at {address} already, since block {number}.")
        return Creation(address, number, hashes[0] if hashes else None)

    def _create(self, name: str, address: str | None, code: str) -> Creation:
        if address is None:
            receipt = self._sender.send(None, code)
        else:
            receipt = self._sender.send(create2.PROXY, create2.call_of(self._arguments.salt, code))
        created = address or receipt.contract
        assert created
        self._say(f"{name} created at {created}, in block {receipt.block_number}.")
        return Creation(created, receipt.block_number, receipt.transaction_hash)

    def _first_block(self, address: str) -> int:
        """The block that created a contract: back in ever longer steps, because nodes forget old state, then halving."""
        there = int(self._rpc.call("eth_blockNumber"), 16)
        head, distance = there, 1
        while (without := head - distance) >= 0 and self._has_code(address, without):
            there, distance = without, 2 * distance
        without = max(without, -1)
        while there - without > 1:
            middle = (there + without) // 2
            if self._has_code(address, middle):
                there = middle
            else:
                without = middle
        return there

    def _has_code(self, address: str, block: int | None = None) -> bool:
        try:
            return self._code(address, "latest" if block is None else hex(block)) not in ("0x", None)
        except RpcRefused as refused:
            raise Invalid(
                f"The node doesn't say whether {address} had code in block {block} ({refused.message}): it keeps no old state. "
                "Ask an archive node, once: the deployment file remembers."
            ) from refused

    def _code(self, address: str, block: str = "latest") -> str | None:
        code: str | None = self._rpc.call("eth_getCode", address, block)
        return code
