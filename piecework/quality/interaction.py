"""How an answer came about, as a few numbers that the worker's page shows before it sends them; none if the worker says no.

No key, no text, no pointer path: seconds, share pasted, times the page lost focus, evenness of the rhythm. Every one of these has
honest reasons (a screen reader, dictation, an input method, a second monitor): that is why this is a signal and never a verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from piecework.quality.suspicion import Signal

FALSE_POSITIVE_RATE = 0.01
"""Measured on made honest crowds."""

LEAST_ANSWERS = 5
LEAST_LETTERS = 80


@dataclass(frozen=True, slots=True)
class Features:
    """Of one answer.

    Attributes:
        seconds: from shown to sent, without time out of focus.
        letters: length of the free text, 0 without one.
        pasted_share: of the letters, 0 to 1.
        focus_losses: how often the page went to the background.
        rhythm: the coefficient of variation of the time between keys; None where none were counted.
    """

    seconds: float
    letters: int = 0
    pasted_share: float = 0.0
    focus_losses: int = 0
    rhythm: float | None = None


def signals(answers: Mapping[str, Sequence[Features] | None]) -> list[Signal]:
    """Workers whose answers came about unlike the job's other ones.

    Args:
        answers: worker → its answers' features; None for a worker who doesn't share them, of whom nothing is ever said.
    """
    shared = {worker: rows for worker, rows in sorted(answers.items()) if rows is not None and len(rows) >= LEAST_ANSWERS}
    middles = {worker: float(np.median([np.log(max(row.seconds, 0.1)) for row in rows])) for worker, rows in shared.items()}
    return [
        Signal(worker, "interaction", evidence, FALSE_POSITIVE_RATE)
        for worker, rows in shared.items()
        if (evidence := _evidence(rows, middles[worker], list(middles.values())))
    ]


def _evidence(rows: Sequence[Features], middle: float, all_middles: list[float]) -> str | None:
    centre = float(np.median(all_middles))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(all_middles) - centre)))
    if len(all_middles) >= 8 and middle < centre - 3.5 * max(spread, 0.2):
        return f"answers in {np.exp(middle):.0f} seconds where the job's middle is {np.exp(centre):.0f}"
    long = [row for row in rows if row.letters >= LEAST_LETTERS]
    if len(long) >= LEAST_ANSWERS and np.mean([row.pasted_share > 0.9 and row.focus_losses > 0 for row in long]) > 0.8:
        return "pastes nearly every long text after leaving the page"
    timed = [row.rhythm for row in long if row.rhythm is not None]
    if len(timed) >= LEAST_ANSWERS and float(np.median(timed)) < 0.15:
        return "types long texts with the evenness of a machine"
    return None
