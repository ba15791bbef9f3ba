"""`piecework replay` and `piecework demo`: real answers through the whole marketplace."""

import asyncio
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from piecework.client import Market, Requester
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.typed_data import Key
from piecework.domain.units import base_units
from piecework.replay.answers import read_answers, read_truth
from piecework.replay.plan import Plan
from piecework.replay.readback import read_back
from piecework.replay.run import Replay
from piecework.sql import open_engine, reading
from piecework.stack.accounts import dev_key
from piecework.stack.state import running_stack

DEMO = Path(__file__).parents[1] / "replay" / "data" / "dawid_skene_1979.csv"
DEFAULT_DATA = Path(".piecework")

DataOption = Annotated[Path, typer.Option("--data", help="The data directory of 'piecework up' on this machine.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="The marketplace; without it, the one that runs from --data.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
SeedOption = Annotated[str, typer.Option("--seed", help="Another seed makes another job, with other wallets, of the same file.")]


def replay(
    answers: Annotated[Path, typer.Argument(help="CSV with the columns task, worker, label; others are ignored.", show_default=False)],
    truth: Annotated[Path | None, typer.Option("--truth", help="CSV with task and label: what is right.")] = None,
    reward: Annotated[str, typer.Option("--reward", help="What one answer pays, in the marketplace's token.")] = "0.05",
    url: UrlOption = None,
    seed: SeedOption = "piecework",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Send a file of real answers through the marketplace, pay for them, and read everything back.

    Each worker of the file becomes a wallet. The requester funds one job on the chain; every answer is taken, committed,
    receipted and revealed over HTTP; the requester approves; the escrow pays into the wallets, and every fourth worker takes
    the ledger instead and withdraws by a relayed signature. Interrupted anywhere, run it again: it finishes the same job and
    pays nobody twice.

    Example: piecework replay answers.csv --truth truth.csv --reward 0.05
    """
    result, _ = asyncio.run(_replay(answers, truth, reward, url, seed, data, as_json, answers.name))
    _print(result, as_json)
    if not result["exact"]:
        raise typer.Exit(1)


def demo(url: UrlOption = None, seed: SeedOption = "piecework", data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Replay Dawid and Skene's anaesthetists (1979) and print the paper's figures beside ours.

    45 patients, 5 observers, 315 real ratings: one wallet an observer, five cents a rating.

    Example: piecework up --detach && piecework demo
    """
    from piecework.replay.report import show_paper

    title = "Fitness for anaesthesia, on a scale of 1 to 4"
    result, crowd = asyncio.run(_replay(DEMO, None, "0.05", url, seed, data, as_json, title))
    _print(result, as_json)
    if not as_json:
        show_paper(Console(), result, crowd)
    if not result["exact"]:
        raise typer.Exit(1)


async def _replay(
    path: Path, truth: Path | None, reward: str, url: str | None, seed: str, data: Path, as_json: bool, title: str
) -> tuple[dict[str, Any], Any]:
    answers = read_answers(path)
    right = read_truth(truth) if truth else None
    if right is not None and not right.keys() & set(answers.tasks):
        raise Invalid(f"{truth} says nothing of any task in {path}.")
    stack = running_stack(data)
    url = url or (stack.url if stack else None)
    if url is None:
        raise Invalid("No marketplace runs here; start one with 'piecework up --detach', or name one with --url.")
    database = reading(open_engine(stack.database_url)) if stack and stack.url == url.rstrip("/") else None
    async with Market(url) as market:
        plan = Plan(answers, seed, base_units(reward, market.info["token"]["decimals"]), title)
        if plan.reward == 0:
            raise Invalid("The reward must be more than nothing.")
        with alone(plan, market.info["siwe"]["uri"]):
            requester = await Requester.sign_in(market, _requester_key(market))
            return await _carry(plan, market, requester, right, database, as_json)


@contextmanager
def alone(plan: Plan, where: str) -> Iterator[None]:
    """One replay of a plan at a time from this machine at one marketplace: two would each answer for the same workers. A killed one lets
    go."""
    name = hashlib.sha256(plan.salt + where.encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"piecework-replay-{os.getuid()}-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Another replay of this file is running; wait for it, or choose another --seed.") from None
        yield


async def _carry(
    plan: Plan, market: Market, requester: Requester, truth: dict[str, str] | None, database: Engine | None, quiet: bool
) -> tuple[dict[str, Any], Any]:
    with _progress(quiet) as step:
        outcome = await Replay(plan, market, requester, step).run()
        with step("read back", 1) as done:
            back = await read_back(plan, market, outcome.job, requester.rpc, database)
            done(1)
        with step("consensus", 1) as done:
            # Imported late: pandas and crowd-kit take seconds, which nobody should wait for before an error in the file.
            from piecework.replay.consensus import consensus
            from piecework.replay.report import answers_of, summary

            crowd = await asyncio.to_thread(consensus, answers_of(plan, outcome.submissions))
            done(1)
    return summary(plan, outcome, back, crowd, truth, market.info["token"]), crowd


def _requester_key(market: Market) -> Key:
    """PIECEWORK_REQUESTER_KEY, or on a devnet the account that everybody knows."""
    secret = os.environ.get("PIECEWORK_REQUESTER_KEY")
    if secret:
        return Key(secret)
    if market.info["devnet"]:
        return dev_key("requester")
    raise Invalid("This marketplace is no devnet: set PIECEWORK_REQUESTER_KEY to the key of the wallet that pays.")


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int], AbstractContextManager[Callable[[int], None]]]]:
    """A bar a step, on standard error."""
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet and not console.is_terminal) as progress:

        @contextmanager
        def step(name: str, parts: int) -> Iterator[Callable[[int], None]]:
            task = progress.add_task(name, total=parts)
            yield lambda more: progress.advance(task, more)

        yield step


def _print(result: dict[str, Any], as_json: bool) -> None:
    from piecework.replay.report import show

    if as_json:
        print(json.dumps(result))
    else:
        show(Console(), result)
