"""Who meets what a job asks for."""

from typing import Any

import pytest

from piecework.domain.errors import Invalid
from piecework.domain.requirements import approval_rate, requirement

CASES: list[tuple[str, list[Any], Any, bool]] = [
    ("GreaterThan", [80], 81, True),
    ("GreaterThan", [80], 80, False),
    ("GreaterThanOrEqualTo", [80], 80, True),
    ("LessThan", [80], 79, True),
    ("LessThanOrEqualTo", [80], 81, False),
    ("EqualTo", [7], 7, True),
    ("NotEqualTo", [7], 7, False),
    ("NotEqualTo", [7], 8, True),
    ("In", [1, 2], 2, True),
    ("NotIn", [1, 2], 2, False),
    ("In", ["US", "CA"], "US-PA", True),
    ("In", ["US-PA"], "US", False),
    ("NotIn", ["US"], "US-PA", False),
    ("EqualTo", ["US-PA"], "US-PA", True),
    ("Exists", [], 0, True),
    ("DoesNotExist", [], 0, False),
    ("DoesNotExist", [], None, True),
    ("EqualTo", ["US"], 7, False),
    ("NotEqualTo", ["US"], 7, False),
]


@pytest.mark.parametrize(("comparator", "values", "held", "met"), CASES)
def test_a_held_value_meets_a_requirement_or_not(comparator: str, values: list[Any], held: Any, met: bool) -> None:
    assert requirement({"qualification": "q", "comparator": comparator, "values": values}).met(held) is met


@pytest.mark.parametrize("comparator", ["GreaterThan", "LessThan", "EqualTo", "NotEqualTo", "In", "NotIn"])
def test_who_lacks_a_qualification_meets_nothing_about_its_value(comparator: str) -> None:
    assert not requirement({"qualification": "q", "comparator": comparator, "values": [1]}).met(None)


@pytest.mark.parametrize(
    "given",
    [
        {"comparator": "Exists"},
        {"qualification": "q", "comparator": "Has"},
        {"qualification": "q", "comparator": "Exists", "values": [1]},
        {"qualification": "q", "comparator": "EqualTo", "values": []},
        {"qualification": "q", "comparator": "EqualTo", "values": [1, 2]},
        {"qualification": "q", "comparator": "In", "values": list(range(16))},
        {"qualification": "q", "comparator": "In", "values": [1, "US"]},
        {"qualification": "q", "comparator": "In", "values": [True]},
        {"qualification": "q", "comparator": "LessThan", "values": ["US"]},
        {"qualification": "q", "comparator": "Exists", "guards": "everything"},
    ],
)
def test_what_can_be_no_requirement_is_refused_with_a_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        requirement(given)


def test_what_guards_the_finding_guards_the_accepting_too() -> None:
    asked = requirement({"qualification": "q", "comparator": "Exists", "guards": "preview"})
    assert [asked.guarding(action) for action in ("accept", "preview", "discover")] == [True, True, False]


def test_an_approval_rate_begins_at_100_and_is_rounded_down() -> None:
    assert [approval_rate(*slots) for slots in ((0, 0), (0, 99), (99, 1), (199, 1), (0, 100))] == [100, 100, 99, 99, 0]
