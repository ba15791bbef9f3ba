"""The protocol's own model (docs/protocol/model.py), as a reader would run it, but shorter."""

import subprocess
import sys

from piecework.chain.build import ROOT

MODEL = ROOT / "docs" / "protocol" / "model.py"


def run(*arguments: str) -> str:
    """What the model prints; fails where it does."""
    done = subprocess.run([sys.executable, MODEL, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_planted_flaw_breaks_a_promise() -> None:
    printed = run("flaws")
    assert "27 of 27 flaws caught" in printed
    assert printed.count("caught: ") == 27


def test_random_lives_keep_every_promise_and_reach_rulings() -> None:
    printed = run("lives", "100")
    assert "every promise kept" in printed
    for call in ("contest", "appeal", "defend", "rule", "conclude", "concede", "reclaim", "close"):
        assert f"'{call}': " in printed, f"no life came as far as a call of {call}"


def test_what_the_model_does_not_know_is_refused() -> None:
    done = subprocess.run([sys.executable, MODEL, "nonsense"], capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 1
