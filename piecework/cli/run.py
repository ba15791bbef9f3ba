"""`piecework run`: an unmodified program for Mechanical Turk, against a marketplace."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from piecework.domain.errors import Invalid
from piecework.shim.run import own_environment, run_redirected
from piecework.stack.state import DEFAULT_DATA, running_stack

UrlOption = Annotated[str | None, typer.Option("--url", help="The marketplace; default: the running 'piecework up'.", show_default=False)]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="A file of 'piecework mturk-key --json' with the access key; default: the devnet's, or AWS_… as they are set."),
]
DataOption = Annotated[Path, typer.Option("--data", help="The data directory of the running 'piecework up'.")]


def run(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, behind --.")],
    url: UrlOption = None,
    key: KeyOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Run a program that has Amazon's address built in (Dallinger, psiTurk, Mephisto, oTree …) against this marketplace.

    A proxy on this machine and a certificate authority that lives as long as the command stand in for Amazon's address, in the
    command's environment only. The exit code is the command's.

    Example: piecework run -- python post_hits.py
    """
    stack = running_stack(data) if url is None else None
    if url is None and stack is None:
        raise Invalid(f"Nothing runs from {data}: say 'piecework up' first, or name a marketplace with --url.")
    known = json.loads(key.read_text()) if key else (stack.mturk if stack else None) or {}
    market = url or (stack.url if stack else "")
    raise typer.Exit(asyncio.run(run_redirected(command, market, _credentials(known), own_environment())))


def _credentials(found: dict[str, str]) -> dict[str, str]:
    names = {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_DEFAULT_REGION": "region_name",
    }
    return {name: found[field] for name, field in names.items() if field in found}
