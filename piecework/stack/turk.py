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
from piecework.client.market import Market, Session
from piecework.domain.typed_data import Key, OperatorGrant

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
        issued = await market.post("/v1/mturk-keys", {"name": "the devnet's", "expires_at": ends}, session)
        await _allow(market, session, deployment, issued["operator"], ends)
        return issued | {"escrow": deployment.escrow, "expires_at": ends}


async def _allow(market: Market, session: Session, deployment: Deployment, operator: str, ends: int) -> None:
    """Gives the operator its allowance, and waits until the mirror shows it."""
    allowance = 10 * DOLLARS * 10**deployment.token_decimals  # it counts gross: what comes back from a job doesn't come back to it
    terms = {"allowance": str(allowance), "expires_at": ends, "deadline": int(time.time()) + 3600}
    asked = (await market.post(f"/v1/operators/{operator}/message", terms, session))["typed_data"]["message"]
    grant = OperatorGrant(
        session.key.address, operator, deployment.token, allowance, ends, int(asked["nonce"]), int(terms["deadline"])
    )
    signature = "0x" + session.key.sign(deployment.domain.operator_digest(grant)).hex()
    await market.post(f"/v1/operators/{operator}/grants", terms | {"nonce": grant.nonce, "signature": signature}, session)
    while True:
        mine = (await market.get("/v1/operators", session))["items"]
        if any(one["address"] == operator and int(one["allowance"]) for one in mine):
            return
        await asyncio.sleep(0.1)
