"""The access key for Mechanical Turk's interface that a devnet's requester has from the start, with money behind it."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from piecework.chain.deployment import Deployment
from piecework.chain.escrow import escrow_abi, token_abi
from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.client.market import Market
from piecework.client.turk import issue_access_key
from piecework.domain.typed_data import Key

FILE = "mturk.json"
DOLLARS = 100_000
"""What the requester's ledger begins with, and what the key may spend."""
YEAR = 365 * 86_400
RENEW_BEFORE = 30 * 86_400
"""A key that ends so soon is replaced at the next start."""


def access_key(url: str, rpc: Rpc, deployment: Deployment, requester: Key, data: Path) -> dict[str, str]:
    """The access key as boto3 takes it: endpoint_url, access_key_id, secret_access_key, region_name. Kept in the data directory, so
    that it stays the same through restarts."""
    path = data / FILE
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("escrow") != deployment.escrow or kept.get("expires_at", 0) < time.time() + RENEW_BEFORE:
        _deposit(rpc, deployment, requester)
        kept = asyncio.run(_issue(url, deployment, requester))
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept))
    shown = ("access_key_id", "secret_access_key", "region_name")
    return {"endpoint_url": url} | {name: str(kept[name]) for name in shown}


def _deposit(rpc: Rpc, deployment: Deployment, requester: Key) -> None:
    amount = DOLLARS * 10**deployment.token_decimals
    Wallet(rpc, requester).send(deployment.token, token_abi().encode("mint", requester.address, amount))
    Wallet(rpc, requester).send(deployment.token, token_abi().encode("approve", deployment.escrow, amount))
    Wallet(rpc, requester, escrow_abi()).send(deployment.escrow, escrow_abi().encode("deposit", deployment.token, amount))


async def _issue(url: str, deployment: Deployment, requester: Key) -> dict[str, Any]:
    async with Market(url) as market:
        session, ends = await market.sign_in(requester), int(time.time()) + YEAR
        allowance = 10 * DOLLARS * 10**deployment.token_decimals  # it counts gross: what comes back from a job doesn't come back to it
        issued = await issue_access_key(market, session, "the devnet's", allowance, ends)
        return issued | {"escrow": deployment.escrow, "expires_at": ends}
