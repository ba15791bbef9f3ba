"""HIT types: the same values have the same id, however often they are given."""

import json
from typing import Any

from sqlalchemy import Connection

from backend.mturk import hits
from backend.mturk.calls import Answer, Call
from backend.mturk.errors import RequestError, invalid
from backend.mturk.ids import derived_id
from backend.mturk.requirements import canonical, read_requirements
from backend.mturk.service import MTurk

MONTH, YEAR = 2_592_000, 31_536_000
_LIMITS = {"Title": 128, "Description": 2_000, "Keywords": 1_000}


async def create_hit_type(service: MTurk, call: Call) -> Answer:
    """Keeps a HIT type."""
    values = values_of(call)
    return await call.change(service.store, lambda connection: _keep(connection, values))


def _keep(connection: Connection, values: dict[str, Any]) -> Answer:
    hits.add_type(connection, values)
    return {"HITTypeId": values["id"]}


def values_of(call: Call) -> dict[str, Any]:
    """The HIT type that a call describes, with its id.

    Raises:
        RequestError: a value that can't be.
    """
    given = call.given
    for name, most in _LIMITS.items():
        if len(given.get(name, "")) > most:
            raise invalid(f"{name} has at most {most} characters; this has {len(given[name])}.")
    if not given["Title"].strip() or not given["Description"].strip():
        raise invalid("Title and Description can't be empty.")
    requirements = read_requirements(given.get("QualificationRequirements", ()))
    values = {
        "requester": call.requester,
        "title": given["Title"],
        "description": given["Description"],
        "keywords": given.get("Keywords", ""),
        "reward_cents": hits.cents("Reward", given["Reward"]),
        "assignment_seconds": seconds(given, "AssignmentDurationInSeconds", 30, YEAR),
        "auto_approval_seconds": seconds(given, "AutoApprovalDelayInSeconds", 0, MONTH, MONTH),
    }
    key = json.dumps([values, canonical(requirements)], sort_keys=True)
    shown = json.dumps([one.as_given() for one in requirements])
    return values | {"id": derived_id("hit type", key), "qualifications": shown, "created_at": call.now}


def seconds(given: dict[str, Any], name: str, least: int, most: int, default: int | None = None) -> int:
    """A span of the call within the interface's bounds.

    Raises:
        RequestError: outside of them.
    """
    value = given.get(name, default)
    if value is None or not least <= value <= most:
        raise RequestError("InvalidParameterValue", f"{name} must be from {least} to {most} seconds; this is {value}.")
    return int(value)


OPERATIONS = {"CreateHITType": create_hit_type}
