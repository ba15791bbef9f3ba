"""Every state × every operation that a state decides about: what follows, or the code and words of the refusal. Two tables say all of it.

A word alone is the state that follows; (code, words) a refusal, after which the state is what it was.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backend.mturk.ids import assignment_id, worker_id
from piecework.client import Market, Worker
from tests.backend.workshop import Works, new_key
from tests.mturk.conftest import HIT, Turk, turk

Cell = str | tuple[str, str]


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


# ------------------------------------------------------------------------------------------------ HITs

HIT_STATES = {
    "Assignable": "nobody took it",
    "Unassignable": "its one assignment is taken",
    "Expired": "the same, and its time is over",
    "Reviewable": "its time is over, and nobody took it",
    "Submitted": "its one assignment is submitted and not reviewed",
    "Reviewing": "its time is over, nobody took it, and its requester looks at it",
    "Disposed": "it was deleted",
}
SHOWN = {"Expired": "Unassignable", "Submitted": "Reviewable"}
"""What the interface calls those."""
AGAIN: Cell = ("InvalidHITState", "currently in the state 'Disposed'. This operation can be called with a status of: Assignable, Unassignable, Reviewable, Reviewing")
ACCEPTED: Cell = ("InvalidHITState", "has been accepted by a worker, so its HITType can't be changed")


def _in(state: str, allowed: str) -> Cell:
    return "InvalidHITState", f"This HIT is currently in the state '{state}'. This operation can be called with a status of: {allowed}"


def _read(name: str) -> dict[str, Cell]:
    return {state: SHOWN.get(state, state) for state in HIT_STATES}


HIT_OPERATIONS: dict[str, Callable[[Any, str, str], Any]] = {
    "GetHIT": lambda client, hit, other: client.get_hit(HITId=hit),
    "ListAssignmentsForHIT": lambda client, hit, other: client.list_assignments_for_hit(HITId=hit),
    "ListBonusPayments": lambda client, hit, other: client.list_bonus_payments(HITId=hit),
    "ListReviewPolicyResultsForHIT": lambda client, hit, other: client.list_review_policy_results_for_hit(HITId=hit),
    "UpdateExpirationForHIT now": lambda client, hit, other: client.update_expiration_for_hit(HITId=hit, ExpireAt=0),
    "UpdateExpirationForHIT later": lambda client, hit, other: client.update_expiration_for_hit(HITId=hit, ExpireAt=later()),
    "CreateAdditionalAssignmentsForHIT": lambda client, hit, other: client.create_additional_assignments_for_hit(HITId=hit, NumberOfAdditionalAssignments=1),
    "UpdateHITTypeOfHIT": lambda client, hit, other: client.update_hit_type_of_hit(HITId=hit, HITTypeId=other),
    "UpdateHITReviewStatus": lambda client, hit, other: client.update_hit_review_status(HITId=hit),
    "UpdateHITReviewStatus back": lambda client, hit, other: client.update_hit_review_status(HITId=hit, Revert=True),
    "DeleteHIT": lambda client, hit, other: client.delete_hit(HITId=hit),
}
_TO_DELETE, _UNREVIEWED = "Reviewing, Reviewable", ("InvalidHITState", "submitted assignments that are neither approved nor rejected")
HIT_TABLE: dict[str, dict[str, Cell]] = {
    **{name: _read(name) for name in ("GetHIT", "ListAssignmentsForHIT", "ListBonusPayments", "ListReviewPolicyResultsForHIT")},
    "UpdateExpirationForHIT now": {
        "Assignable": "Reviewable", "Unassignable": "Unassignable", "Expired": "Unassignable", "Reviewable": "Reviewable",
        "Submitted": "Reviewable", "Reviewing": "Reviewing", "Disposed": AGAIN,
    },
    "UpdateExpirationForHIT later": {
        "Assignable": "Assignable", "Unassignable": "Unassignable", "Expired": "Unassignable", "Reviewable": "Assignable",
        "Submitted": "Reviewable", "Reviewing": "Assignable", "Disposed": AGAIN,
    },
    "CreateAdditionalAssignmentsForHIT": {
        "Assignable": "Assignable", "Unassignable": "Assignable", "Expired": "Unassignable", "Reviewable": "Reviewable",
        "Submitted": "Assignable", "Reviewing": "Reviewable", "Disposed": AGAIN,
    },
    "UpdateHITTypeOfHIT": {
        "Assignable": "Assignable", "Unassignable": ACCEPTED, "Expired": ACCEPTED, "Reviewable": "Reviewable",
        "Submitted": ACCEPTED, "Reviewing": "Reviewing", "Disposed": AGAIN,
    },
    "UpdateHITReviewStatus": {
        "Assignable": _in("Assignable", "Reviewable"), "Unassignable": _in("Unassignable", "Reviewable"),
        "Expired": _in("Unassignable", "Reviewable"), "Reviewable": "Reviewing", "Submitted": "Reviewing",
        "Reviewing": _in("Reviewing", "Reviewable"), "Disposed": AGAIN,
    },
    "UpdateHITReviewStatus back": {
        "Assignable": _in("Assignable", "Reviewing"), "Unassignable": _in("Unassignable", "Reviewing"),
        "Expired": _in("Unassignable", "Reviewing"), "Reviewable": _in("Reviewable", "Reviewing"),
        "Submitted": _in("Reviewable", "Reviewing"), "Reviewing": "Reviewable", "Disposed": AGAIN,
    },
    "DeleteHIT": {
        "Assignable": _in("Assignable", _TO_DELETE), "Unassignable": _in("Unassignable", _TO_DELETE),
        "Expired": _in("Unassignable", _TO_DELETE), "Reviewable": "Disposed", "Submitted": _UNREVIEWED, "Reviewing": "Disposed",
        "Disposed": _in("Disposed", _TO_DELETE),
    },
}  # fmt: skip

# ------------------------------------------------------------------------------------------------ assignments

STATES = ("Accepted", "Committed", "Submitted", "Approved", "Rejected", "Returned", "Abandoned", "Unknown", "Another's")
NOT_YET: Cell = ("InvalidAssignmentState", "This operation can be called with a status of: Reviewable,Approved,Rejected")
SUBMITTED: Cell = ("InvalidAssignmentState", "This operation can be called with a status of: Submitted")
EITHER: Cell = ("InvalidAssignmentState", "This operation can be called with a status of: Submitted, Rejected")
NONE: Cell = ("AssignmentDoesNotExist", "does not exist")
NOWHERE: dict[str, Cell] = {"Unknown": NONE, "Another's": NONE}


def _unsubmitted(cell: Cell) -> dict[str, Cell]:
    return dict.fromkeys(("Accepted", "Committed", "Returned", "Abandoned"), cell) | NOWHERE


ASSIGNMENT_OPERATIONS: dict[str, Callable[[Any, str, str], Any]] = {
    "GetAssignment": lambda client, id, worker: client.get_assignment(AssignmentId=id),
    "ListBonusPayments": lambda client, id, worker: client.list_bonus_payments(AssignmentId=id),
    "ApproveAssignment": lambda client, id, worker: client.approve_assignment(AssignmentId=id),
    "ApproveAssignment override": lambda client, id, worker: client.approve_assignment(AssignmentId=id, OverrideRejection=True),
    "RejectAssignment": lambda client, id, worker: client.reject_assignment(AssignmentId=id, RequesterFeedback="no"),
    "SendBonus": lambda client, id, worker: client.send_bonus(AssignmentId=id, WorkerId=worker, BonusAmount="0.01", Reason="well"),
}
ASSIGNMENT_TABLE: dict[str, dict[str, Cell]] = {
    "GetAssignment": _unsubmitted(NOT_YET) | {"Submitted": "Submitted", "Approved": "Approved", "Rejected": "Rejected"},
    "ListBonusPayments": {state: state for state in STATES} | NOWHERE,
    "ApproveAssignment": _unsubmitted(SUBMITTED) | {"Submitted": "Approved", "Approved": SUBMITTED, "Rejected": SUBMITTED},
    "ApproveAssignment override": _unsubmitted(EITHER) | {"Submitted": "Approved", "Approved": EITHER, "Rejected": "Approved"},
    "RejectAssignment": _unsubmitted(SUBMITTED) | {"Submitted": "Rejected", "Approved": SUBMITTED, "Rejected": SUBMITTED},
    "SendBonus": _unsubmitted(NOT_YET) | {"Submitted": "Submitted", "Approved": "Approved", "Rejected": "Rejected"},
}
SHOWS = ("Submitted", "Approved", "Rejected")
"""States in which an assignment can be looked at."""

# ------------------------------------------------------------------------------------------------ the stage


def wanted(table: dict[str, dict[str, Cell]]) -> Counter[str]:
    """How many things of each state a table uses up: one for each cell that changes something, and one for all others."""
    counts: Counter[str] = Counter()
    for cells in table.values():
        counts.update({state: 1 for state, cell in cells.items() if isinstance(cell, str)})
    return counts + Counter({state: 1 for cells in table.values() for state in cells})


@dataclass
class Stage:
    """HITs and assignments in every state, made at once: those for `DONE` cells are used up one by one."""

    asker: Turk
    client: Any
    other_type: str
    hits: dict[str, list[str]] = field(default_factory=dict)
    assignments: dict[str, list[str]] = field(default_factory=dict)
    worker: str = ""

    def thing(self, kind: str, state: str, cell: Cell) -> str:
        """One that an operation may change, or the one that stays as it is."""
        things: list[str] = getattr(self, kind)[state]
        return things.pop() if isinstance(cell, str) and len(things) > 1 else things[0]


async def _work(asker: Turk, places: list[tuple[str, str, int]], person: Any) -> list[str]:
    """Brings one worker's assignments (state, job, position) where they should be; their ids here."""
    async with Market(asker.running.url) as market:
        worker, ids = await Worker.sign_in(market, person), []
        for state, job, position in places:
            taken = await worker.take(job, position)
            ids.append(str(taken["id"]))
            path = f"/v1/assignments/{taken['id']}"
            if state == "Returned":
                await market.post(f"{path}/return", {}, worker.session)
            elif state == "Committed":
                await market.post(f"{path}/commit", {"commitment": "0x" + secrets.token_hex(32)}, worker.session)
            elif state in ("Submitted", "Approved", "Rejected"):
                await worker.answer(await market.get(f"/v1/jobs/{job}"), taken, {"fields": [["q", "yes"]]}, secrets.token_bytes(32))
        return ids


