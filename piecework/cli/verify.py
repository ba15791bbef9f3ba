"""`piecework verify`: whether a job's content is what the chain holds its hash of."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from piecework.chain.deployment import Deployment
from piecework.chain.rpc import Rpc
from piecework.cli.claim import key_in
from piecework.client.market import Market, Session
from piecework.client.verify import verify_all, verify_job, verify_units
from piecework.domain.errors import Invalid

JobArgument = Annotated[str, typer.Argument(help="The job's id.", show_default=False)]
UrlOption = Annotated[str, typer.Option("--url", help="The coordinator.")]
RpcOption = Annotated[str | None, typer.Option("--rpc", help="A node that you trust; else the one that the coordinator names.")]
DeploymentOption = Annotated[
    Path | None, typer.Option("--deployment", help="The deployment file that says which escrow; else the coordinator's word.")
]
UnitOption = Annotated[list[int] | None, typer.Option("--unit", help="Prove this unit too, the first is 0; as often as you like.")]
AllOption = Annotated[bool, typer.Option("--all", help="Prove all units, for the job's requester.")]
KeyOption = Annotated[Path | None, typer.Option("--key-file", help="Your private key, 0x hex, to see units by; else PIECEWORK_KEY.")]


def verify(
    job: JobArgument,
    url: UrlOption = "http://127.0.0.1:8000",
    rpc: RpcOption = None,
    deployment: DeploymentOption = None,
    unit: UnitOption = None,
    all: AllOption = False,
    key_file: KeyOption = None,
) -> None:
    """Check a job's terms and content against the chain, and any of its units against its content.

    Units are shown to the job's requester and, one by one, to who holds or held them; terms and content to anybody.

    Example: piecework verify 0x3f… --unit 0 --key-file me.key
    """
    console = Console()
    asyncio.run(_verify(console, job.lower(), url, rpc, deployment, unit or [], all, key_file))


async def _verify(
    console: Console, job: str, url: str, rpc: str | None, deployment: Path | None, units: list[int], all: bool, key_file: Path | None
) -> None:
    async with Market(url) as market:
        domain = market.domain if deployment is None else Deployment.load(deployment).domain
        found = await market.get(f"/v1/jobs/{job}")
        funded = await asyncio.to_thread(verify_job, found, domain, Rpc(rpc or market.info["rpc_url"]), job)
        console.print(f"The terms are the job's, and the content is what they say ({found['manifest']['units']} units).")
        console.print(f"The chain holds money for {funded} slots." if funded else "It isn't posted on the chain.")
        if not units and not all:
            return
        key = key_in(key_file, "PIECEWORK_KEY")
        if key is None:
            raise Invalid("Say whose key to look with: --key-file, or PIECEWORK_KEY.")
        session = await market.sign_in(key)
        if units:
            count = await verify_units(market, found, session, units)
            console.print(f"{count} unit{'s' if count > 1 else ''} proven.")
        if all:
            await _all(console, market, found, session)


async def _all(console: Console, market: Market, job: dict[str, object], session: Session) -> None:
    total = job["units"]
    assert isinstance(total, int)
    columns = (TextColumn("Reading units"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=total)
        async for count in verify_all(market, job, session):
            progress.update(bar, completed=count)
    console.print(f"All {total} units are the job's.")
