"""Whether it works, and what a client must know to begin."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from backend.api.requests import coordinator
from backend.api.schema import JSON, spec
from backend.api.views import MarketView, ReadyView, SiweView, TokenInfoView
from backend.services.coordinator import Coordinator
from backend.store import mirror
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
    """Database, chain and mirror work together."""
    view = _readiness(coordinator(request))
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


def _readiness(services: Coordinator) -> ReadyView:
    with services.store.read() as connection:
        head = mirror.head(connection)
    mirrored = None if head is None else head.next_block - 1
    try:
        block = int(services.rpc.call("eth_blockNumber"), 16)
    except PieceworkError as error:
        return ReadyView(False, None, mirrored, error.sentence)
    if mirrored is None:
        return ReadyView(False, block, None, "The indexer has mirrored nothing yet.")
    if not services.settler.alive:
        return ReadyView(False, block, mirrored, "The settler has stopped; see the log, and start the backend again.")
    behind = block - mirrored
    detail = "All is well." if behind <= MOST_BEHIND else f"The mirror is {behind} blocks behind the chain."
    return ReadyView(behind <= MOST_BEHIND, block, mirrored, detail)
