"""Fixtures of the faults: what the indexer's other tests have, and wires that break."""

from collections.abc import Iterator

import pytest

from tests.indexer.workshop import Workshop
from tests.support.proxy import Proxy, proxy


@pytest.fixture
def node(workshop: Workshop) -> Iterator[Proxy]:
    """A proxy before the test's own devnet."""
    with proxy(workshop.rpc.url) as opened:
        yield opened


@pytest.fixture
def busy_node(busy_workshop: Workshop) -> Iterator[Proxy]:
    """A proxy before the devnet on which everything has happened."""
    with proxy(busy_workshop.rpc.url) as opened:
        yield opened
