"""Fairness: floors, rejections that count, freezes, records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piecework.domain.errors import Invalid
from piecework.quality import fairness
from piecework.quality.fairness import Rejection, Review

DAY = 86_400


def test_the_hourly_rate_is_of_the_median_of_measured_times() -> None:
    found = fairness.hourly(50_000, [30, 20, 25, 3_000, 10], floor=8_000_000, expected_seconds=5)
    assert (found.rate, found.below) == (50_000 * 3_600 // 25, True)
    assert fairness.hourly(50_000, [1, 1], 0, expected_seconds=20).rate == 9_000_000
    with pytest.raises(Invalid, match="how long"):
        fairness.hourly(50_000, [], 0)


@given(st.integers(1, 10**30), st.floats(0.1, 10_000))
def test_the_least_reward_meets_the_floor_and_one_less_does_not(floor: int, seconds: float) -> None:
    reward = fairness.least_reward(floor, seconds)
    assert not fairness.hourly(reward, [], floor, seconds).below
    assert fairness.hourly(reward - 1, [], floor, seconds).below


def test_a_night_of_rejections_by_one_requester_counts_once() -> None:
    night = [Rejection("mass", at) for at in range(1_000)]
    assert fairness.counted_rejections(night) == 1
    assert fairness.counted_rejections([*night, Rejection("other", 5), Rejection("mass", DAY + 1), Rejection("x", 9, overturned=True)]) == 3


def test_a_batch_that_rejects_beyond_the_limit_is_frozen() -> None:
    assert [fairness.frozen(*row) for row in [(0, 19), (18, 2), (17, 3), (900, 100), (899, 101)]] == [False, False, True, False, True]


def test_a_record_is_what_happened() -> None:
    found = fairness.record([Review(0, True, paid_at=60), Review(0, True, paid_at=100), Review(0, False, overturned=True), Review(0, False)])
    assert (found.approval, found.rejection, found.overturned, found.seconds_to_pay) == (0.5, 0.5, 0.5, 80)
    assert fairness.record([]).approval is None