def stage_of(running: Works) -> Stage:
    """Everything that the tables need."""
    asker, person = turk(running), new_key()
    client = asker.client()
    given = {name: HIT[name] for name in ("Title", "Description", "AssignmentDurationInSeconds")}
    stage = Stage(asker, client, client.create_hit_type(**given, Reward="0.03")["HITTypeId"], worker=worker_id(person.address))
    hits = list(wanted(HIT_TABLE).elements())
    works = [state for state in wanted(ASSIGNMENT_TABLE).elements() if state not in NOWHERE]
    made = [client.create_hit(**HIT)["HIT"]["HITId"] for _ in (*hits, *works)]
    busy = {"Unassignable": "Accepted", "Expired": "Accepted", "Submitted": "Submitted"}
    plan = [(hit, busy[state]) for hit, state in zip(made, hits, strict=False) if state in busy]
    plan += list(zip(made[len(hits) :], works, strict=True))
    ids = asyncio.run(_work(asker, [(state, asker.job_of(hit), asker.position_of(hit)) for hit, state in plan], person))
    for hit, state in zip(made, hits, strict=False):
        _bring(client, hit, state)
        stage.hits.setdefault(state, []).append(hit)
    for id, state in zip(ids[-len(works) :], works, strict=True):
        _decide(running, client, id, state)
        stage.assignments.setdefault(state, []).append(assignment_id(id))
    stage.assignments |= {"Unknown": [assignment_id("0x" + "ab" * 16)], "Another's": stage.assignments["Submitted"][:1]}
    return stage


