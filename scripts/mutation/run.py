"""Builds and tests one mutant after another, in copies of what the contracts' tests need."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from piecework.chain.build import ROOT
from scripts.mutation.mutant import Mutant

SLOW = "Invariant|OpenToEnd|Overlap|GasTest"
"""Tried only on what the quick ones let live. GasTest's bounds are no proof of anything but gas."""
FORGE = ROOT / "node_modules" / ".bin" / "forge"


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
    """
    copies: Queue[Path] = Queue()
    first = _copy(folder / "0")
    _forge(first, "build")
    for number in range(1, at_once):
        shutil.copytree(first, folder / str(number), symlinks=True)
    for number in range(at_once):
        copies.put(folder / str(number))

    def one(mutant: Mutant) -> Verdict:
        copy = copies.get()
        try:
            return _try(copy, mutant)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(one, mutants)


def _copy(into: Path) -> Path:
    """What the tests of the contracts need, and nothing that they could harm."""
    for name in ("contracts/src", "contracts/test", "tests/vectors"):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("foundry.toml", "contracts/solc.cjs"):
        shutil.copy(ROOT / name, into / name)
    (into / "node_modules").symlink_to(ROOT / "node_modules")
    return into


def _try(copy: Path, mutant: Mutant) -> Verdict:
    source = copy / "contracts" / "src" / mutant.file
    whole = source.read_text()
    source.write_text(mutant.apply(whole))
    try:
        if _forge(copy, "build").returncode != 0:
            return Verdict(mutant, "", built=False)
        for choice in (("--no-match-contract", SLOW), ("--match-contract", SLOW.removesuffix("|GasTest"))):
            done = _forge(copy, "test", "--fail-fast", *choice)
            if done.returncode != 0:
                failed = re.search(r"\[FAIL[^\n]*\] (\w+)", done.stdout)
                return Verdict(mutant, failed[1] if failed else "the tests' own set-up")
        return Verdict(mutant, "")
    finally:
        source.write_text(whole)


def _forge(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(FORGE) if FORGE.exists() else "forge"
    environment = os.environ | {"FOUNDRY_FUZZ_RUNS": "64", "FOUNDRY_INVARIANT_RUNS": "8"}
    return subprocess.run([program, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False)
