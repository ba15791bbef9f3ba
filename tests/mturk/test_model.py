"""Everything that botocore lets through is checked by the model here."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.mturk import model
from backend.mturk.errors import RequestError

HIT = {
    "Title": "t",
    "Description": "d",
    "Reward": "0.05",
    "AssignmentDurationInSeconds": 60,
    "LifetimeInSeconds": 3600,
}


def test_there_are_39_operations() -> None:
    assert len(model.operations()) == 39


def test_what_fits_is_read_and_what_is_unknown_left_out() -> None:
    assert model.read("CreateHIT", {**HIT, "Novelty": 1}) == HIT


def test_a_time_is_read_from_a_number_with_fractions() -> None:
    read = model.read("UpdateExpirationForHIT", {"HITId": "3A", "ExpireAt": 1795332065.5})
    assert read["ExpireAt"] == datetime.fromtimestamp(1795332065.5, UTC)
    assert model.read("UpdateExpirationForHIT", {"HITId": "3A", "ExpireAt": 0})["ExpireAt"] == datetime.fromtimestamp(0, UTC)


@pytest.mark.parametrize(
    ("operation", "body", "words"),
    [
        ("GetHIT", {}, "HITId is required"),
        ("GetHIT", {"HITId": None}, "HITId is required"),
        ("GetHIT", {"HITId": "3abc"}, "must match"),
        ("GetHIT", {"HITId": "3ABC\n"}, "must match"),
        ("GetHIT", {"HITId": "A" * 65}, "1 to 64 characters"),
        ("GetHIT", {"HITId": 3}, "must be a string"),
        ("GetHIT", [], "must be a JSON object"),
        ("ListHITs", {"MaxResults": 101}, "from 1 to 100"),
        ("ListHITs", {"MaxResults": True}, "whole number"),
        ("ListHITs", {"MaxResults": 1.0}, "whole number"),
        ("CreateHIT", {**HIT, "Reward": "abc"}, "must match"),
        ("CreateHIT", {**HIT, "Reward": "0.005"}, "must match"),
        ("CreateHIT", {**HIT, "Reward": "١.٢"}, "must match"),
        ("CreateHIT", {**HIT, "Title": "\ud800"}, "half a character"),
        ("CreateHIT", {**HIT, "Title": "a\0b"}, "NUL character"),
        ("CreateHIT", {**HIT, "QualificationRequirements": {}}, "must be a list"),
        ("CreateHIT", {**HIT, "QualificationRequirements": [{"Comparator": "Exists"}]}, r"QualificationRequirements\[0\]"),
        ("ListAssignmentsForHIT", {"HITId": "3A", "AssignmentStatuses": ["Done"]}, "one of Submitted"),
        ("SendBonus", {"WorkerId": "B1", "BonusAmount": "1", "AssignmentId": "3A", "Reason": "r"}, "must match"),
        ("UpdateExpirationForHIT", {"HITId": "3A", "ExpireAt": float("nan")}, "Unix seconds"),
        ("UpdateExpirationForHIT", {"HITId": "3A", "ExpireAt": 1e300}, "Unix seconds"),
        ("UpdateExpirationForHIT", {"HITId": "3A", "ExpireAt": "tomorrow"}, "Unix seconds"),
        ("UpdateHITReviewStatus", {"HITId": "3A", "Revert": "yes"}, "true or false"),
    ],
)
def test_what_does_not_fit_is_told(operation: str, body: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        model.read(operation, body)
