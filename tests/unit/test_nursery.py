"""The nursery of test processes tells them apart."""

import sys
from pathlib import Path

from tests.support.nursery import Nursery

SCRIPT = """
import json, sys
for told in sys.stdin:
    print(json.dumps({"pid": 7}), flush=True)
    if json.loads(told)["module"] == "ends":
        print(json.dumps({"pid": 7, "code": 2}), flush=True)
"""
"""Speaks as the nursery does, and has but one pid to give."""


def test_a_pid_that_comes_again_is_another_process(tmp_path: Path) -> None:
    """A kernel gives pids again after some thousand: a coordinator that had just begun was taken for one that had ended long ago."""
    nursery = Nursery(sys.executable, "-c", SCRIPT)
    first = nursery.start("ends", {}, tmp_path / "first.log")
    assert first.wait(10) == 2
    second = nursery.start("stays", {}, tmp_path / "second.log")
    assert (first.poll(), second.poll()) == (2, None)
    nursery.close()
