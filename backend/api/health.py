"""Whether it works, and what a client must know to begin."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from backend.api.requests import coordinator
from backend.api.schema import JSON, spec
from backend.api.views import MarketView, ReadyView, SiweView, TokenInfoView
from backend.services.coordinator import Coordinator
from backend.store import lanes, mirror
from piecework.domain.errors import PieceworkError

router = APIRouter(tags=["health"])
MOST_BEHIND = 20
"""Blocks that the mirror may be behind the chain and still be called ready."""


@router.get("/health", include_in_schema=False)
async def health() -> Response:
    """The process answers."""
    return JSON({"status": "ok"})


@router.get("/ready", **spec(ReadyView))
def ready(request: Request) -> Response:
    """Database, chain, mirror and settler work together; else 503, and in a sentence what doesn't."""
    view = readiness(coordinator(request))
    return JSON(view, 200 if view.ready else 503)


@router.get("/v1/info", **spec(MarketView))
def market(request: Request) -> Response:
    """Chain, contracts, keys and fees of this marketplace."""
    return JSON(info(coordinator(request)))


def info(services: Coordinator) -> MarketView:
    """What a client must know to begin."""
    d = services.deployment
    with services.store.read() as connection:
        fee_bps = mirror.fee_bps(connection)
    return MarketView(
        version=version("piecework"),
        chain_id=d.chain_id,
        rpc_url=services.settings.public_rpc_url or services.rpc.url,
        escrow=d.escrow,
        token=TokenInfoView(d.token, d.token_symbol, d.token_decimals),
        coordinator=services.key.address,
        relayer=services.relayer.address,
        fee_bps=fee_bps,
        push_gas=services.settings.push_gas,
        siwe=SiweView(services.sessions.domain, services.sessions.uri),
        devnet=d.devnet,
    )


def readiness(services: Coordinator) -> ReadyView:
    """What doesn't work, first things first: the database, the chain, the settler, the mirror."""
    try:
        with services.store.read() as connection:
            head, states = mirror.head(connection), lanes.states(connection)
    except SQLAlchemyError:
        return ReadyView(False, None, None, "The database doesn't answer.")
    mirrored = None if head is None else head.next_block - 1
    ours = ("relayer", "coordinator") if services.settings.watchtower else ("relayer",)  # an operator's is its requester's business
    halted = [f"The {row.lane} lane is halted: {row.detail}" for row in states if row.state == "halted" and row.lane in ours]
    try:
        block = int(services.rpc.call("eth_blockNumber"), 16)
    except PieceworkError as error:
        return ReadyView(False, None, mirrored, (halted or [error.sentence])[0])
    if mirrored is None:
        return ReadyView(False, block, None, "The indexer has mirrored nothing yet.")
    if not services.settler.alive:
        return ReadyView(False, block, mirrored, "The settler has stopped; see the log, and start the backend again.")
    if halted:
        return ReadyView(False, block, mirrored, halted[0])
    behind = block - mirrored
    detail = "All is well." if behind <= MOST_BEHIND else f"The mirror is {behind} blocks behind the chain."
    return ReadyView(behind <= MOST_BEHIND, block, mirrored, detail)
