"""Which is better, one pair at a time: Bradley-Terry, its form for noisy workers, and rankings taken apart into pairs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from piecework.domain.errors import Invalid
from piecework.quality.kit import quiet
from piecework.quality.vote import Floats


@dataclass(frozen=True, slots=True)
class Choice:
    """A worker preferred `winner` to `loser`."""

    worker: str
    winner: str
    loser: str


def choices(worker: str, ranking: Sequence[str]) -> list[Choice]:
    """Every pair that a ranking, best first, decides.

    Raises:
        Invalid: an item ranked twice.
    """
    if len(set(ranking)) < len(ranking):
        raise Invalid("A ranking names each item once.")
    return [Choice(worker, better, worse) for at, better in enumerate(ranking) for worse in ranking[at + 1 :]]


def bradley_terry(rows: Iterable[Choice], iterations: int = 1_000, tolerance: float = 1e-9, pull: float = 0.1) -> dict[str, float]:
    """Each item's strength, summing to 1: i beats j with p_i / (p_i + p_j). Hunter's MM iteration (Annals of Statistics 32, 2004).

    Args:
        pull: of that many won and lost games of every item against an imagined average one; above 0 it keeps an item that never
            lost from infinity, and items that never met comparable.
    """
    names, won, games = _table(rows)
    strength = np.full(len(names), 1 / len(names))
    wins = won.sum(axis=1) + pull
    for _ in range(iterations):
        together = games / (strength[:, None] + strength[None, :])
        new = wins / (together.sum(axis=1) + 2 * pull / (strength + 1 / len(names)))
        new /= new.sum()
        if np.abs(new - strength).max() < tolerance:
            strength = new
            break
        strength = new
    return dict(zip(names, strength.tolist(), strict=True))


def noisy_bradley_terry(rows: Iterable[Choice], seed: int = 0, iterations: int = 100) -> dict[str, float]:
    """Each item's score between 0 and 1, with every worker's own noise and habit fitted too: crowd-kit's, on sorted rows."""
    import pandas as pd

    from crowdkit.aggregation import NoisyBradleyTerry

    ordered = sorted(rows, key=lambda row: (row.worker, row.winner, row.loser))
    if not ordered:
        raise Invalid("There are no choices to aggregate.")
    frame = pd.DataFrame(
        [(row.worker, *sorted((row.winner, row.loser)), row.winner) for row in ordered], columns=["worker", "left", "right", "label"]
    )
    with quiet():
        scores = NoisyBradleyTerry(n_iter=iterations, random_state=seed).fit_predict(frame)
    return {str(name): float(score) for name, score in scores.sort_index().items()}


def ranked(scores: dict[str, float]) -> list[str]:
    """Best first; of equals the first by name."""
    return sorted(scores, key=lambda name: (-round(scores[name], 12), name))


def _table(rows: Iterable[Choice]) -> tuple[list[str], Floats, Floats]:
    listed = list(rows)
    names = sorted({name for row in listed for name in (row.winner, row.loser)})
    if not names:
        raise Invalid("There are no choices to aggregate.")
    if any(row.winner == row.loser for row in listed):
        raise Invalid("An item can't be preferred to itself.")
    place, won = {name: at for at, name in enumerate(names)}, np.zeros((len(names),) * 2)
    for row in listed:
        won[place[row.winner], place[row.loser]] += 1
    return names, won, won + won.T
