"""A whole marketplace of one's own, started and stopped by the command that people type."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PIECEWORK = str(Path(sys.executable).with_name("piecework"))


@dataclass(frozen=True)
class Marketplace:
    """A running marketplace and what `piecework up --json` said of it."""

    data: Path
    said: dict[str, Any]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `piecework` command against it."""
        return piecework(*arguments, "--data", str(self.data), check=check)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, left running."""
        command = [PIECEWORK, *arguments, "--data", str(self.data)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def piecework(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the command line; with `check`, a failure shows what it said."""
    done = subprocess.run([PIECEWORK, *arguments], capture_output=True, text=True, timeout=280, check=False)
    assert not check or done.returncode == 0, f"piecework {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


@contextmanager
def marketplace(data: Path, *arguments: str) -> Iterator[Marketplace]:
    """Up for as long as the block runs."""
    up = piecework("up", "--detach", "--json", "--port", "0", "--data", str(data), *arguments)
    try:
        yield Marketplace(data, json.loads(up.stdout))
    finally:
        piecework("down", "--data", str(data))


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketplace]:
    """One marketplace on Anvil for all tests that don't stop it."""
    with marketplace(tmp_path_factory.mktemp("market")) as running:
        yield running
