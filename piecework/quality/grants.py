"""Qualifications by rule: facts of a worker in, grants out."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from piecework.domain.errors import Invalid

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "≤": operator.le, "=": operator.eq, "≥": operator.ge, ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact compared with a number, e.g. ("gold_right_share", "≥", 0.8)."""

    fact: str
    compare: str
    value: float

    def __post_init__(self) -> None:
        if self.compare not in COMPARE:
            raise Invalid(f"'{self.compare}' compares nothing; use one of {' '.join(COMPARE)}.")

    def holds(self, facts: Mapping[str, float]) -> bool:
        """False for a fact that isn't known: nothing is granted, or taken, on what nobody has measured."""
        return self.fact in facts and COMPARE[self.compare](facts[self.fact], self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions together grant `qualification` with `value`, for `days` (0: for good); `revoke` takes it away instead."""

    name: str
    conditions: tuple[Condition, ...]
    qualification: str
    value: int = 1
    days: int = 0
    revoke: bool = False

    def __post_init__(self) -> None:
        if not self.conditions:
            raise Invalid(f"Rule '{self.name}' has no condition: it would hold for everybody.")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a rule gives, and why. `expires_at` in Unix seconds, 0 for never; `value` None takes the qualification away."""

    qualification: str
    value: int | None
    expires_at: int
    why: str


def grants(facts: Mapping[str, float], rules: Sequence[Rule], now: int) -> list[Grant]:
    """The grants in force: of several rules on one qualification that hold, the last decides.

    Args:
        now: Unix seconds.
    """
    found = {rule.qualification: _grant(rule, facts, now) for rule in rules if all(one.holds(facts) for one in rule.conditions)}
    return [found[name] for name in sorted(found)]


def _grant(rule: Rule, facts: Mapping[str, float], now: int) -> Grant:
    why = " and ".join(f"{one.fact} is {facts[one.fact]:g} ({one.compare} {one.value:g})" for one in rule.conditions)
    expires = now + rule.days * 86_400 if rule.days else 0
    return Grant(rule.qualification, None if rule.revoke else rule.value, expires, f"{rule.name}: {why}")
