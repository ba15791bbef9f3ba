"""The slot grid: a job drawn as small squares, one a slot, each in its state.

Neighbours in one state are one rectangle filled with that state's pattern, so a job of 100,000 paid slots weighs as little as one
of three. Above `MOST_SQUARES` a square stands for several slots and shows the state that most of them are in.
"""

from collections import Counter
from collections.abc import Sequence
from math import ceil, isqrt

from markupsafe import Markup, escape

STATES = (
    *("free", "reserved", "committed", "revealed", "approved", "rejected", "batched"),
    *("opened", "contested", "appealed", "refunded", "paid", "cancelled"),
)
"""In the order of a slot's life; the words of the legend."""

CELL = 12
"""Pixels from one square to the next."""
WIDEST = 72
"""Squares a row at most: as wide as the page."""
MOST_SQUARES = 6000


def slots_a_square(slots: int, most_squares: int = MOST_SQUARES) -> int:
    """How many slots one square stands for."""
    return max(1, ceil(slots / most_squares))


def grid_svg(
    states: Sequence[str], label: str, columns: int | None = None, most_squares: int = MOST_SQUARES
) -> Markup:
    """An SVG of one square a slot (or a few), in rows.

    Args:
        states: a state of `STATES` for every slot, in the order of the slots.
        label: what a screen reader says.
        columns: squares a row; by default about three times as wide as high.
        most_squares: above as many slots, a square stands for several.
    """
    squares = _gather(states, slots_a_square(len(states), most_squares))
    columns = columns or max(1, min(len(squares), WIDEST, isqrt(3 * len(squares))))
    rows = ceil(len(squares) / columns) or 1
    marks = [_rectangle(*block) for block in _blocks(squares, columns, rows)]
    return Markup(
        '<svg class="grid" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-label="{label}">{defs}{marks}</svg>'
    ).format(w=columns * CELL, h=rows * CELL, label=label, defs=_patterns(), marks=Markup("").join(marks))


def _gather(states: Sequence[str], size: int) -> list[str]:
    if size == 1:
        return list(states)
    return [Counter(states[at : at + size]).most_common(1)[0][0] for at in range(0, len(states), size)]


Block = tuple[int, int, int, int, str]
"""x, y, width and height in squares, and the state."""


def _blocks(squares: Sequence[str], columns: int, rows: int) -> list[Block]:
    """Rectangles of one state: runs along a row, and whole rows below each other."""
    blocks: list[Block] = []
    for y in range(rows):
        runs = _runs(squares[y * columns : (y + 1) * columns], y)
        above = blocks[-1] if blocks else None
        if above and len(runs) == 1 and above[2] == columns == runs[0][2] and above[4] == runs[0][4]:
            x, top, width, height, state = above
            blocks[-1] = (x, top, width, height + 1, state)
        else:
            blocks += runs
    return blocks


def _runs(row: Sequence[str], y: int) -> list[Block]:
    runs: list[Block] = []
    for x, state in enumerate(row):
        if runs and runs[-1][4] == state:
            start, _, length, _, _ = runs[-1]
            runs[-1] = (start, y, length + 1, 1, state)
        else:
            runs.append((x, y, 1, 1, state))
    return runs


def _rectangle(x: int, y: int, width: int, height: int, state: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="url(#slot-{})"/>').format(
        x * CELL, y * CELL, width * CELL, height * CELL, state
    )


def _patterns() -> Markup:
    """A square a state: colour from the stylesheet, and a mark inside, so that no state is told by colour alone."""
    marks = {
        "free": "",
        "reserved": '<path class="mark" d="M5 2v6"/>',
        "committed": '<path class="mark" d="M2 5h6"/>',
        "revealed": '<circle class="mark" cx="5" cy="5" r="1.8"/>',
        "approved": '<path class="mark" d="M2.5 5.2l1.8 1.8 3.4-4"/>',
        "rejected": '<path class="mark" d="M3 3l4 4m0-4l-4 4"/>',
        "batched": '<path class="mark" d="M2 4h6M2 6.5h6"/>',
        "opened": '<path class="mark" d="M5 2v3l2 1.5"/>',
        "contested": '<path class="mark" d="M5 2v3.6M5 7.2v.9"/>',
        "appealed": '<path class="mark" d="M2 3h6M3.5 3v3M6.5 3v3M2 8h6"/>',
        "refunded": '<path class="mark" d="M7.5 5h-5m2-2l-2 2 2 2"/>',
        "paid": "",
        "cancelled": '<path class="mark" d="M2 8l6-6"/>',
    }
    square = '<rect class="slot {0}" x=".5" y=".5" width="9" height="9"/>{1}'
    pattern = '<pattern id="slot-{0}" width="12" height="12" patternUnits="userSpaceOnUse">' + square + "</pattern>"
    return Markup("<defs>{}</defs>").format(
        Markup("").join(Markup(pattern).format(escape(state), Markup(marks[state])) for state in STATES)
    )
