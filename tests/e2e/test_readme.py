"""The README's commands, typed."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from piecework.chain.build import ROOT
from tests.e2e.conftest import Marketplace

COMMANDS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def shell(**variables: str) -> dict[str, str]:
    """The environment of somebody's shell, without what the make that runs these tests tells other makes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"} | variables


def typed(command: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell runs it; fails with what it said."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=shell(**variables), capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def make_up(command: str, market: Marketplace, folder: Path) -> None:
    """In the foreground until it says that it is ready; Ctrl-C stops it."""
    running = subprocess.Popen(
        command, shell=True, cwd=ROOT, env=shell(DATA=str(folder / "data"), PORT="0"), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )
    assert running.stdout
    said = []
    for line in running.stdout:
        said.append(line)
        if "Stop" in line or "stop" in line:
            break
    os.killpg(running.pid, signal.SIGINT)
    rest = running.communicate(timeout=60)[0]
    assert re.search(r"http://127\.0\.0\.1:\d+", "".join(said)), "".join(said) + rest


def make_demo(command: str, market: Marketplace, folder: Path) -> None:
    """Prints the paper's figures beside ours, as the README shows."""
    said = typed(command, DATA=str(market.data)).stdout
    shown = re.search(r"^```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert shown

    def paper(text: str) -> list[list[str]]:
        return [re.findall(r"[\d.]+", line) for line in text.splitlines() if re.match(r"^\W*[1-5] +│", line)]

    assert paper(shown[1]) and paper(said) == paper(shown[1])


def replay(command: str, market: Marketplace, folder: Path) -> None:
    """The replay of a file of one's own."""
    (folder / "answers.csv").write_text("task,worker,label\n1,ann,a\n1,bob,a\n2,ann,b\n2,bob,a\n")
    (folder / "truth.csv").write_text("task,label\n1,a\n2,b\n")
    program = command.replace(".venv/bin/piecework", str(ROOT / ".venv/bin/piecework"))
    assert "4 of 4 answers" in typed(f"{program} --data {market.data}", folder).stdout


RUN: dict[str, Callable[[str, Marketplace, Path], None] | None] = {
    "make up": make_up,
    "make test": None,  # what runs this very test
    "make demo": make_demo,
    ".venv/bin/piecework replay answers.csv --truth truth.csv --reward 0.05": replay,
}


def test_every_command_of_the_readme_is_known_here() -> None:
    assert [line for block in COMMANDS for line in block.splitlines()] == list(RUN)


@pytest.mark.parametrize("command", [command for command, run in RUN.items() if run])
def test_a_command_of_the_readme_works(command: str, market: Marketplace, tmp_path: Path) -> None:
    run = RUN[command]
    assert run
    run(command, market, tmp_path)
