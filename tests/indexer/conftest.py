"""Fixtures of the indexer's tests."""

from collections.abc import Iterator

import pytest

from tests.conftest import Chain, deployed
from tests.indexer.workshop import Workshop
from tests.support.databases import database_url  # noqa: F401  # a fixture
from tests.support.devnet import anvil


@pytest.fixture
def workshop(chain: Chain) -> Workshop:
    """A devnet of the test's own with everybody on it."""
    return Workshop(chain)


@pytest.fixture(scope="package")
def busy_workshop() -> Iterator[Workshop]:
    """A devnet on which everything has happened; tests only read it."""
    with anvil() as rpc:
        workshop = Workshop(deployed(rpc))
        workshop.everything()
        yield workshop
