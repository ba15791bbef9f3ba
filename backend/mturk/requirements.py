"""Qualification requirements: which workers may find, see and accept a HIT.

Source: https://docs.aws.amazon.com/AWSMechTurk/latest/AWSMturkAPI/ApiReference_QualificationRequirementDataStructureArticle.html
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.mturk.errors import invalid

MASTERS = "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH"
MASTERS_SANDBOX = "2ARFPLSP75KLA8M8DH1HTEQVJT3SY6"
NUMBER_APPROVED = "00000000000000000040"
LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
PERCENT_APPROVED = "000000000000000000L0"
SYSTEM = {
    MASTERS: "Masters",
    MASTERS_SANDBOX: "Masters",
    NUMBER_APPROVED: "Worker_NumberHITsApproved",
    LOCALE: "Worker_Locale",
    ADULT: "Worker_Adult",
    PERCENT_APPROVED: "Worker_PercentAssignmentsApproved",
}
MOST = 10
MOST_INTEGERS, MOST_LOCALES = 15, 30
ACTIONS = ("Accept", "PreviewAndAccept", "DiscoverPreviewAndAccept")
_GUARDED = {
    "accept": ACTIONS,
    "preview": ("PreviewAndAccept", "DiscoverPreviewAndAccept"),
    "discover": ("DiscoverPreviewAndAccept",),
}
Locale = tuple[str, str | None]
Held = int | Locale | None
"""What a worker has of a qualification: its value, or a place (country, subdivision), or None for nothing."""

_INTEGER: dict[str, Callable[[int, Sequence[int]], bool]] = {
    "LessThan": lambda value, given: value < given[0],
    "LessThanOrEqualTo": lambda value, given: value <= given[0],
    "GreaterThan": lambda value, given: value > given[0],
    "GreaterThanOrEqualTo": lambda value, given: value >= given[0],
    "EqualTo": lambda value, given: value == given[0],
    "NotEqualTo": lambda value, given: value != given[0],
    "In": lambda value, given: value in given,
    "NotIn": lambda value, given: value not in given,
}
_OF_LOCALES = ("EqualTo", "NotEqualTo", "In", "NotIn")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement."""

    type_id: str
    comparator: str
    integers: tuple[int, ...] = ()
    locales: tuple[Locale, ...] = ()
    guarded: str = "Accept"

    def met_by(self, held: Held) -> bool:
        """Whether a worker with this meets it. Who has nothing meets only DoesNotExist."""
        if self.comparator in ("Exists", "DoesNotExist"):
            return (held is not None) == (self.comparator == "Exists")
        if held is None:
            return False
        if isinstance(held, tuple):
            inside = any(country == held[0] and part in (None, held[1]) for country, part in self.locales)
            return inside == (self.comparator in ("EqualTo", "In"))
        return bool(self.integers) and _INTEGER[self.comparator](held, self.integers)

    def as_given(self) -> dict[str, Any]:
        """In the form of the interface."""
        given: dict[str, Any] = {"QualificationTypeId": self.type_id, "Comparator": self.comparator}
        if self.integers:
            given["IntegerValues"] = list(self.integers)
        if self.locales:
            given["LocaleValues"] = [
                {"Country": country} | ({"Subdivision": part} if part else {}) for country, part in self.locales
            ]
        return given | {"RequiredToPreview": self.guarded != "Accept", "ActionsGuarded": self.guarded}


def allows(requirements: Sequence[Requirement], action: str, held: Callable[[str], Held]) -> bool:
    """Whether a worker may do something: accept, preview or discover. `held` says what it has of a type."""
    return all(one.met_by(held(one.type_id)) for one in requirements if one.guarded in _GUARDED[action])


def read_requirements(given: Sequence[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    """Requirements as they stand in a request, after the model's own checks.

    Raises:
        RequestError: one breaks a rule; the sentence says which.
    """
    if len(given) > MOST:
        raise invalid(f"A HIT has at most {MOST} QualificationRequirements; this has {len(given)}.")
    found = tuple(_requirement(one) for one in given)
    ids = [one.type_id for one in found]
    doubled = next((id for id in ids if ids.count(id) > 1), None)
    if doubled is not None:
        raise invalid(f"QualificationTypeId {doubled} stands in more than one requirement.")
    return found


def canonical(requirements: Sequence[Requirement]) -> str:
    """The same text for the same requirements in whatever order."""
    return json.dumps(sorted((one.as_given() for one in requirements), key=lambda one: json.dumps(one, sort_keys=True)), sort_keys=True)


def _requirement(given: Mapping[str, Any]) -> Requirement:
    type_id, comparator = given["QualificationTypeId"], given["Comparator"]
    integers = tuple(given.get("IntegerValues", ()))
    locales = tuple((one["Country"], one.get("Subdivision")) for one in given.get("LocaleValues", ()))
    _check(type_id, comparator, integers, locales)
    return Requirement(type_id, comparator, integers, locales, _guarded(given))


def _check(type_id: str, comparator: str, integers: Sequence[int], locales: Sequence[Locale]) -> None:
    values: Sequence[Any] = locales if type_id == LOCALE else integers
    kind, most = ("LocaleValues", MOST_LOCALES) if type_id == LOCALE else ("IntegerValues", MOST_INTEGERS)
    if comparator in ("Exists", "DoesNotExist"):
        if integers or locales:
            raise invalid(f"The comparator {comparator} takes no values.")
        return
    if type_id == LOCALE and comparator not in _OF_LOCALES:
        raise invalid(f"Worker_Locale takes the comparators {', '.join(_OF_LOCALES)}, Exists and DoesNotExist, not {comparator}.")
    if (integers and locales) or not values:
        raise invalid(f"The requirement of {type_id} needs {kind}, and nothing else.")
    most = most if comparator in ("In", "NotIn") else 1
    if len(values) > most:
        raise invalid(f"The comparator {comparator} takes at most {most} {kind}; this has {len(values)}.")


def _guarded(given: Mapping[str, Any]) -> str:
    preview, actions = given.get("RequiredToPreview"), given.get("ActionsGuarded")
    if actions is None:
        return "PreviewAndAccept" if preview else "Accept"
    if preview is not None and preview != (actions != "Accept"):
        raise invalid("RequiredToPreview and ActionsGuarded contradict each other; give one of them.")
    return str(actions)
