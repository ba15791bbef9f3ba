"""Qualification requirements as the interface has them; who meets them is decided as in every job (`piecework.domain.requirements`).

Source: https://docs.aws.amazon.com/AWSMechTurk/latest/AWSMturkAPI/ApiReference_QualificationRequirementDataStructureArticle.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.mturk.errors import invalid

NUMBER_APPROVED = "00000000000000000040"
LOCALE = "00000000000000000071"
PERCENT_APPROVED = "000000000000000000L0"
MOST = 10
MOST_INTEGERS, MOST_LOCALES = 15, 30
Locale = tuple[str, str | None]
"""Country, and a part of it."""

_OF_LOCALES = ("EqualTo", "NotEqualTo", "In", "NotIn")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement."""

    type_id: str
    comparator: str
    integers: tuple[int, ...] = ()
    locales: tuple[Locale, ...] = ()
    guarded: str = "Accept"

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


def read_requirements(given: Sequence[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    """Requirements as they stand in a request, after the model's own checks. All must hold: two of one type are an interval.

    Raises:
        RequestError: one breaks a rule; the sentence says which.
    """
    if len(given) > MOST:
        raise invalid(f"A HIT has at most {MOST} QualificationRequirements; this has {len(given)}.")
    return tuple(_requirement(one) for one in given)


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
