"""Mistakes in common: the same wrong answer as somebody else's, more often than two who err apart would give.

That two agree proves nothing: good workers agree on what is right. So only errors are compared, within units of about the same
difficulty: given how often each errs there, errors made apart fall together by a hypergeometric law (a permutation of one's errors
over the units of the stratum), and when they do, the labels are the same as often as other people's wrong labels are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from piecework.quality.labels import Labels
from piecework.quality.vote import Floats

STRATA = 4

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Common:
    """Same mistakes seen, expected from chance, and the probability of as many or more by chance."""

    seen: int
    expected: float
    p: float


@dataclass(frozen=True)
class Units:
    """What is known of the units: the reference label's code, -1 where there is none; the share of answers that differ from it;
    and votes (units, classes)."""

    reference: Codes
    error_share: Floats
    votes: Floats

    @classmethod
    def of(cls, labels: Labels, reference: Codes) -> "Units":
        """From all answers; where more than half of the crowd makes a mistake, everybody's does."""
        votes = np.zeros((len(labels.units), len(labels.classes)))
        np.add.at(votes, (labels.unit, labels.label), 1)
        right = votes[np.arange(len(votes)), np.maximum(reference, 0)]
        return cls(reference, 1 - right / np.maximum(labels.per_unit, 1), votes)

    def same_wrong(self, units: Codes, one: Codes, other: Codes, other_votes: bool) -> Floats:
        """How likely a wrong answer to each unit is to be `other`'s: its share of the wrong votes of everybody else, one more for
        every wrong class, since few votes say little."""
        wrong = self.votes[units].sum(axis=1) - self.votes[units, self.reference[units]] - (one != self.reference[units])
        like = self.votes[units, other] - (one == other)
        if other_votes:
            wrong, like = wrong - (other != self.reference[units]), like - 1
        return np.asarray((like + 1) / (wrong + max(self.votes.shape[1] - 1, 1)))


def common_mistakes(units: Codes, one: Codes, other: Codes, about: Units, other_votes: bool) -> Common:
    """Tests the labels of `one` against those of `other` on `units` that both answered, shape (n,) each. The permutations are
    counted exactly, none is drawn, so that many tests at once don't run out of small probabilities.

    Args:
        other_votes: whether the other's answers are among the votes (a worker's are, a model's aren't).
    """
    known = about.reference[units] >= 0
    units, one, other = units[known], one[known], other[known]
    truth = about.reference[units]
    wrong, others_wrong = one != truth, other != truth
    same = about.same_wrong(units, one, other, other_votes)
    edges = np.quantile(about.error_share[units], np.linspace(0, 1, STRATA + 1)[1:-1]) if len(units) else []
    stratum = np.searchsorted(edges, about.error_share[units], side="left")
    law, expected = np.ones(1), 0.0
    for at in np.unique(stratum):
        inside = stratum == at
        bad, mine, size = int((others_wrong & inside).sum()), int((wrong & inside).sum()), int(inside.sum())
        if bad and mine:
            share = float(same[others_wrong & inside].mean())
            law = np.convolve(law, _thinned(size, bad, mine, share))
            expected += bad * mine / size * share
    seen = int((wrong & (one == other)).sum())
    return Common(seen, expected, min(1.0, float(law[seen:].sum())))


def _thinned(size: int, bad: int, mine: int, share: float) -> Floats:
    """The law of how many errors fall together, where `mine` of `size` units meet `bad` of them by hypergeometric chance and each
    that does has the same label with probability `share`. Shape (min(bad, mine) + 1,)."""
    together = np.arange(min(bad, mine) + 1)
    met = _choose(bad, together) + _choose(size - bad, mine - together) - _choose(size, np.asarray([mine]))
    same = together[None, :]
    kept = _choose(together[:, None], same) + same * np.log(share) + (together[:, None] - same) * np.log1p(-min(share, 1 - 1e-12))
    return np.asarray(np.exp(met) @ np.exp(kept))


def _choose(total: Any, part: Codes) -> Floats:
    """The logarithm of the binomial coefficient; of what can't be chosen, -inf."""
    from scipy.special import gammaln

    there = (part >= 0) & (part <= total)
    safe = np.where(there, part, 0)
    return np.asarray(np.where(there, gammaln(total + 1.0) - gammaln(safe + 1.0) - gammaln(total - safe + 1.0), -np.inf))