def _bring(client: Any, hit: str, state: str) -> None:
    if state in ("Expired", "Reviewable", "Reviewing", "Disposed"):
        client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
    if state == "Reviewing":
        client.update_hit_review_status(HITId=hit)
    if state == "Disposed":
        client.delete_hit(HITId=hit)


def _decide(running: Works, client: Any, id: str, state: str) -> None:
    if state == "Approved":
        client.approve_assignment(AssignmentId=assignment_id(id))
    elif state == "Rejected":
        client.reject_assignment(AssignmentId=assignment_id(id), RequesterFeedback="no")
    elif state == "Abandoned":
        running.write("UPDATE assignment SET expires_at = created_at WHERE id = :id", id=id)
        running.until("SELECT 1 FROM assignment WHERE id = :id AND state = 'expired'", id=id)


@pytest.fixture(scope="module")
def stage(running: Works) -> Iterator[Stage]:
    yield stage_of(running)


def did(call: Callable[[], Any]) -> Cell | None:
    """None, or how a call was refused."""
    try:
        call()
    except ClientError as error:
        return error.response["TurkErrorCode"].removeprefix("AWS.MechanicalTurk."), error.response["Error"]["Message"]
    return None


def agrees(cell: Cell, found: Cell | None, state: str) -> bool:
    """Whether what happened is what the table says."""
    if isinstance(cell, str):
        return found is None and state == cell
    return found is not None and found[0] == cell[0] and cell[1] in found[1]


