"""`piecework import`: what people took along from Mechanical Turk, and workers who claim their old ids."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from piecework.cli.batch import KeyOption, access_client
from piecework.client.market import Market
from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.stack.state import DEFAULT_DATA, running_stack

DataOption = Annotated[Path, typer.Option("--data", help="The data directory of the running 'piecework up'.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="The marketplace; default: the running 'piecework up'.", show_default=False)]
AccountOption = Annotated[
    Path | None, typer.Option("--account", help="A file with the account's private key; default: the devnet's requester.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]

import_ = typer.Typer(help="Take along what Mechanical Turk gave out before it closed.")


@import_.command()
def mturk(
    files: Annotated[list[Path], typer.Argument(help="Results and workers CSV, JSON of the API, HTML templates.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Where what was read is kept, for claims.")] = Path("mturk-import.json"),
    key: KeyOption = None,
    account: AccountOption = None,
    leave: Annotated[bool, typer.Option("--leave", help="Leave the workers with the marketplace, too, where they claim their ids by themselves.")] = False,
    url: UrlOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Read what was exported: qualification types are made anew, templates become HIT layouts, workers wait for their claims.

    Nobody knows which account an old worker's id belongs to, so blocks and qualifications wait until it is claimed: at the marketplace with
    --leave ('piecework import claim --send'), else by a file ('piecework import claim', 'accept'). Saying it again makes nothing twice.

    Example: piecework import mturk Batch_*_results.csv types.json blocks.json template.html
    """
    from piecework.importing.apply import leave_workers, make_layouts, make_types
    from piecework.importing.past import read_past

    past = read_past(files)
    client = access_client(key, data) if past.types else None
    types = make_types(client, past) if client else {}

    async def place() -> tuple[dict[str, str], int]:
        async with Market(_url(url, data)) as market:
            session = await market.sign_in(_key(account, data))
            return await make_layouts(market, session, past), await leave_workers(market, session, past, types) if leave else 0

    made, left = asyncio.run(place()) if past.templates or leave else ({}, 0)
    out.write_text(json.dumps(past.as_json() | {"type_ids": types, "layout_ids": made}, indent=1))
    said = {"workers": len(past.workers), "assignments": sum(len(one.assignments) for one in past.workers.values())}
    said |= {"blocked": sum(one.block is not None for one in past.workers.values()), "qualification_types": len(past.types), "file": str(out)}
    line = f"{said['workers']} workers with {said['assignments']} assignments, {said['blocked']} of them blocked, {len(past.types)} qualification types"
    _say(said | {"layouts": made, "left": left}, as_json, f"{line}, {len(made)} layouts. Kept in {out}; accept workers' claims with it.")


@import_.command()
def claim(
    worker: Annotated[str, typer.Argument(help="The old worker's id.", show_default=False)],
    assignments: Annotated[list[str], typer.Argument(help="Ids of three assignments that you did there (or all, if fewer).", show_default=False)],
    account: Annotated[Path, typer.Option("--account", help="A file with your account's private key.", show_default=False)],
    send: Annotated[bool, typer.Option("--send", help="Claim it at the marketplace, from requesters who left their workers there.")] = False,
    url: UrlOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Sign that an old worker's id was yours; send the line that is printed to your requester, or claim it at the marketplace (--send).

    The assignments prove it: only you and your requester know their ids.

    Example: piecework import claim A1B2C3 3AAA 3BBB 3CCC --account key.txt
    """
    from piecework.importing.claims import make_claim

    async def domain() -> tuple[int, str]:
        async with Market(_url(url, data)) as market:
            return int(market.info["chain_id"]), str(market.info["escrow"])

    async def claimed() -> list[dict[str, Any]]:
        async with Market(_url(url, data)) as market:
            session = await market.sign_in(_key(account, data))
            found = await market.post("/v1/mturk-workers/claims", {"worker_id": worker, "assignments": assignments}, session)
            return list(found["items"])

    if send:
        for one in asyncio.run(claimed()):
            had = "blocked, as it was" if one["blocked"] else f"welcome, {one['qualifications']} qualifications granted"
            typer.echo(f"{one['requester']}: {had}.")
        return
    typer.echo(make_claim(worker, assignments, _key(account, data), *asyncio.run(domain())).as_json())


@import_.command()
def accept(
    imported: Annotated[Path, typer.Argument(help="The file that 'piecework import mturk' wrote.", show_default=False)],
    claims: Annotated[Path, typer.Argument(help="Claims, one a line.", show_default=False)],
    key: KeyOption = None,
    url: UrlOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Check workers' claims against the results files, and give their accounts what their old ids had: qualifications, or the block.

    The exit code is 1 where a claim doesn't hold; the others are accepted all the same.

    Example: piecework import accept mturk-import.json claims.jsonl
    """
    from piecework.importing.apply import welcome
    from piecework.importing.claims import read_claims, refusal
    from piecework.importing.past import Past

    try:
        kept = json.loads(imported.read_text())
        past, types, taken = Past.of_json(kept), dict(kept["type_ids"]), dict(kept.get("claimed", {}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Invalid(f"{imported} is no file of 'piecework import mturk': {error}.") from None

    async def domain() -> tuple[int, str]:
        async with Market(_url(url, data)) as market:
            return int(market.info["chain_id"]), str(market.info["escrow"])

    here, client = asyncio.run(domain()), access_client(key, data)
    accepted, refused = {}, {}
    for one in read_claims(claims):
        owner = taken.get(one.old_id, one.account)
        others = [old for old, account in taken.items() if account == one.account and old != one.old_id]
        why = refusal(one, past, *here) or (f"{owner} has claimed it before." if owner != one.account else None)
        why = why or (f"The account has claimed {others[0]} before." if others else None)
        if why:
            refused[one.old_id] = why
            continue
        accepted[one.old_id] = welcome(client, past.workers[one.old_id], one.account, types)
        taken[one.old_id] = one.account
        imported.write_text(json.dumps(kept | {"claimed": taken}, indent=1))
    lines = [f"{old}: {what}." for old, what in accepted.items()] + [f"{old} is refused: {why}" for old, why in refused.items()]
    _say({"accepted": accepted, "refused": refused}, as_json, "\n".join(lines) or "There was no claim.")
    if refused:
        raise typer.Exit(1)


def _url(url: str | None, data: Path) -> str:
    stack = running_stack(data) if url is None else None
    found = url or (stack.url if stack else None)
    if found is None:
        raise Invalid(f"Nothing runs from {data}: say 'piecework up' first, or name a marketplace with --url.")
    return found


def _key(account: Path | None, data: Path) -> Key:
    stack = running_stack(data) if account is None else None
    secrets = [one["key"] for one in stack.accounts if one["name"] == "requester" and one["key"]] if stack else []
    try:
        return Key(account.read_text().strip() if account else str(secrets[0]))
    except IndexError:
        raise Invalid("Name the file of your account's key with --account: only a devnet has a requester whose key is known.") from None
    except (OSError, ValueError) as error:
        raise Invalid(f"{account} doesn't hold a private key, 0x and 64 hex digits: {error}.") from None


def _say(said: dict[str, Any], as_json: bool, sentence: str) -> None:
    if as_json:
        print(json.dumps(said))
    else:
        Console().print(sentence, markup=False, highlight=False, soft_wrap=True)
