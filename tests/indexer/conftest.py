"""Fixtures of the indexer's tests."""

from collections.abc import Iterator

import pytest

from tests.conftest import Chain, deployed
from tests.indexer.bench import bench
from tests.indexer.court import Court, everything
from tests.indexer.workshop import Workshop
from tests.support.databases import database_url  # noqa: F401  # a fixture
from tests.support.devnet import anvil


@pytest.fixture
def workshop(chain: Chain) -> Workshop:
    """A devnet of the test's own with everybody on it."""
    return Workshop(chain)


@pytest.fixture(scope="package")
def busy_workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A devnet on which everything has happened; tests only read it."""
    database = f"sqlite:///{tmp_path_factory.mktemp('busy')}/mirror.db"
    with anvil() as rpc:
        workshop = Workshop(deployed(rpc))
        workshop.everything()
        with bench(database, workshop) as mirror:
            everything(Court(workshop, mirror))
        yield workshop