@pytest.mark.parametrize("operation", HIT_OPERATIONS)
def test_a_hits_state_decides(stage: Stage, operation: str) -> None:
    wrong = {}
    for state, cell in HIT_TABLE[operation].items():
        hit = stage.thing("hits", state, cell)
        found = did(lambda hit=hit: HIT_OPERATIONS[operation](stage.client, hit, stage.other_type))
        after = stage.client.get_hit(HITId=hit)["HIT"]["HITStatus"]
        if not agrees(cell, found, after) or (found and after != SHOWN.get(state, state)):
            wrong[state] = {"expected": cell, "found": found, "after": after}
    assert not wrong, wrong


@pytest.mark.parametrize("operation", ASSIGNMENT_OPERATIONS)
def test_an_assignments_state_decides(stage: Stage, operation: str) -> None:
    wrong, stranger = {}, turk(stage.asker.running, 1).client()
    for state, cell in ASSIGNMENT_TABLE[operation].items():
        id, client = stage.thing("assignments", state, cell), stranger if state == "Another's" else stage.client
        found = did(lambda id=id, client=client: ASSIGNMENT_OPERATIONS[operation](client, id, stage.worker))
        after = state if found or state not in SHOWS else client.get_assignment(AssignmentId=id)["Assignment"]["AssignmentStatus"]
        if not agrees(cell, found, after):
            wrong[state] = {"expected": cell, "found": found, "after": after}
    assert not wrong, wrong


def test_the_tables_have_every_cell() -> None:
    assert HIT_TABLE.keys() == HIT_OPERATIONS.keys() and all(cells.keys() == HIT_STATES.keys() for cells in HIT_TABLE.values())
    assert ASSIGNMENT_TABLE.keys() == ASSIGNMENT_OPERATIONS.keys()
    assert all(cells.keys() == set(STATES) for cells in ASSIGNMENT_TABLE.values())
