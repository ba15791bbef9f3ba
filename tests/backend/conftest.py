"""Fixtures of the coordinator's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.store.database import Store
from tests.backend.workshop import Works, works
from tests.conftest import Chain
from tests.support.databases import database_url, prepare

__all__ = ["database_url"]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, once on each database."""
    prepare(database_url)
    opened = Store(database_url)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def running(shared_chain: Chain, database_url: str, tmp_path: Path) -> Iterator[Works]:
    """A marketplace of the test's own on the shared chain, once on each database."""
    with works(shared_chain, database_url, tmp_path) as market:
        yield market


@pytest.fixture(scope="module")
def market(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace on SQLite that the tests of a module share."""
    folder = tmp_path_factory.mktemp("market")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder) as shared:
        yield shared
