"""`piecework up`, `down` and `status`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from piecework.stack.control import health, stop
from piecework.stack.detached import start_detached
from piecework.stack.report import ConsoleReport
from piecework.stack.settings import read_options
from piecework.stack.signals import signals
from piecework.stack.state import DEFAULT_DATA, Stack, running_stack
from piecework.stack.supervisor import Supervisor

NOT_RUNNING = 3
"""The exit code of `status` when nothing runs, as service scripts have it."""

DataOption = Annotated[Path, typer.Option("--data", help="Folder for chain, database, content and logs.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
DetachOption = Annotated[bool, typer.Option("--detach", help="Return when all is ready; it runs on until 'piecework down'.")]
PortOption = Annotated[
    int | None, typer.Option("--port", help="Where to listen; 0 for any free port. By default 8000, or that of the last time.", show_default=False)
]
DevnetOption = Annotated[
    str | None,
    typer.Option(
        "--devnet",
        metavar="anvil|ganache|URL",
        help="The chain to start, or the http:// address of one that runs already. By default anvil, or that of the last time.",
        show_default=False,
    ),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="sqlite:///… or postgresql://….; by default a SQLite file in --data", show_default=False),
]


def up(
    detach: DetachOption = False,
    port: PortOption = None,
    data: DataOption = DEFAULT_DATA,
    devnet: DevnetOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the marketplace: devnet, contracts, indexer and backend; Ctrl-C or 'piecework down' stops it.

    Chain, database and content stay in --data, also after kill -9: start it again and it goes on. On a chain of your own
    (--devnet URL) PIECEWORK_DEPLOYMENT names the escrow's file, and PIECEWORK_COORDINATOR_KEY and PIECEWORK_RELAYER_KEY are the
    keys to act with; where the devnets' known accounts hold coins, an escrow is deployed instead.

    Example: piecework up --detach --devnet ganache --data /tmp/market
    """
    signals.listen()
    options = read_options(data, port, devnet, database)
    running = running_stack(options.data)
    report = ConsoleReport(Console(stderr=as_json))
    try:
        if running:
            report.say(f"It runs already, from {options.data}; its own settings hold.")
            _show(running, as_json)
        elif detach:
            _show(start_detached(options, report), as_json)
            report.say(f"\nStop it with: piecework down{_data_option(data)}")
        else:
            Supervisor(options, report).run(lambda stack: _show_foreground(stack, as_json, report))
    finally:
        report.close()


def down(data: DataOption = DEFAULT_DATA) -> None:
    """Stop the marketplace; chain, database and content stay for the next start.

    Example: piecework down --data /tmp/market
    """
    report = ConsoleReport(Console())
    data = data.resolve()
    with report.step("Stopping") as step:
        step.detail = "done" if stop(data, report) else f"nothing runs from {data}"
    report.close()


def status(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Say what runs, and how far the mirror is behind the chain; the exit code is 3 when nothing runs.

    Example: piecework status --json
    """
    found = health(data.resolve())
    if as_json:
        known = asdict(found.stack) if found.stack else {"data": str(data.resolve())}
        print(json.dumps({"state": found.condition, **known, "alive": found.alive, "ready": found.ready}))
    else:
        _say_status(found.condition, data.resolve(), found.alive)
        if found.stack:
            _show(found.stack, False)
            ready = found.ready or {"detail": "the backend doesn't answer"}
            print(f"Chain at block {ready.get('chain_block', '?')}, mirrored to {ready.get('mirrored_block', '?')}. {ready.get('detail') or ''}")
    if found.condition != "running":
        raise typer.Exit(NOT_RUNNING)


def _say_status(condition: str, data: Path, alive: dict[str, int]) -> None:
    names = ", ".join(f"{name} {pid}" for name, pid in alive.items())
    sentences = {
        "running": f"It runs from {data} ({names}).",
        "starting": f"It is starting in {data}.",
        "orphaned": f"The supervisor of {data} was killed, and its {names} still run: 'piecework up' or 'down' puts that in order.",
        "stopped": f"Nothing runs from {data}.",
    }
    print(sentences[condition])


def _show_foreground(stack: Stack, as_json: bool, report: ConsoleReport) -> None:
    _show(stack, as_json)
    report.say("\nStop it with Ctrl-C.")


def _show(stack: Stack, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(stack)), flush=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\nOpen      [bold]{stack.url}[/bold]")
    console.print(f"Chain     {stack.rpc_url} (id {stack.chain_id})")
    console.print(f"Escrow    {stack.escrow}")
    console.print(f"Token     {stack.token['symbol']} {stack.token['address']} ({stack.token['decimals']} decimals)\n")
    print(f"{'Wallet':<12} {'Address':<42}  Key")
    for account in stack.accounts:
        print(f"{account['name']:<12} {account['address']}  {account['key'] or 'yours alone'}")
    if any(account["key"] for account in stack.accounts):
        console.print("These keys are known to everybody: use them on devnets only.")


def _data_option(data: Path) -> str:
    return "" if data == DEFAULT_DATA else f" --data {data}"
