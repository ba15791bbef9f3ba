"""Plants faults in the contracts, one at a time, and says which test notices: python -m scripts.mutate [--sample 40] [--json]"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from piecework.chain.build import SOURCES
from scripts.mutation.mutant import generic
from scripts.mutation.planted import planted
from scripts.mutation.run import Verdict, judge


def main() -> int:
    """Exit code 1 if a planted flaw lives, or isn't Solidity any more."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutate", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N generic mutants besides the planted flaws")
    parser.add_argument("--seed", type=int, default=1, help="which ones are drawn")
    parser.add_argument("--no-planted", action="store_true", help="the generic ones alone")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="tried at a time; each wants a core and 2 GiB")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    flaws = [] if chosen.no_planted else planted()
    mutants = [*flaws, *generic(SOURCES, chosen.sample, chosen.seed)]
    with tempfile.TemporaryDirectory() as folder:
        verdicts = [_said(verdict) for verdict in judge(mutants, Path(folder), chosen.at_once)]
    (_print_json if chosen.json else _print)(verdicts)
    unnoticed = {verdict.mutant.name for verdict in verdicts if not verdict.killer}
    return 1 if unnoticed & {flaw.name for flaw in flaws} else 0


def _said(verdict: Verdict) -> Verdict:
    """Each as it comes, because all of them take hours."""
    print(f"{verdict.mutant.name}: {_outcome(verdict)}", file=sys.stderr, flush=True)
    return verdict


def _outcome(verdict: Verdict) -> str:
    return (verdict.killer or "NOBODY") if verdict.built else "not Solidity, not counted"


def _print(verdicts: list[Verdict]) -> None:
    table = Table("fault", "noticed by")
    for verdict in verdicts:
        table.add_row(verdict.mutant.name, _outcome(verdict))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
    print(_score(verdicts))


def _print_json(verdicts: list[Verdict]) -> None:
    rows = [{"name": v.mutant.name, "killer": v.killer, "built": v.built} for v in verdicts]
    print(json.dumps({"mutants": rows, "score": _score(verdicts)}))


def _score(verdicts: list[Verdict]) -> str:
    counted = [verdict for verdict in verdicts if verdict.built]
    killed = sum(bool(verdict.killer) for verdict in counted)
    return f"{killed} of {len(counted)} faults were noticed ({100 * killed / max(1, len(counted)):.0f} %)."


if __name__ == "__main__":
    sys.exit(main())
