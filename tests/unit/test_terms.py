"""Terms that the escrow would refuse are refused before anybody pays for gas."""

from dataclasses import replace

import pytest

from piecework.domain.errors import Invalid
from piecework.domain.terms import DAY, MAX_DURATION, MAX_EXTRA_DATA, MAX_WINDOW, MIN_APPEAL_WINDOW, Terms
from piecework.domain.units import NATIVE

NOW, FEE_BPS = 1_700_000_000, 100
SOMEBODY = "0x" + "11" * 20
GOOD = Terms(
    requester=SOMEBODY,
    operator=NATIVE,
    token=NATIVE,
    reward=50_000,
    fee=500,
    coordinator=SOMEBODY,
    arbitrator=NATIVE,
    arbitrator_extra_data=b"",
    contest_deposit=0,
    appeal_stake=0,
    closes_at=NOW + 7 * DAY,
    review_window=DAY,
    appeal_window=DAY,
    content_hash=bytes(32),
    salt=bytes(32),
)

EDGES = [
    ("arbitrator_extra_data", bytes(MAX_EXTRA_DATA), bytes(MAX_EXTRA_DATA + 1)),
    ("closes_at", NOW + 1, NOW),
    ("closes_at", NOW + MAX_DURATION, NOW + MAX_DURATION + 1),
    ("review_window", 0, -1),
    ("review_window", MAX_WINDOW, MAX_WINDOW + 1),
    ("appeal_window", MIN_APPEAL_WINDOW, MIN_APPEAL_WINDOW - 1),
    ("appeal_window", MAX_WINDOW, MAX_WINDOW + 1),
    ("contest_deposit", 2**128 - 1, 2**128),
    ("appeal_stake", 2**128 - 1, 2**128),
    ("fee", 500, 499),
    ("reward", 50_099, 0),
    ("requester", SOMEBODY, NATIVE),
    ("coordinator", SOMEBODY, NATIVE),
]


@pytest.mark.parametrize(("field", "good", "bad"), EDGES)
def test_a_value_at_the_edge_passes_and_one_over_it_does_not(field: str, good: object, bad: object) -> None:
    replace(GOOD, **{field: good}).check(NOW, FEE_BPS)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        replace(GOOD, **{field: bad}).check(NOW, FEE_BPS)  # type: ignore[arg-type]
