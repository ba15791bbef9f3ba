"""Random chains, lies, deaths and reorgs, each from one seed: python -m scripts.simulate [--seeds 1000] [--first 1]

Ends with 1 if a mirror came out wrong, and says how to see just that seed again.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from piecework.chain.build import ROOT
from scripts.simulate.seed import Report
from scripts.simulate.workers import DATABASES, databases, leave, simulate


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="the first one (default 1)")
    parser.add_argument("--database", choices=[*DATABASES, "both", "turns"], default="turns", help="default: in turns")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="worlds side by side (default 1)")
    done = ROOT / ".simulated"
    parser.add_argument("--done", type=Path, default=done, help="the file of what has been run (default .simulated)")
    parser.add_argument("--anew", action="store_true", help="forget what has been run")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, leave)
    if chosen.anew:
        chosen.done.unlink(missing_ok=True)
    wanted = [
        (seed, database)
        for seed in range(chosen.first, chosen.first + chosen.seeds)
        for database in databases(chosen.database, seed)
    ]
    before = _done(chosen.done)
    reports = [*(before[key] for key in wanted if key in before)]
    todo = [key for key in wanted if key not in before]
    console = Console(stderr=True)
    began = time.monotonic()
    with Progress(
        TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[wrong]} wrong"),
        TimeRemainingColumn(), console=console,
    ) as progress:
        task = progress.add_task("", total=len(wanted), completed=len(reports), wrong=_wrong(reports))
        for report in simulate(todo, chosen.at_once):
            reports.append(report)
            _note(chosen.done, report)
            progress.update(task, advance=1, wrong=_wrong(reports))
            if report.flaw:
                console.print(_sentence(report), markup=False, highlight=False)
    print(_summary(reports, len(todo), time.monotonic() - began))
    return 1 if _wrong(reports) else 0


def _done(path: Path) -> dict[tuple[int, str], Report]:
    """What is noted as right; what was wrong is run again."""
    if not path.exists():
        return {}
    notes = [json.loads(line) for line in path.read_text().splitlines()]
    reports = [Report(note["seed"], note["database"], note["seconds"], Counter(note["happened"]), note["flaw"]) for note in notes]
    return {(report.seed, report.database): report for report in reports if not report.flaw}


def _note(path: Path, report: Report) -> None:
    with path.open("a") as file:
        file.write(json.dumps(vars(report)) + "\n")


def _wrong(reports: list[Report]) -> int:
    return sum(report.flaw is not None for report in reports)


def _sentence(report: Report) -> str:
    again = f"python -m scripts.simulate --first {report.seed} --seeds 1 --database {report.database}"
    return f"Seed {report.seed} on {report.database} came out wrong: {report.flaw}\nJust this one again: {again}"


def _summary(reports: list[Report], ran: int, seconds: float) -> str:
    happened: Counter[str] = sum((report.happened for report in reports), Counter())
    things = ", ".join(f"{name} {times}" for name, times in sorted(happened.items()))
    wrong = sorted(report.seed for report in reports if report.flaw)
    verdict = f"wrong: {wrong}" if wrong else "all of them clean"
    each = sorted(report.seconds for report in reports)[len(reports) // 2] if reports else 0
    return f"{len(reports)} seeds, {ran} of them run now in {seconds:.0f} s (median {each:.1f} s a seed); {verdict}.\n{things}"


if __name__ == "__main__":
    sys.exit(main())
