"""Builds and tests one mutant after another, each in a copy of its own of what the contracts' tests need."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from piecework.chain.build import ROOT
from scripts.mutation.mutant import Mutant

NEVER = "GasTest|LongLife"
"""GasTest's bounds are no proof of anything but gas, and any change at all moves them; the long life is as Invariant's lives, and
what it counts besides may be broken by chance where another failure cuts it short."""
SLOW = f"{NEVER}|Invariant|OpenToEnd|Overlap"
DRAWS = {"FOUNDRY_FUZZ_RUNS": "64", "FOUNDRY_INVARIANT_RUNS": "8", "FOUNDRY_FUZZ_SEED": "0x1"}
"""The same draws for every mutant, so that a score is the same tomorrow."""
SECONDS = 1_800
"""The longest that forge's tests may take; a mutant that goes round for ever is noticed by that."""
FORGE = ROOT / "node_modules" / ".bin" / "forge"


class WholeFails(RuntimeError):
    """The tests notice something where nothing was planted, so what they say of mutants is worth nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: `killer` is the test that noticed, empty if none did; `built` whether it is Solidity at all."""

    mutant: Mutant
    killer: str
    built: bool = True


def judge(mutants: Sequence[Mutant], folder: Path, at_once: int) -> Iterator[Verdict]:
    """A verdict for each mutant, in order.

    Args:
        mutants: the faults.
        folder: an empty one, for the copies.
        at_once: how many are tried at a time.

    Raises:
        WholeFails: the contracts don't build, or a test fails, without any fault.
    """
    whole = _copy(folder / "whole")
    if _forge(whole, "build").returncode != 0:
        raise WholeFails("the contracts don't build: see what 'forge build' says")
    if killer := _killer(whole):
        raise WholeFails(f"'{killer}' fails on the contracts as they are: see what 'forge test' says")
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(lambda numbered: _try(whole, folder / str(numbered[0]), numbered[1]), enumerate(mutants))


def _copy(into: Path) -> Path:
    """What the tests of the contracts need, and nothing that they could harm."""
    for name in ("contracts/src", "contracts/test", "tests/vectors"):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("foundry.toml", "contracts/solc.cjs"):
        shutil.copy(ROOT / name, into / name)
    (into / "node_modules").symlink_to(ROOT / "node_modules")
    return into


def _try(whole: Path, copy: Path, mutant: Mutant) -> Verdict:
    """One mutant, in a copy of what was built whole: only what the fault touches is compiled again, and no failure that forge
    writes down for its next run is replayed on another mutant."""
    shutil.copytree(whole, copy, symlinks=True)
    try:
        source = copy / "contracts" / "src" / mutant.file
        source.write_text(mutant.apply(source.read_text()))
        if _forge(copy, "build").returncode != 0:
            return Verdict(mutant, "", built=False)
        return Verdict(mutant, _killer(copy))
    finally:
        shutil.rmtree(copy)


def _killer(copy: Path) -> str:
    """The test that fails, the quick ones first; empty if none does."""
    slow = SLOW.removeprefix(f"{NEVER}|")
    for choice in (("--no-match-contract", SLOW), ("--match-contract", slow)):
        try:
            done = _forge(copy, "test", "--json", "--fail-fast", *choice, seconds=SECONDS)
        except subprocess.TimeoutExpired:
            return f"still running after {SECONDS} seconds"
        if done.returncode != 0:
            return _failed(json.loads(done.stdout))
    return ""


def _failed(suites: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    """The first failure in what `forge test --json` prints, as Contract.test; a life that another failure cut short comes last."""
    failed = [
        f"{suite.partition(':')[2]}.{test.partition('(')[0]}"
        for suite, results in suites.items()
        for test, result in results["test_results"].items()
        if result["status"] == "Failure"
    ]
    return min(failed, key=lambda name: ("invariant_" in name, name))


def _forge(copy: Path, *arguments: str, seconds: int | None = None) -> subprocess.CompletedProcess[str]:
    program = str(FORGE) if FORGE.exists() else "forge"
    return subprocess.run(
        [program, *arguments],
        cwd=copy,
        env=os.environ | DRAWS,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
