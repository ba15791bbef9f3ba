"""What a job asks of whoever answers it: requirements over qualifications, with MTurk's comparators.

A requirement is {qualification, comparator, values, guards}. Whoever lacks a qualification, or had it revoked, meets DoesNotExist alone.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piecework.domain.errors import Invalid

APPROVAL_RATE, SETTLED = "approval_rate", "settled"
SYSTEM = (APPROVAL_RATE, SETTLED)
"""Qualifications that nobody grants: the chain says them. Of the worker's slots that are decided, those that were paid, in per cent; and
how many were paid."""
ACCEPT, PREVIEW, DISCOVER = "accept", "preview", "discover"
GUARDS = (ACCEPT, PREVIEW, DISCOVER)
"""What a requirement guards: accepting alone, previewing too, or even finding the job."""
MOST, MOST_INTEGERS, MOST_LOCALES = 10, 15, 30
FULL_RATE_BELOW = 100
"""As long as fewer slots are decided a worker's approval rate is 100, so that one bad day at the start shuts nobody out."""

Value = int | str
"""0 to 100 (a count for `settled`), or a locale: US, or US-PA."""

_ONE: dict[str, Callable[[Any, Any], bool]] = {
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
}
_ANY = {"EqualTo": True, "NotEqualTo": False, "In": True, "NotIn": False}
_BARE = {"Exists": True, "DoesNotExist": False}
COMPARATORS = (*_ONE, *_ANY, *_BARE)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked for."""

    qualification: str
    comparator: str
    values: tuple[Value, ...] = ()
    guards: str = ACCEPT

    def met(self, held: Value | None) -> bool:
        """Whether somebody meets it that holds this value, or None of it."""
        if self.comparator in _BARE:
            return (held is not None) == _BARE[self.comparator]
        if held is None or any(isinstance(held, str) != isinstance(value, str) for value in self.values):
            return False
        if self.comparator in _ONE:
            return not isinstance(held, str) and _ONE[self.comparator](held, self.values[0])
        return any(_covers(value, held) for value in self.values) == _ANY[self.comparator]

    def guarding(self, action: str) -> bool:
        """Whether it must be met for an action: what guards the finding guards the previewing and the accepting too."""
        return GUARDS.index(self.guards) >= GUARDS.index(action)

    def __str__(self) -> str:
        return " ".join([self.qualification, self.comparator, *map(str, self.values)])


def requirement(given: Mapping[str, Any]) -> Requirement:
    """A requirement as a job says it.

    Raises:
        Invalid: it can't be one; the sentence says what is wrong.
    """
    values, comparator, guards = tuple(given.get("values") or ()), given.get("comparator"), given.get("guards", ACCEPT)
    if not isinstance(given.get("qualification"), str) or not given["qualification"]:
        raise Invalid("A requirement names a qualification.")
    if comparator not in COMPARATORS:
        raise Invalid(f"A requirement's comparator is one of {', '.join(COMPARATORS)}.")
    if guards not in GUARDS:
        raise Invalid(f"A requirement guards one of {', '.join(GUARDS)}.")
    _check_values(comparator, values)
    return Requirement(given["qualification"], comparator, values, guards)


def _check_values(comparator: str, values: Sequence[Value]) -> None:
    texts = [value for value in values if isinstance(value, str)]
    if any(isinstance(value, bool) or not isinstance(value, int | str) for value in values) or 0 < len(texts) < len(values):
        raise Invalid("A requirement's values are whole numbers, or all locales.")
    if comparator in _BARE:
        if values:
            raise Invalid(f"{comparator} takes no values.")
        return
    many = comparator in ("In", "NotIn")
    most = (MOST_LOCALES if texts else MOST_INTEGERS) if many else 1
    if not 1 <= len(values) <= most:
        raise Invalid(f"{comparator} takes {f'1 to {most} values' if many else 'one value'}.")
    if texts and comparator in _ONE:
        raise Invalid(f"{comparator} compares numbers, not locales.")


def approval_rate(paid: int, lost: int) -> int:
    """Per cent of a worker's decided slots that were paid, rounded down.

    Args:
        paid: slots.
        lost: contested slots that went back to the requester, as many of each requester as count.
    """
    decided = paid + lost
    return 100 if decided < FULL_RATE_BELOW else paid * 100 // decided


def _covers(value: Value, held: Value) -> bool:
    """A country covers its subdivisions; anything else covers itself."""
    return held == value or (isinstance(value, str) and isinstance(held, str) and "-" not in value and held.startswith(value + "-"))
