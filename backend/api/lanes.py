"""How settling is doing, for whoever runs the service and whoever waits for money."""

from datetime import datetime

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api.requests import coordinator
from backend.api.schema import JSON, spec
from backend.services.coordinator import Coordinator
from backend.store import lanes

router = APIRouter(prefix="/v1", tags=["settlement"])


class LaneView(msgspec.Struct):
    """A key that sends: how it is doing (working, waiting or halted) in its settler's last words, and what it has for gas, in wei."""

    lane: str
    state: str
    detail: str
    account: str
    balance: str | None
    updated_at: datetime


class LoadView(msgspec.Struct):
    """How many intents of a lane are in a state, since when the oldest, and the gas that they used."""

    lane: str
    state: str
    count: int
    since: datetime
    gas_used: int


class SettlementView(msgspec.Struct):
    """`leads`: whether the process that answers is the one that settles."""

    leads: bool
    lanes: list[LaneView]
    outbox: list[LoadView]


@router.get("/settlement", **spec(SettlementView))
def settlement(request: Request) -> Response:
    """How each key that sends is doing, and what the outbox holds."""
    return JSON(shown(coordinator(request)))


def shown(services: Coordinator) -> SettlementView:
    """What every process of the service says alike, `leads` aside."""
    with services.store.read() as connection:
        states, load = lanes.states(connection), lanes.load(connection)
    return SettlementView(
        services.settler.leads,
        [
            LaneView(row.lane, row.state, row.detail, row.account, None if row.balance is None else str(row.balance), row.updated_at)
            for row in states
        ],
        [LoadView(lane, state, count, since, int(gas or 0)) for lane, state, count, since, gas in load],
    )
