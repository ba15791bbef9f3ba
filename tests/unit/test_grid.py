"""The slot grid is exact for small jobs and stays light for large ones."""

import itertools
import xml.etree.ElementTree as ElementTree

import pytest

from backend.web.grid import MOST_SQUARES, STATES, grid_svg, slots_a_square


def rectangles(states: list[str], **options: int) -> list[tuple[int, int, int, int, str]]:
    """x, y, width and height in squares, and state of every rectangle drawn."""
    root = ElementTree.fromstring(str(grid_svg(states, "a job", **options)))
    drawn = [r for r in root.findall("rect")]
    return [
        (*(int(r.get(name)) // 12 for name in ("x", "y", "width", "height")), r.get("fill")[10:-1]) for r in drawn
    ]


@pytest.mark.parametrize("run", (1, 5, 13, 40))
def test_every_slot_is_drawn_once_in_its_state(run: int) -> None:
    states = [STATES[at // run % len(STATES)] for at in range(100)]
    drawn = {}
    for x, y, width, height, state in rectangles(states, columns=13):
        for place in itertools.product(range(x, x + width), range(y, y + height)):
            assert place not in drawn
            drawn[place] = state
    assert [drawn[slot % 13, slot // 13] for slot in range(100)] == states


def test_a_square_of_several_slots_shows_what_most_of_them_are() -> None:
    states = ["paid"] * 6 + ["free"] * 3
    assert rectangles(states, columns=3, most_squares=3) == [(0, 0, 2, 1, "paid"), (2, 0, 1, 1, "free")]


def test_a_hundred_thousand_slots_in_one_state_weigh_little() -> None:
    states = ["paid"] * 100_000
    assert len(str(grid_svg(states, "a job"))) < 5_000
    assert slots_a_square(100_000) * MOST_SQUARES >= 100_000


def test_a_label_cannot_break_out_of_the_picture() -> None:
    assert '"><script' not in str(grid_svg(["free"], '"><script>'))


def test_each_state_has_its_own_mark_or_shape() -> None:
    root = ElementTree.fromstring(str(grid_svg(["free"], "a job")))
    looks = [
        (pattern.get("id"), "".join(ElementTree.tostring(part, "unicode") for part in pattern)[:400])
        for pattern in root.iter("pattern")
    ]
    assert [name for name, _ in looks] == [f"slot-{state}" for state in STATES]
    assert len({look for _, look in looks}) == len(STATES)
