"""Fixtures that every room shares: one devnet a session with the contracts on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings

from piecework.chain.deploy import deploy
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.domain.typed_data import Key
from tests.support.devnet import anvil, keys

settings.register_profile("piecework", deadline=None)  # how quick an example is says how busy the machine is
settings.load_profile("piecework")


@dataclass(frozen=True)
class Chain:
    """A devnet with the escrow and its dollar on it."""

    rpc: Rpc
    deployment: Deployment
    deployer: Key
    requester: Key
    coordinator: Key
    relayer: Key
    bystander: Key


@pytest.fixture(scope="session")
def shared_chain() -> Iterator[Chain]:
    """One devnet for the whole run; a test that uses it must not mind what others did."""
    with anvil() as rpc:
        yield deployed(rpc)


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A devnet of the test's own, for what reorganises, stops or replaces the chain."""
    with anvil() as rpc:
        yield deployed(rpc)


def deployed(rpc: Rpc) -> Chain:
    """The contracts, put on a fresh devnet."""
    deployer, *others = keys()
    return Chain(rpc, deploy(Wallet(rpc, deployer), deployer.address), deployer, *others)
