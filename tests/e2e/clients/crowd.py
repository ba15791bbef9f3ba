"""What the programs' drivers share: people who do the work. Only the standard library, for it runs in other programs' environments."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any


def work(words: str, answers: int = 1) -> dict[str, Any]:
    """Has simulated workers answer HITs whose title has these words."""
    command = [os.environ["PIECEWORK"], "workers", "--data", os.environ["PIECEWORK_MARKET"], "--json", "--profile", "rule:done"]
    options = ["--text", words, "--count", str(answers), "--answers", str(answers), "--idle", "30", "--seed", words]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["answered"] == answers, said
    return said


def until(check: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "never true"
        time.sleep(0.1)
    return found
