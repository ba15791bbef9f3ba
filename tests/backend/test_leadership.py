"""A lease: one process's for as long as it renews it, and another's as soon as it has been silent for as long as a lease lasts."""

import time
from datetime import UTC, datetime

import pytest

from backend.services.leadership import Leadership
from backend.store.database import Store
from piecework.domain.errors import Unavailable
from tests.support.databases import prepare


def test_a_lease_that_nobody_renews_is_anothers_after_the_seconds_that_the_store_was_told(database_url: str) -> None:
    prepare(database_url)
    store = Store(database_url, lease_seconds=0.6)
    try:
        first, second = (Leadership(store, "settler", lambda: datetime.fromtimestamp(time.time(), UTC)) for _ in range(2))
        begun = time.monotonic()
        assert first.acquire()
        while time.monotonic() - begun < 1.5:
            assert first.acquire() and not second.acquire(), "it is renewed long before it ends"
            time.sleep(0.02)
        silent = time.monotonic()
        while not second.acquire():
            assert time.monotonic() - silent < 5
            time.sleep(0.02)
        assert 0.3 < time.monotonic() - silent, "what was renewed at the last moment lasts for two thirds of it at least"
        with pytest.raises(Unavailable), store.read() as connection:
            first.require(connection)
        assert not first.held
    finally:
        store.close()


def test_who_renews_a_lease_holds_it_meanwhile(store: Store) -> None:
    store.lease_seconds, seen = 0.3, list[bool]()

    def clock() -> datetime:
        """Read in the middle of the transaction that takes the lease."""
        seen.append(leader.held)
        return datetime.fromtimestamp(time.time(), UTC)

    leader = Leadership(store, "settler", clock)
    assert leader.acquire()
    time.sleep(0.15)
    assert leader.acquire()
    assert seen == [False, True]
