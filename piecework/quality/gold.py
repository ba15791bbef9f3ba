"""Units whose answer is known: which a worker gets, what they prove, and whether they have leaked."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import log


from piecework.domain.errors import Invalid
from piecework.quality.discoveries import discoveries


@dataclass(frozen=True)
class Policy:
    """How gold is mixed in.

    Attributes:
        share_bps: of a worker's units, in 1/10,000.
        first: so many of a worker's first units are gold, whatever the share.
        most_uses: a gold unit retires after so many workers, since each may tell others of it.
    """

    share_bps: int = 1_000
    first: int = 1
    most_uses: int = 50


def is_gold(policy: Policy, seed: bytes, worker: str, answered: int) -> bool:
    """Whether a worker's next unit is gold. Drawn from a secret seed, so that nobody can tell which, and a restart draws the same."""
    if answered < policy.first:
        return True
    return draw(seed, worker, answered) % 10_000 < policy.share_bps


def choose(
    policy: Policy, seed: bytes, worker: str, uses: Mapping[str, int], seen: Iterable[str], hardness: Mapping[str, float] | None = None
) -> str | None:
    """The gold unit for a worker: one it hasn't seen, the least used first, so that all are rotated; None if there is none left.

    Args:
        uses: gold unit → how many workers have had it.
        hardness: gold unit → how often models fail on it where people don't (0 to 1); among equally used ones the greatest goes
            first: ordinary gold says nothing of a model's user.
    """
    known = set(seen)
    left = [unit for unit, times in uses.items() if times < policy.most_uses and unit not in known]
    hard = hardness or {}
    return min(left, key=lambda unit: (uses[unit], -hard.get(unit, 0.0), draw(seed, worker, 0, unit)), default=None)


def draw(seed: bytes, worker: str, answered: int, unit: str = "") -> int:
    """A number below 2^64 that only who knows the seed can tell beforehand."""
    return int.from_bytes(hashlib.sha256(seed + f"\n{worker}\n{answered}\n{unit}".encode()).digest()[:8])


@dataclass(frozen=True, slots=True)
class Standing:
    """What gold says of a worker: `doubt` is P(accuracy < least | gold); `restrict` when it passes the limit."""

    right: int
    asked: int
    doubt: float
    restrict: bool


def standing(right: int, asked: int, least: float = 0.7, limit: float = 0.95, prior: tuple[float, float] = (2.0, 1.0)) -> Standing:
    """Decides with a Beta posterior, never with a raw rate: of five gold units a worker who is right in 80 % misses two or more one
    time in four.

    Args:
        prior: of (right, wrong) counts; the default thinks well of people.
    """
    from scipy import stats

    if not 0 <= right <= asked:
        raise Invalid("A worker can't be right more often than asked.")
    doubt = float(stats.beta.cdf(least, prior[0] + right, prior[1] + asked - right))
    return Standing(right, asked, doubt, doubt > limit)


class Verdict(Enum):
    """Where a sequential test is."""

    GOOD = "good"
    BAD = "bad"
    GO_ON = "go on"


@dataclass(frozen=True)
class Sequential:
    """Wald's sequential probability ratio test (1945) of a worker's accuracy: `good` against `bad`.

    A good worker is called bad with at most about `false_alarm`, a bad one good with at most about `miss`, with the fewest questions
    on average that any test of those errors needs.
    """

    good: float = 0.85
    bad: float = 0.6
    false_alarm: float = 0.01
    miss: float = 0.05

    def verdict(self, answers: Sequence[bool]) -> Verdict:
        """After these gold answers in order; the first crossing counts, whatever came later."""
        upper, lower, evidence = log((1 - self.miss) / self.false_alarm), log(self.miss / (1 - self.false_alarm)), 0.0
        for right in answers:
            evidence += log(self.bad / self.good) if right else log((1 - self.bad) / (1 - self.good))
            if evidence >= upper:
                return Verdict.BAD
            if evidence <= lower:
                return Verdict.GOOD
        return Verdict.GO_ON

    def ever_bad(self, answers: Sequence[bool]) -> bool:
        """Whether a worker who goes on being asked was called bad at some point: after each time that it is called good the test begins
        anew, so that nobody rests on a good start."""
        begun = 0
        for asked in range(1, len(answers) + 1):
            verdict = self.verdict(answers[begun:asked])
            if verdict is Verdict.BAD:
                return True
            if verdict is Verdict.GOOD:
                begun = asked
        return False


@dataclass(frozen=True, slots=True)
class Leak:
    """A gold unit that later workers get right more often than earlier ones did; `p` is that of Fisher's exact test."""

    unit: str
    early: float
    late: float
    p: float


def leaks(answers: Mapping[str, Sequence[bool]], level: float = 0.05, least: int = 10) -> list[Leak]:
    """Gold units that have probably been told on, by answers in the order they came in: the later half beats the earlier one beyond
    chance (one-sided), with the share of false alarms among them bounded by Benjamini and Hochberg."""
    found = [_leak(unit, list(rights)) for unit, rights in sorted(answers.items()) if len(rights) >= least]
    return [found[at] for at in discoveries([leak.p for leak in found], level)]


def _leak(unit: str, rights: list[bool]) -> Leak:
    from scipy import stats

    half = len(rights) // 2
    early, late = rights[:half], rights[half:]
    table = [[sum(late), len(late) - sum(late)], [sum(early), len(early) - sum(early)]]
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return Leak(unit, sum(early) / len(early), sum(late) / len(late), p)
