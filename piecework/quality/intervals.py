"""Intervals for a proportion."""


from piecework.domain.errors import Invalid


def wilson(right: float, asked: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927): near its level on average, also for few answers and shares near 0 or 1."""
    from scipy import stats

    _check(right, asked, level)
    z = float(stats.norm.ppf((1 + level) / 2))
    share, pull = right / asked, z * z / asked
    centre = (share + pull / 2) / (1 + pull)
    half = z / (1 + pull) * (share * (1 - share) / asked + z * z / (4 * asked * asked)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def clopper_pearson(right: int, asked: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval (1934): never below its level, wider for it."""
    from scipy import stats

    _check(right, asked, level)
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, right, asked - right + 1)) if right else 0.0
    high = float(stats.beta.ppf(1 - tail, right + 1, asked - right)) if right < asked else 1.0
    return low, high


def beta(right: float, wrong: float, level: float = 0.95, prior: tuple[float, float] = (1.0, 1.0)) -> tuple[float, float]:
    """The middle `level` of the Beta posterior; `right` and `wrong` may be expected counts."""
    from scipy import stats

    shape = (prior[0] + right, prior[1] + wrong)
    return float(stats.beta.ppf((1 - level) / 2, *shape)), float(stats.beta.ppf((1 + level) / 2, *shape))


def _check(right: float, asked: float, level: float) -> None:
    if not (0 <= right <= asked and asked > 0 and 0 < level < 1):
        raise Invalid("An interval needs at least one trial, no more successes than trials, and a level between 0 and 1.")
