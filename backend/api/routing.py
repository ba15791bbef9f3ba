"""Models and people: predictions, who labels what, the audit, and Ground Truth's manifests."""

from asyncio import to_thread
from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from backend.api.bodies import Body, Nothing
from backend.api.requests import account, choice, coordinator, hex_text, limit, read
from backend.api.schema import JSON, spec
from backend.services.postings import Job
from backend.services.routing import Standing
from piecework.domain.errors import Invalid

router = APIRouter(prefix="/v1/jobs/{job}", tags=["routing"])
MOST_BYTES = 64 << 20
LONGEST_NAME = 127


class NewPrediction(Body):
    """A model's label of a unit, and how sure it says it is, 0 to 1."""

    unit: int
    label: str
    confidence: float


class NewPredictions(Body):
    """What a model says. Units that aren't named keep what was said of them."""

    predictions: list[NewPrediction]


class NewRouting(Body):
    """How to split a job: the model labels where it is right in `target_bps` (1/10,000) by the lower bound of an exact interval; people label
    the rest, and `audit` of the model's units without seeing its word. `seed` draws the samples; it counts at the first step."""

    target_bps: int = 9_500
    audit: int = 100
    seed: int = 0


class AuditView(msgspec.Struct):
    """In how many of the audited units people say what the model says, with the exact 95 % interval."""

    asked: int
    right: int
    accuracy: float
    low: float
    high: float


class RoutingView(msgspec.Struct):
    """`state`: none, validation (people label a random sample) or routed. `threshold` is the least confidence with which the model labels,
    null where it may label nothing. `units` counts validation, model, audit and people."""

    state: str
    target_bps: int | None
    threshold: float | None
    units: dict[str, int]
    audit: AuditView | None
    changed_at: datetime | None


class TrainedView(msgspec.Struct):
    """How many labelled units the built-in classifier learnt from."""

    learnt_from: int


class NextView(msgspec.Struct):
    """Units, the least sure first."""

    units: list[int]


@router.put("/predictions", **spec(None, 204, NewPredictions, auth="jobs:write"))
async def predict(request: Request, job: str) -> Response:
    """Takes a model's predictions of a job's units."""
    found, body = _own(request, job), await read(request, NewPredictions, MOST_BYTES)
    await coordinator(request).router.predict(found, [msgspec.structs.asdict(one) for one in body.predictions])
    return Response(status_code=204)


@router.post("/predictions/train", **spec(TrainedView, reads=Nothing, auth="jobs:write"))
async def train(request: Request, job: str) -> Response:
    """Has the small built-in classifier of texts, or of pictures at public addresses, learn from the units that people have labelled, and
    predict all."""
    found, router = await to_thread(_own, request, job), coordinator(request).router
    return JSON(TrainedView(await router.turns.run(router.train, found)))


@router.get("/predictions/next", **spec(NextView, auth="review", query=("limit",)))
def following(request: Request, job: str) -> Response:
    """The units to label next, for a model to learn most: those that it is least sure of and nobody has been asked."""
    return JSON(NextView(coordinator(request).router.next(_own(request, job), limit(request))))


@router.post("/routing", **spec(RoutingView, reads=NewRouting, auth="jobs:write"))
async def route(request: Request, job: str) -> Response:
    """Goes the next step in splitting a job between its model and people."""
    found, body = _own(request, job), await read(request, NewRouting)
    return JSON(_view(await to_thread(coordinator(request).router.route, found, body.target_bps, body.audit, body.seed)))


@router.get("/routing", **spec(RoutingView, auth="review"))
def standing(request: Request, job: str) -> Response:
    """How a job is split, and what the audit says of the model's part."""
    return JSON(_view(coordinator(request).router.standing(_own(request, job))))


@router.get("/manifest", **spec(None, auth="review", query=("name", "kind")))
def manifest(request: Request, job: str) -> Response:
    """The job's output as SageMaker Ground Truth writes it (JSON Lines): `name` is the label's key, `kind` classification, or verification
    where the job says what people think of a label that is in its units already."""
    name = request.query_params.get("name", "label")
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"name is the label's key, 1 to {LONGEST_NAME} characters.")
    kind = choice("kind", request.query_params.get("kind"), ("classification", "verification"))
    return StreamingResponse(coordinator(request).router.lines(_own(request, job), name, kind == "verification"), media_type="application/jsonl")


def _own(request: Request, job: str) -> Job:
    return coordinator(request).postings.owned(hex_text("The job's id", job, 32), account(request))


def _view(found: Standing) -> RoutingView:
    row, audit = found.routing, found.audit
    state = "none" if row is None else "routed" if row.routed else "validation"
    seen = None if audit is None else AuditView(audit.asked, audit.right, audit.accuracy, audit.low, audit.high)
    if row is None:
        return RoutingView(state, None, None, found.roles, seen, None)
    return RoutingView(state, row.target_bps, row.threshold, found.roles, seen, row.changed_at)
