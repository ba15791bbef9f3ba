"""One file, one address on every chain: found where it is, finished where it was cut off, and plain where no proxy can be."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from piecework.chain import create2
from piecework.chain.arguments import Arguments
from piecework.chain.deploy import Deployer
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import Receipt, Wallet
from piecework.domain.errors import Invalid, Unavailable
from tests.support.devnet import anvil, ganache, keys

DEPLOYER, OTHER = keys()[0], keys()[4]
ARGUMENTS = Arguments(OTHER.address, b"\x07" * 32, (DEPLOYER.address, OTHER.address), 10**15, {})
SALTED = replace(ARGUMENTS, salt=bytes(32))
GOVERNED = replace(ARGUMENTS, governor=DEPLOYER.address)


class Mortal:
    """A wallet that is cut off after so many transactions."""

    def __init__(self, rpc: Rpc, lives: int) -> None:
        self.rpc, self._wallet, self._lives = rpc, Wallet(rpc, DEPLOYER), lives

    def send(self, to: str | None, data: str, value: int = 0) -> Receipt:
        if self._lives == 0:
            raise Unavailable("cut off")
        self._lives -= 1
        return self._wallet.send(to, data, value)


class Forgetful(Rpc):
    """A node that keeps no old state, as most do."""

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getCode" and params[1] != "latest":
            raise RpcRefused(method, -32000, "missing trie node", None)
        return super().call(method, *params)


def deployed(
    rpc: Rpc, before: Deployment | None = None, said: list[str] | None = None, arguments: Arguments = ARGUMENTS
) -> Deployment:
    return Deployer(Wallet(rpc, DEPLOYER), arguments, before, (said if said is not None else []).append).deploy(None)


def blocks(rpc: Rpc) -> int:
    return int(rpc.call("eth_blockNumber"), 16)


@pytest.fixture
def chain() -> Iterator[Rpc]:
    with anvil() as rpc:
        yield rpc


@pytest.fixture(params=["0x", "0x00"], ids=["no proxy", "something else"])
def proxyless(request: pytest.FixtureRequest) -> Iterator[Rpc]:
    """A chain whose gas is dearer than what the proxy's transaction offers, so that it takes none."""
    with anvil("--base-fee", str(200 * 10**9)) as rpc:
        rpc.call("anvil_setCode", create2.PROXY, request.param)
        yield rpc


@pytest.mark.parametrize("network", [lambda: anvil("--chain-id", "8453042"), ganache], ids=["another anvil", "ganache"])
def test_the_same_arguments_give_the_same_addresses_on_every_chain(
    chain: Rpc, network: Callable[[], AbstractContextManager[Rpc]]
) -> None:
    here = deployed(chain)
    with network() as rpc:
        there = deployed(rpc)
        assert there.chain_id != here.chain_id and there.contracts == here.contracts
        assert all(rpc.call("eth_getCode", address, "latest") != "0x" for address in there.contracts.values())


@pytest.mark.parametrize("arguments", [GOVERNED, SALTED], ids=["governor", "salt"])
def test_other_arguments_give_others(chain: Rpc, arguments: Arguments) -> None:
    one, other = deployed(chain), deployed(chain, arguments=arguments)
    assert one.escrow != other.escrow and one.bond != other.bond and one.recourse != other.recourse


def test_a_second_run_sends_nothing_with_or_without_the_first_ones_file(chain: Rpc) -> None:
    first = deployed(chain)
    height, said = blocks(chain), list[str]()
    assert deployed(chain, first) == first
    assert deployed(chain, None, said) == first
    assert blocks(chain) == height
    assert f"Piecework is at {first.escrow} already, since block {first.start_block}." in said


@pytest.mark.parametrize("lives", range(4))
@pytest.mark.parametrize("later", [0, 1, 2, 9])
def test_a_run_that_was_cut_off_is_finished(chain: Rpc, lives: int, later: int) -> None:
    """The creations stand in blocks 1 to 4, whoever made them and however long ago."""
    with pytest.raises(Unavailable):
        Deployer(Mortal(chain, lives), ARGUMENTS).deploy(None)
    chain.call("anvil_mine", hex(later))
    made = deployed(chain)
    assert blocks(chain) == 4 + later
    assert made.start_block == (1 if lives else 1 + later)
    for number, (name, transaction) in enumerate(made.transactions.items()):
        assert transaction is not None
        mined = chain.call("eth_getTransactionReceipt", transaction)
        assert int(mined["blockNumber"], 16) == number + 1 + (later if number >= lives else 0), name


def test_what_somebody_else_has_created_is_used(chain: Rpc) -> None:
    theirs = Deployer(Wallet(chain, OTHER), ARGUMENTS).deploy(None)
    assert deployed(chain) == theirs


def test_a_record_keeps_what_the_chain_forgot(chain: Rpc) -> None:
    """With the first run's file no old block is asked for; without it, an archive node is."""
    first = deployed(chain)
    assert deployed(Forgetful(chain.url), first) == first
    with pytest.raises(Invalid, match="it keeps no old state. Ask an archive node"):
        deployed(Forgetful(chain.url))


def test_other_arguments_make_a_record_of_their_own(chain: Rpc) -> None:
    first = deployed(chain)
    second = deployed(chain, first, arguments=GOVERNED)
    assert second.start_block == 5 and second.council == first.council
    assert second.transactions["CouncilArbitrator"] == first.transactions["CouncilArbitrator"]
    assert second.transactions["Piecework"] != first.transactions["Piecework"]


def test_where_the_proxy_is_refused_the_contracts_are_created_plainly(proxyless: Rpc) -> None:
    said: list[str] = []
    first = deployed(proxyless, None, said)
    assert any("takes none" in sentence and "at addresses of this chain alone" in sentence for sentence in said)
    assert first.contracts["Piecework"] != create2.PROXY
    height = blocks(proxyless)
    assert deployed(proxyless, first) == first
    assert blocks(proxyless) == height
    other = deployed(proxyless, first, arguments=GOVERNED)
    assert other.escrow != first.escrow and other.council == first.council


def test_a_token_that_is_none_is_refused_before_anything_is_created(chain: Rpc) -> None:
    for address in ("0x" + "12" * 20, create2.PROXY):
        with pytest.raises(Invalid, match=f"What is at {address} on this chain is no token"):
            Deployer(Wallet(chain, DEPLOYER), ARGUMENTS).deploy(address)
    assert blocks(chain) == 0


def test_a_token_that_is_there_is_kept(chain: Rpc) -> None:
    token = deployed(chain, arguments=SALTED).token
    made = Deployer(Wallet(chain, DEPLOYER), ARGUMENTS).deploy(token)
    assert (made.token, made.token_symbol, made.token_decimals, made.devnet) == (token, "DEVUSD", 6, False)
    assert "DevnetDollar" not in made.transactions
