"""Services as the processes that users run, forked from one that has imported their code already.

`python -m backend` spends three of its four seconds of processor time on imports, and the tests start it some five hundred times. A
nursery imports the services once, and whatever it starts goes on from there as `python -m NAME` would: its own process with its own
environment, its own log and its own end. Commands that a test types many times are forked too, once it has seen the real one; the
tests of `piecework up` start the real thing.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.support import clock

MODULES = ("backend.__main__", "backend.web", "indexer.__main__", "piecework.migrations.revise", "piecework.cli.app")
LATER = (
    "anyio._backends._asyncio", "uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto", "zoneinfo", "pandas", "pyarrow.compute", "scipy.sparse", "scipy.special", "scipy.stats",
)  # fmt: skip
"""What a coordinator loads once it serves, and with its first consensus: another second and a half in each."""


class Started:
    """A process of the nursery's; it is asked and ended as a `subprocess.Popen` is."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self.returncode: int | None = None
        """As `subprocess` has it: minus the signal's number where one ended it, None while it runs or nobody has looked."""

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        self._nursery.listen(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it hasn't in time.
        """
        deadline = time.monotonic() + timeout
        while self.returncode is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self._nursery.listen(0.1)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Starts services, and hears of their end.

    Args:
        command: what is the nursery, where that isn't this file's `main`.
    """

    def __init__(self, *command: str) -> None:
        self._running: dict[int, Started] = {}  # each pid is another process's some thousand starts later
        self._process = subprocess.Popen(command or [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._heard: list[Started] = []
        self._starting, self._listening = threading.Lock(), threading.Lock()

    def start(self, module: str, environment: dict[str, str], log: Path, *said: str, output: Path = Path(os.devnull)) -> Started:
        """`python -m MODULE SAID …` with an environment, stderr and stdout at the end of files."""
        assert self._process.stdin
        log.touch()  # there to be read at once
        asked = {"module": module, "environment": environment, "log": str(log), "output": str(output), "folder": os.getcwd(), "said": said}
        with self._starting:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            while not self._heard:
                self.listen(1)
            return self._heard.pop()

    def run(self, module: str, *said: str, environment: dict[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs `python -m MODULE SAID …` to its end, as `subprocess.run` would.

        Raises:
            subprocess.TimeoutExpired: it hasn't ended in time.
        """
        with tempfile.TemporaryDirectory(prefix="piecework-command-") as folder:
            errors, output = Path(folder, "stderr"), Path(folder, "stdout")
            started = self.start(module, environment, errors, *said, output=output)
            try:
                code = started.wait(seconds)
            finally:
                started.kill()
            return subprocess.CompletedProcess([module, *said], code, output.read_text(), errors.read_text())

    def listen(self, seconds: float) -> None:
        """Takes in what the nursery says, waiting so long for a line of it."""
        assert self._process.stdout
        stream = self._process.stdout.fileno()
        with self._listening:
            while select.select([stream], [], [], seconds)[0]:
                line = _read_line(stream)
                assert line, "the nursery has ended"
                said = json.loads(line)
                if "code" in said:
                    self._running.pop(said["pid"]).returncode = said["code"]
                else:
                    self._running[said["pid"]] = started = Started(self, said["pid"])
                    self._heard.append(started)
                seconds = 0

    def close(self) -> None:
        """Ends it with its stdin."""
        self._process.communicate()


@cache
def nursery() -> Nursery:
    """The nursery of this test run; it ends with the process."""
    started = Nursery()
    atexit.register(started.close)
    return started


def main() -> None:
    """Forks what is asked for on stdin until that ends, and says each process and its end on stdout."""
    for module in MODULES + LATER:
        import_module(module)
        if module.endswith(".__main__"):
            del sys.modules[module]  # it is run under its own name, and not imported again
    gc.freeze()  # so that collections in the children don't copy what is here
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        for stream in select.select([0, ended], [], [])[0]:
            if stream == ended:
                os.read(ended, 4096)
                _say_ended()
                continue
            line = _read_line(stream)
            if not line:
                return
            asked = json.loads(line)
            pid = os.fork()
            if pid == 0:
                os.close(ended)
                os.close(wake)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(**asked)
            _say(pid=pid)


def _become(module: str, environment: dict[str, str], log: str, output: str, folder: str, said: list[str]) -> None:
    """Goes on as `python -m module said …`, and never comes back."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, place in enumerate((output, log), 1):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if clock.NAME in environment:
        clock.follow(environment[clock.NAME])
    sys.argv = [module, *said]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _say_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(pid=pid, code=os.waitstatus_to_exitcode(status))


def _read_line(stream: int) -> bytes:
    """A line byte by byte, so that nothing waits unseen in a buffer; empty at the stream's end."""
    said = b""
    while not said.endswith(b"\n"):
        byte = os.read(stream, 1)
        if not byte:
            return b""
        said += byte
    return said


def _say(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
