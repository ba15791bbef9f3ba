"""What Prometheus asks of a coordinator. Each process counts for itself; what is read out of the database all of them say alike."""

from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from backend.api.guard import CLIENT, Networks
from backend.api.health import readiness
from backend.api.meter import Meter
from backend.api.requests import coordinator
from backend.services.coordinator import Coordinator
from backend.store import lanes, unit_loads
from piecework.domain.errors import Forbidden
from piecework.operation.exposition import CONTENT_TYPE, Family, exposition

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """The numbers, for those networks only that PIECEWORK_METRICS_FROM names.

    Raises:
        Forbidden: the request comes from elsewhere, or through a proxy that isn't trusted to say whence.
    """
    watchers: Networks = request.app.state.watchers
    client = request.scope[CLIENT]
    if client is None or not watchers.has(client):
        raise Forbidden("Metrics are for those networks only that PIECEWORK_METRICS_FROM names.")
    return Response(render(coordinator(request), request.app.state.meter), media_type=CONTENT_TYPE)


def render(services: Coordinator, meter: Meter) -> str:
    """All metrics at one moment. A database that is away takes only its own numbers with it."""
    own = {"chain_id": str(services.deployment.chain_id), "escrow": services.deployment.escrow}
    families = [*_own(services), *_requests(meter)]
    try:
        families += _stored(services, services.clock())
    except SQLAlchemyError:  # which database_up says
        families.append(Family("database_up", "gauge", "The database answers.", [({}, 0)]))
    return exposition("piecework_", own, families)


def _own(services: Coordinator) -> Iterator[Family]:
    """What this process knows of itself."""
    view, writer = readiness(services), services.store.writer
    counts = writer.counts
    yield Family("up", "gauge", "The process answers.", [({}, 1)])
    yield Family("ready", "gauge", "Database, chain, mirror and settler work together.", [({}, int(view.ready))])
    blocks = {"chain": view.chain_block, "mirror": view.mirrored_block}
    samples = [({"of": of}, number) for of, number in blocks.items() if number is not None]
    yield Family("block", "gauge", "The newest block of the chain, and the last one that is mirrored.", samples)
    yield Family("leads", "gauge", "This process is the one that settles.", [({}, int(services.settler.leads))])
    yield Family("commit_seconds", "histogram", "How long a transaction of the writer took.", [({}, counts.commits)])
    yield Family("writes_total", "counter", "Pieces of work that these transactions did.", [({}, counts.works)])
    yield Family("writes_waiting", "gauge", "Pieces of work that wait for the next transaction.", [({}, writer.waiting)])
    conflicts = [({"end": "again"}, counts.again), ({"end": "lost"}, counts.lost)]
    yield Family("lock_conflicts_total", "counter", "Writes in whose way another process was, by what came of it.", conflicts)
    yield Family("writes_refused_total", "counter", "Transactions that the database refused as a whole.", [({}, counts.refused)])
    settlers = {services.settler, services.tower_settler}
    carried = [({"kind": kind}, times) for settler in settlers for kind, times in list(settler.carried.items())]
    yield Family("carried_seconds", "histogram", "From an intent's queueing to its confirmation, where this process settles.", carried)


def _requests(meter: Meter) -> Iterator[Family]:
    answers = [
        ({"method": method, "route": route, "class": kind}, times) for (method, route, kind), times in list(meter.answers.items())
    ]
    seconds = [({"method": method, "route": route}, times) for (method, route), times in list(meter.seconds.items())]
    yield Family("requests_total", "counter", "Answers by route and class.", answers)
    yield Family("request_seconds", "histogram", "How long a route took to begin its answer.", seconds)


def _stored(services: Coordinator, now: datetime) -> list[Family]:
    """What the database says."""
    with services.store.read() as connection:
        states, outbox, loads = lanes.states(connection), lanes.by_kind(connection), unit_loads.by_state(connection)
    rows = [({"lane": lane, "kind": kind, "state": state}, count, since) for lane, kind, state, count, since in outbox]
    depth = [(labels, count) for labels, count, _ in rows]
    age = [(labels, (now - since).total_seconds()) for labels, _, since in rows if labels["state"] in ("queued", "signed")]
    halted = [({"lane": row.lane}, int(row.state == "halted")) for row in states]
    ages = [({"lane": row.lane}, (now - row.updated_at).total_seconds()) for row in states]
    gas = [({"lane": row.lane}, row.balance) for row in states if row.balance is not None]
    return [
        Family("database_up", "gauge", "The database answers.", [({}, 1)]),
        Family("outbox", "gauge", "Intents by lane, kind and state.", depth),
        Family("outbox_age_seconds", "gauge", "Age of the oldest intent that isn't at its end.", age),
        Family("lane_halted", "gauge", "Nothing of the lane is sent until somebody looks.", halted),
        Family("lane_report_age_seconds", "gauge", "How long ago its settler said how it does.", ages),
        Family("lane_balance_wei", "gauge", "What a lane's key has for gas.", gas),
        Family("loads", "gauge", "Loads of units by state.", [({"state": state}, count) for state, count in loads.items()]),
    ]
