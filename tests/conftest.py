"""Fixtures that every room shares: one devnet a session with the contracts on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from piecework.chain.deploy import deploy
from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.domain.typed_data import Key
from tests.support.devnet import anvil, keys

settings.register_profile("piecework", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # how quick an example is says how busy the machine is
settings.load_profile("piecework")

LONG_SECONDS = 600
DEAR = ("e2e", "stack", "web", "mturk", "backend", "indexer")
"""Rooms whose files take long, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files begin in the order of what they may take, so that no worker sits over a long one when the others have ended: first those that
    ask for more time than others get, then the dear rooms."""
    patience: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        patience[item.path] = max(patience.get(item.path, 0), 0 if mark is None else mark.args[0] or float("inf"))

    def turn(item: pytest.Item) -> tuple[bool, int]:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        return patience[item.path] < LONG_SECONDS, DEAR.index(room) if room in DEAR else len(DEAR)

    items.sort(key=turn)


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
