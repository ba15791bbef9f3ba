"""What waits for whoever asks, and until when."""

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.requests import account, coordinator
from backend.api.schema import JSON, spec
from backend.store import deadlines
from backend.store.deadlines import Deadline

router = APIRouter(prefix="/v1", tags=["notices"])
_NAMED = {"contest": "opening", "appeal": "opening", "defend": "appeal", "answer": "assignment", "reveal": "assignment"}


class WaitingView(msgspec.Struct):
    """Something to do, for `slots` slots of a job. `step` says what: answer or reveal (an assignment that one holds), review (answers),
    approve (batches, by a signature), contest, appeal or defend (`subject` is the opening or the appeal), or close: the job ends then,
    and these answers are neither approved nor opened. `since` and `until` are Unix seconds; `until` is null where nothing runs out."""

    step: str
    job: str
    about: str
    """What `subject` is: job, opening, appeal or assignment."""
    subject: str
    slots: int
    since: int
    until: int | None


@router.get("/waiting", **spec(list[WaitingView], auth="notices"))
def waiting(request: Request) -> Response:
    """What one may do now, what is due first before the rest: at most a thousand of each kind."""
    own, services = account(request), coordinator(request)
    now = services.recourse.now()
    with services.store.read() as connection:
        found = deadlines.of_account(connection, own, now)
    return JSON({"items": [_view(one) for one in found], "next": None})


def _view(one: Deadline) -> WaitingView:
    return WaitingView(one.step, one.job, _NAMED.get(one.step, "job"), one.subject, one.slots, one.since, one.until)
