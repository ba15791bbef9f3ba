"""Puts what was read in place: qualification types by the requester interface, layouts by the API; and a claimed worker's grants and block."""

import base64
from collections.abc import Mapping
from typing import Any

from piecework.batch.batch import called
from piecework.client.market import Market, Session
from piecework.domain.errors import Conflict
from piecework.importing.past import Past, PastWorker

AT_ONCE = 500
_KEPT = ("Description", "QualificationTypeStatus", "Keywords", "RetryDelayInSeconds", "Test", "AnswerKey", "TestDurationInSeconds", "AutoGranted", "AutoGrantedValue")


def make_types(client: Any, past: Past) -> dict[str, str]:
    """New ids of qualification types by their old ids and by their names; one of a name that is there already is that one.

    Raises:
        Conflict: a type was refused; the sentence names it.
    """
    ids: dict[str, str] = {}
    wanted = {name: None for worker in past.workers.values() for name in worker.grants} if past.types else {}
    old = {str(one.get("QualificationTypeId", name)) for name, one in past.types.items()}
    by_name = [name for name in wanted if name not in old and name not in past.types and not name.isupper()]
    for name, one in {**{name: {} for name in by_name}, **past.types}.items():
        made = _type(client, name, one)
        ids |= {name: made, str(one.get("QualificationTypeId", name)): made}
    return ids


def _type(client: Any, name: str, one: Mapping[str, Any]) -> str:
    found = called(client.list_qualification_types, Query=name, MustBeRequestable=False, MustBeOwnedByCaller=True, MaxResults=100)
    for known in found["QualificationTypes"]:
        if known["Name"] == name:
            return str(known["QualificationTypeId"])
    given = {"Description": name, "QualificationTypeStatus": "Active"} | {field: one[field] for field in _KEPT if one.get(field) not in (None, "")}
    if not given.get("AutoGranted"):
        given.pop("AutoGrantedValue", None)
    try:
        return str(called(client.create_qualification_type, Name=name, **given)["QualificationType"]["QualificationTypeId"])
    except Conflict as conflict:
        raise Conflict(f"The qualification type '{name}' was refused: {conflict.sentence}") from conflict


async def make_layouts(market: Market, session: Session, past: Past) -> dict[str, str]:
    """HITLayoutIds of the templates by name."""
    return {
        name: str((await market.post("/v1/mturk-layouts", {"name": name[:100], "html": html}, session))["id"])
        for name, html in past.templates.items()
    }


async def leave_workers(market: Market, session: Session, past: Past, types: Mapping[str, str]) -> int:
    """Leaves the workers with the marketplace, where they claim their ids by themselves; returns how many."""
    bodies = [
        {"worker_id": id, "assignments": worker.assignments, "block": worker.block}
        | {"qualifications": {types[name]: value for name, value in worker.grants.items() if name in types}}
        for id, worker in sorted(past.workers.items())
    ]
    for at in range(0, len(bodies), AT_ONCE):
        await market.put("/v1/mturk-workers", {"workers": bodies[at : at + AT_ONCE]}, session)
    return len(bodies)


def welcome(client: Any, worker: PastWorker, account: str, types: Mapping[str, str]) -> str:
    """Gives a worker's account what its old id had, or the block that it was under; says which in words."""
    id = "A" + base64.b32encode(bytes.fromhex(account[2:])).decode()
    if worker.block is not None:
        called(client.create_worker_block, WorkerId=id, Reason=worker.block)
        return "blocked, as it was"
    granted = [(types[name], value) for name, value in worker.grants.items() if name in types]
    for kind, value in granted:
        called(client.associate_qualification_with_worker, QualificationTypeId=kind, WorkerId=id, IntegerValue=value, SendNotification=True)
    return f"welcome, {len(granted)} qualifications granted"
