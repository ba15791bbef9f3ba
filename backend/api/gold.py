"""Known units and what follows from them: for the requester which there are and what they grant, for a worker how it stands."""

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.bodies import Body
from backend.api.requests import account, coordinator, hex_text, read
from backend.api.schema import JSON, spec
from backend.services.postings import Job

router = APIRouter(prefix="/v1", tags=["gold"])
MOST_BYTES = 4 << 20


class KnownUnit(Body):
    """A unit and its label. With an explanation it is one to learn by: its worker is told both once it has answered."""

    unit: int
    label: str
    explanation: str | None = None


class NewGold(Body):
    """Units whose answer is known. Each is given to a worker at most once, and to as many workers as it has slots; the public list of units
    shows how many those are, so give known units as many as the others."""

    units: list[KnownUnit]


class KnownUnitView(msgspec.Struct):
    """`leaked`: those who came later got it right more often than chance would have it, so it has probably been told on."""

    unit: int
    label: str
    explanation: str | None
    slots: int
    taken: int
    answered: int
    right: int
    leaked: bool


class RuleCondition(Body):
    """A fact compared with a number: gold_asked, gold_right, gold_right_share, gold_doubt, answers, skill or skill_low; one of < ≤ = ≥ >."""

    fact: str
    compare: str
    value: float


class NewRule(Body):
    """All conditions together grant one of the requester's qualifications, or take it back."""

    name: str
    conditions: list[RuleCondition]
    qualification: str
    value: int = 1
    revoke: bool = False


class RulesBody(Body):
    """A job's rules; of several on one qualification that hold, the last decides."""

    rules: list[NewRule]


class TaughtView(msgspec.Struct):
    unit: int
    said: str
    label: str
    explanation: str


class StandingView(msgspec.Struct):
    """What known units say of a worker in a job: how many it was right about, the middle 95 % of its accuracy, the chance that it is right
    in less than the job asks for. `shut` is why it is given no more; nothing here touches pay."""

    asked: int
    right: int
    low: float
    high: float
    doubt: float
    shut: str | None
    taught: list[TaughtView]


@router.put("/jobs/{job}/gold", **spec(None, 204, NewGold, auth="jobs:write"))
async def set_gold(request: Request, job: str) -> Response:
    """Says which of a job's units are known; more can be added, and a label mended, at any time."""
    services, found = coordinator(request), _own(request, job)
    body = await read(request, NewGold, MOST_BYTES)
    labels = services.postings.manifest(services.postings.row(found.id))["labels"] or []
    await services.gold.know(found, [msgspec.structs.asdict(one) for one in body.units], labels)
    return Response(status_code=204)


@router.get("/jobs/{job}/gold", **spec(list[KnownUnitView], auth="review"))
def gold(request: Request, job: str) -> Response:
    """A job's known units, how often they were answered and how often rightly, and whether they have leaked; for its requester."""
    units, right, leaked = coordinator(request).gold.known(_own(request, job))
    items = [
        KnownUnitView(
            *(row.unit, row.label, row.explanation, row.slots, row.uses),
            *(len(right.get(str(row.unit), ())), sum(right.get(str(row.unit), ())), str(row.unit) in leaked),
        )
        for row in units
    ]
    return JSON({"items": items, "next": None})


@router.put("/jobs/{job}/rules", **spec(RulesBody, reads=RulesBody, auth="jobs:write"))
async def set_rules(request: Request, job: str) -> Response:
    """Says by which facts the job's workers are granted the requester's qualifications."""
    services, found = coordinator(request), _own(request, job)
    body = await read(request, RulesBody)
    for rule in body.rules:
        rule.qualification = hex_text("qualification", rule.qualification, 16)
    await services.rules.set(found, [msgspec.to_builtins(rule) for rule in body.rules])
    return JSON(body)


@router.get("/jobs/{job}/rules", **spec(RulesBody, auth="review"))
def rules(request: Request, job: str) -> Response:
    """A job's rules, for its requester."""
    return JSON({"rules": coordinator(request).rules.of(_own(request, job))})


@router.get("/me/jobs/{job}/standing", **spec(StandingView, auth="assignments"))
def standing(request: Request, job: str) -> Response:
    """How one stands in a job that mixes known units in, and what those to learn by have taught."""
    services = coordinator(request)
    found = services.gold.stand(services.postings.find(hex_text("The job's id", job, 32)), account(request))
    s = found.standing
    taught = [TaughtView(one.unit, one.said, one.label, one.explanation) for one in found.taught]
    return JSON(StandingView(s.asked, s.right, found.low, found.high, s.doubt, found.shut, taught))


def _own(request: Request, job: str) -> Job:
    return coordinator(request).postings.owned(hex_text("The job's id", job, 32), account(request))
