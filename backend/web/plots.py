"""Plots as SVG made here: colours and strokes are the stylesheet's, and what is drawn is said in words beside it."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 220, 44, 26, 10
POINTS = 96


def growth(lines: Sequence[tuple[str, np.ndarray]], until: float, most: int, label: str) -> Markup:
    """How many there were by when: one step line each.

    Args:
        lines: the line's class and ascending Unix seconds of what is counted.
        until: Unix seconds of the right edge.
        most: the number that the upper edge stands for.
        label: what a screen reader says.
    """
    starts = [float(times[0]) for _, times in lines if len(times)]
    begin = min(starts, default=until - 60)
    until = max(until, begin + 1)
    ticks = np.linspace(begin, until, POINTS)
    drawn = Markup("").join(_line(name, np.searchsorted(times, ticks, "right"), most) for name, times in lines if len(times))
    return Markup(
        '<svg class="plot" role="img" viewBox="0 0 {w} {h}" aria-label="{label}">'
        '<path class="axis" d="M{x} {top}V{y}H{w}"/><text x="{tx}" y="{ty}" text-anchor="end">{most}</text>'
        '<text x="{tx}" y="{y}" text-anchor="end">0</text>'
        '<text x="{x}" y="{low}">{ago}</text><text x="{w}" y="{low}" text-anchor="end">now</text>{drawn}</svg>'
    ).format(
        w=WIDTH, h=HEIGHT, low=HEIGHT - 8, x=LEFT, tx=LEFT - 6, top=TOP, ty=TOP + 8, y=HEIGHT - BOTTOM, label=label, most=f"{most:,}",
        ago=_long(until - begin) + " ago", drawn=drawn,
    )


def _line(name: str, counts: np.ndarray, most: int) -> Markup:
    wide, high = WIDTH - LEFT - 2, HEIGHT - BOTTOM - TOP
    points = [
        (LEFT + wide * at / (POINTS - 1), HEIGHT - BOTTOM - high * min(1.0, count / max(1, most))) for at, count in enumerate(counts.tolist())
    ]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path class="line {}" d="{}"/>').format(name, path)


def shares(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """One bar cut into parts, each a class and how much it is."""
    total = sum(size for _, size in parts) or 1
    marks, x = Markup(""), 0.0
    for name, size in parts:
        wide = WIDTH * size / total
        if size:
            marks += Markup('<rect class="part {}" x="{}" y="0" width="{}" height="20"/>').format(name, f"{x:.1f}", f"{max(1.0, wide - 1):.1f}")
        x += wide
    return Markup('<svg class="bar" role="img" viewBox="0 0 {} 20" preserveAspectRatio="none" aria-label="{}">{}</svg>').format(
        WIDTH, label, marks
    )


def interval(middle: float, low: float | None, high: float | None) -> Markup:
    """A share between 0 and 1 with the range that it may be in; decoration of numbers that stand beside it."""
    reach = Markup("")
    if low is not None and high is not None:
        reach = Markup('<path class="reach" d="M{} 7H{}"/>').format(f"{100 * low:.1f}", f"{100 * high:.1f}")
    return Markup(
        '<svg class="interval" viewBox="-4 0 108 14" aria-hidden="true"><path class="axis" d="M0 7H100"/>{}<circle cx="{}" cy="7" r="3.5"/></svg>'
    ).format(reach, f"{100 * middle:.1f}")


def _long(seconds: float) -> str:
    for most, size, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < most:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds / 86_400)} days"
