"""A supervisor that stays behind when the command that started it returns."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from piecework.chain.build import ROOT
from piecework.domain.errors import PieceworkError, Unavailable
from piecework.stack.report import Report, relay
from piecework.stack.settings import Options
from piecework.stack.signals import Stopped, signals
from piecework.stack.state import Stack, require_folder


def start_detached(options: Options, report: Report) -> Stack:
    """Starts a supervisor in a session of its own and waits until all is ready.

    Raises:
        PieceworkError: it didn't start; nothing is left running.
        Stopped: somebody asked to stop meanwhile; nothing is left running.
    """
    require_folder(options.data)
    log = options.data / "logs" / "supervisor.log"
    arguments = json.dumps(asdict(options) | {"data": str(options.data)})
    with signals.deferred():
        process = _spawn(arguments, log)
    assert process.stdout
    try:
        said = relay(process.stdout, report)
    except Stopped:
        process.terminate()
        process.wait()
        raise
    if said is None:
        raise Unavailable(f"The supervisor ended without a word (code {process.wait()}); its log is {log}.")
    kind, value = said
    if kind == "failed":
        process.wait()
        raise PieceworkError(value)
    return Stack(**value)


def _spawn(arguments: str, log: Path) -> subprocess.Popen[str]:
    log.parent.mkdir(parents=True, exist_ok=True)
    # In our own folder, so that relative paths mean the same; -P keeps modules that lie there out.
    command = [sys.executable, "-P", "-m", "piecework.stack", arguments]
    with log.open("a") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        )  # fmt: skip
