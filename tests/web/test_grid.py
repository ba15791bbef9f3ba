"""The slot grid is exact for small jobs and stays light for large ones."""

import xml.etree.ElementTree as ElementTree

from backend.web.grid import MOST_SQUARES, STATES, grid_svg, slots_a_square


def rectangles(states: list[str], **options: int) -> list[tuple[int, int, int, str]]:
    """x, y, width in squares, and state of every rectangle drawn."""
    root = ElementTree.fromstring(str(grid_svg(states, "a job", **options)))
    drawn = [r for r in root.findall("rect")]
    return [
        (int(r.get("x")) // 12, int(r.get("y")) // 12, int(r.get("width")) // 12, r.get("fill")[10:-1]) for r in drawn
    ]


def test_every_slot_is_drawn_once_in_its_state() -> None:
    states = [STATES[at % len(STATES)] for at in range(100)]
    drawn = {}
    for x, y, width, state in rectangles(states, columns=13):
        for at in range(x, x + width):
            assert (at, y) not in drawn
            drawn[at, y] = state
    assert [drawn[slot % 13, slot // 13] for slot in range(100)] == states


def test_a_hundred_thousand_slots_in_one_state_weigh_little() -> None:
    states = ["paid"] * 100_000
    assert len(str(grid_svg(states, "a job"))) < 20_000
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
