"""An access key for programs that speak Mechanical Turk's interface, with the allowance that bounds what it can spend."""

import asyncio
import time
from typing import Any

from piecework.client.market import Market, Session
from piecework.domain.errors import Unavailable
from piecework.domain.typed_data import OperatorGrant

CARRIED_SECONDS = 3_600
"""How long the signed allowance may be carried."""
MIRRORED_SECONDS = 60
"""How long it may take until the marketplace shows it."""


async def issue_access_key(market: Market, session: Session, name: str, allowance: int, expires_at: int) -> dict[str, Any]:
    """A new access key of the signed-in account, whose operator may spend `allowance` base units until `expires_at` (Unix seconds).

    Returns:
        endpoint_url, access_key_id, secret_access_key, region_name, operator, as the marketplace gives them.

    Raises:
        Unavailable: the allowance was signed, but the marketplace doesn't show it yet.
    """
    issued: dict[str, Any] = await market.post("/v1/mturk-keys", {"name": name, "expires_at": expires_at}, session)
    await allow(market, session, issued["operator"], allowance, expires_at)
    return issued


async def allow(market: Market, session: Session, operator: str, allowance: int, expires_at: int) -> None:
    """Signs an allowance for an operator, has it carried, and waits until the marketplace shows it.

    The message is made here from what was asked for, and only its nonce is the marketplace's word.
    """
    terms = {"allowance": str(allowance), "expires_at": expires_at, "deadline": int(time.time()) + CARRIED_SECONDS}
    shown = (await market.post(f"/v1/operators/{operator}/message", terms, session))["typed_data"]["message"]
    grant = OperatorGrant(
        session.key.address, operator, market.info["token"]["address"], allowance, expires_at, int(shown["nonce"]), int(terms["deadline"])
    )
    signature = "0x" + session.key.sign(market.domain.operator_digest(grant)).hex()
    await market.post(f"/v1/operators/{operator}/grants", terms | {"nonce": grant.nonce, "signature": signature}, session)
    until = time.monotonic() + MIRRORED_SECONDS
    while not await _has(market, session, operator, allowance):
        if time.monotonic() > until:
            raise Unavailable("The allowance is signed and on its way, but the marketplace doesn't show it yet: ask again in a while.")
        await asyncio.sleep(0.1)


async def _has(market: Market, session: Session, operator: str, allowance: int) -> bool:
    mine = (await market.get("/v1/operators", session))["items"]
    return any(one["address"] == operator and int(one["allowance"]) >= allowance for one in mine)
