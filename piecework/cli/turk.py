"""`piecework mturk-key`: an access key for programs that speak Mechanical Turk's interface."""

import asyncio
import json
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from piecework.client.market import Market
from piecework.client.turk import issue_access_key
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.stack.state import DEFAULT_DATA, running_stack

DAY = 86_400
SHOWN = ("endpoint_url", "access_key_id", "secret_access_key", "region_name")


def mturk_key(
    allowance: Annotated[str, typer.Option("--allowance", help="Most that the key may spend, in units of the token, such as 250.")],
    account: Annotated[
        Path | None, typer.Option("--account", help="A file with the account's private key; default: the devnet's requester.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What you will know the key by.")] = "scripts",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lives.")] = 90,
    url: Annotated[str | None, typer.Option("--url", help="The marketplace; default: the running 'piecework up'.", show_default=False)] = None,
    data: Annotated[Path, typer.Option("--data", help="The data directory of the running 'piecework up'.")] = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Issue an access key that programs for Mechanical Turk take, and sign the allowance that bounds what it can spend.

    The money is that of the account's ledger in the escrow; the key can't withdraw any. The secret is shown once.

    Example: piecework mturk-key --allowance 250 --json > key.json
    """
    stack = running_stack(data) if url is None or account is None else None
    market = url or (stack.url if stack else None)
    secret = account.read_text().strip() if account else _requester(stack)
    if market is None:
        raise Invalid(f"Nothing runs from {data}: say 'piecework up' first, or name a marketplace with --url and an --account.")
    issued = asyncio.run(_issue(market, _key(secret), name, allowance, int(time.time()) + days * DAY))
    shown = {field: issued[field] for field in SHOWN}
    if as_json:
        print(json.dumps(shown))
        return
    for field, value in shown.items():
        Console().print(f"{field:<18} {value}", markup=False, highlight=False, soft_wrap=True)


async def _issue(url: str, key: Key, name: str, allowance: str, expires_at: int) -> dict[str, Any]:
    async with Market(url) as market:
        amount = _base_units(allowance, int(market.info["token"]["decimals"]))
        return await issue_access_key(market, await market.sign_in(key), name, amount, expires_at)


def _base_units(text: str, decimals: int) -> int:
    try:
        amount = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount != amount.to_integral_value() or not 0 < amount < 2**192:
        raise Invalid(f"--allowance is an amount with at most {decimals} decimals, such as 250 or 0.5; not '{text}'.")
    return int(amount)


def _requester(stack: Any) -> str:
    keys = [one["key"] for one in stack.accounts if one["name"] == "requester" and one["key"]] if stack else []
    if not keys:
        raise Invalid("Name the file of your account's key with --account: only a devnet has a requester whose key is known.")
    return str(keys[0])


def _key(secret: str) -> Key:
    try:
        return Key(secret)
    except ValueError:
        raise Invalid("The account's file doesn't hold a private key: 0x and 64 hex digits.") from None
