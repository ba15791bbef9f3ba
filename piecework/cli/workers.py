"""`piecework workers`: simulated workers, to try jobs and programs out."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from piecework.client import Market
from piecework.crowd.profiles import Profile, read_profile
from piecework.crowd.workers import DONE, Crowd, Habits, Tally, Until, check, seed_of
from piecework.domain.errors import Invalid
from piecework.stack.state import DEFAULT_DATA, running_stack


def workers(
    count: Annotated[int, typer.Option("--count", help="How many there are.")] = 20,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="KIND[@SHARE]", help="random, spam, rule:TEXT or column:NAME; give several for a mix."),
    ] = None,
    accuracy: Annotated[float, typer.Option("--accuracy", help="How often a rule or a column is kept to; else they answer at random.")] = 1.0,
    returned: Annotated[float, typer.Option("--return", help="The share of assignments that they give back.")] = 0.0,
    abandoned: Annotated[float, typer.Option("--abandon", help="The share that they leave until its time is over.")] = 0.0,
    seconds: Annotated[float, typer.Option("--seconds", help="How long an answer takes them on average.")] = 0.0,
    answers: Annotated[int | None, typer.Option("--answers", min=1, help="Stop after so many answers.", show_default=False)] = None,
    idle: Annotated[float, typer.Option("--idle", help="Stop when for so many seconds there was nothing to do; 0 for never.")] = 5.0,
    job: Annotated[str | None, typer.Option("--job", help="Only this job; default: every open one.", show_default=False)] = None,
    text: Annotated[str | None, typer.Option("--text", help="Only jobs whose title, keywords or instructions have these words.", show_default=False)] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Another seed makes other accounts.", show_default=False)] = None,
    url: Annotated[str | None, typer.Option("--url", help="The marketplace; default: the running 'piecework up'.", show_default=False)] = None,
    data: Annotated[Path, typer.Option("--data", help="The data directory of the running 'piecework up'.")] = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")] = False,
) -> None:
    """Let simulated workers answer whatever is open, HITs and other jobs alike, through the public API.

    They take, answer, return and abandon slots like people, and are paid like people. A rule may name the unit's columns in braces; a
    column is what the unit itself says, such as a known truth; spam is always the first choice. Ctrl-C stops them.

    Example: piecework workers --count 20 --profile column:truth@8 --profile spam@2 --accuracy 0.9 --return 0.05
    """
    stack = running_stack(data) if url is None else None
    market = url or (stack.url if stack else None)
    if market is None:
        raise Invalid(f"Nothing runs from {data}: say 'piecework up' first, or name a marketplace with --url.")
    habits, until = Habits(returned, abandoned, accuracy, seconds), Until(answers, idle or None)
    check(habits, count)
    profiles, began = [read_profile(text) for text in profile or ["random"]], time.monotonic()
    tally = asyncio.run(_run(market, profiles, count, seed, habits, until, (job, text), as_json))
    said = _said(tally, count, time.monotonic() - began)
    if as_json:
        print(json.dumps(said))
    else:
        _show(said)


async def _run(
    url: str, profiles: list[Profile], count: int, seed: str | None, habits: Habits, until: Until, which: tuple[str | None, str | None], quiet: bool
) -> Tally:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with Market(url) as market:
        with Progress(*columns, console=console, disable=quiet and not console.is_terminal) as progress:
            task = progress.add_task(_line(Tally()), total=until.answers)
            crowd = Crowd(
                market, profiles, count, seed_of(market, seed), habits, until, *which,
                lambda tally: progress.update(task, completed=tally.counts["answered"], description=_line(tally)),
            )
            return await crowd.run()


def _line(tally: Tally) -> str:
    return ", ".join(f"{tally.counts[what]} {what}" for what in DONE)


def _said(tally: Tally, count: int, seconds: float) -> dict[str, Any]:
    counts = {what: tally.counts[what] for what in DONE}
    by_profile = {name: {what: one[what] for what in DONE} for name, one in sorted(tally.by_profile.items())}
    return {
        "workers": count, **counts, "jobs": len(tally.jobs), "seconds": round(seconds, 1), "by_profile": by_profile,
        "reasons": dict(tally.reasons.most_common(20)),
    }


def _show(said: dict[str, Any]) -> None:
    console = Console()
    table = Table("profile", *DONE)
    for name, counts in said["by_profile"].items():
        table.add_row(name, *(f"{counts[what]:,}" for what in DONE))
    console.print(table)
    console.print(f"{said['workers']} workers gave {said['answered']:,} answers to {said['jobs']} jobs in {said['seconds']} seconds.", highlight=False)
    for sentence, count in said["reasons"].items():
        console.print(f"refused {count} times: {sentence}", markup=False, highlight=False, soft_wrap=True)
