"""Buckets that fill with time, and whose word on a client's address is taken."""

import pytest

from backend.api.guard import Proxies, matches
from backend.api.limits import BURST_SECONDS, Buckets, Limits, TooOften
from piecework.domain.errors import Invalid


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(2, clock)
    assert all(buckets.take("a") is None for _ in range(2 * BURST_SECONDS))
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") is None, "another's bucket"
    clock.now = 0.5
    assert buckets.take("a") is None
    assert buckets.take("a") is not None


def test_waiting_in_vain_costs_nothing() -> None:
    clock = Clock()
    buckets = Buckets(0.1, clock)
    assert buckets.take("a") is None
    for clock.now in (1.0, 2.0, 9.0):
        assert buckets.take("a") is not None
    clock.now = 10.1
    assert buckets.take("a") is None


def test_a_rate_of_nothing_is_no_limit() -> None:
    assert all(Buckets(0).take("a") is None for _ in range(10_000))


def test_an_account_that_asks_too_often_is_told_how_long_to_wait() -> None:
    limits = Limits(0, 0.1, 0, Clock())
    limits.account("0x1")
    with pytest.raises(TooOften, match="10 s") as told:
        limits.account("0x1")
    assert told.value.wait == pytest.approx(10)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "1.2.3.4", "9.9.9.9", "1.2.3.4"),
        ("1.2.3.4", "1.2.3.4", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.0/8", "10.1.1.1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.0/8", "10.1.1.1", "6.6.6.6, 9.9.9.9, 10.2.2.2", "9.9.9.9"),
        ("10.0.0.0/8", "10.1.1.1", "", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", "nonsense", "nonsense"),
        ("::1", "::1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_who_asks(trusted: str, peer: str, forwarded: str, client: str) -> None:
    assert Proxies("PIECEWORK_TRUSTED_PROXIES", trusted).client(peer, forwarded) == client


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(Invalid, match="PIECEWORK_TRUSTED_PROXIES"):
        Proxies("PIECEWORK_TRUSTED_PROXIES", "example.org")


def test_a_tag_is_found_in_a_list_weak_or_strong() -> None:
    assert matches('"a", W/"b"', '"b"') and matches("*", '"c"') and not matches('"a"', '"b"')
