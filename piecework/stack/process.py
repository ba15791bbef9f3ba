"""One program that the stack runs: start it, know it again after a restart of ours, stop it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from piecework.chain.build import ROOT
from piecework.domain.errors import Unavailable
from piecework.stack.signals import signals

LOG_BYTES = 5_000_000
"""A log this long is put aside when its program starts again; the one before it is dropped."""

LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \S+ (?:\w+ )?[A-Z]+ (?:[\w.]+: )?")
"""Date, time, level and logger, as Python's logging writes them."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A process as it can be told from a later one with the same number.

    Attributes:
        pid: its number.
        identity: the boot and the instant at which it started, in words of this machine.
    """

    pid: int
    identity: str

    def alive(self) -> bool:
        """Whether that very process still runs; another one with its number doesn't count."""
        return identity(self.pid) == self.identity

    def signal(self, number: signal.Signals) -> None:
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # it ended in between, which is what was wanted

    def stop(self, grace_seconds: float = 10) -> None:
        """Asks it to end, and ends it if it hasn't after the grace."""
        self.signal(signal.SIGTERM)
        if not wait_until(lambda: not self.alive(), grace_seconds):
            self.signal(signal.SIGKILL)
            wait_until(lambda: not self.alive(), 5)


def identity(pid: int) -> str | None:
    """What tells a running process from a later one with the same number; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _started(pid)
    if fields[0] in "ZX":  # ended, and only its parent hasn't asked how
        return None
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + "/" + fields[19]


def _started(pid: int) -> str | None:
    """Without /proc (macOS): what ps says of its start, to the second."""
    command = ["ps", "-o", "lstart=,stat=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return " ".join(said[:-1]) if said and not said[-1].startswith("Z") else None


def wait_until(condition: Callable[[], bool], timeout_seconds: float, pause_seconds: float = 0.02) -> bool:
    """Whether `condition` became true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_seconds)
    return True


class Program:
    """A child process with a log of its own; may be started again after it has ended.

    Args:
        name: what people call it, and its log file.
        command: program and arguments.
        logs: folder for the log.
        environment: variables on top of ours.
        grace_seconds: how long it may take to end when asked to.
    """

    def __init__(
        self, name: str, command: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None, grace_seconds: float = 10
    ) -> None:
        self.name, self.log, self.grace_seconds = name, logs / f"{name}.log", grace_seconds
        self.command, self.environment = list(command), dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def trace(self) -> Trace | None:
        """The process, if it runs."""
        if self._process is None or not (known := identity(self._process.pid)):
            return None
        return Trace(self._process.pid, known)

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches us alone and we end things in order.

        Raises:
            Unavailable: the program isn't there or may not run.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                with signals.deferred():
                    self._process = subprocess.Popen(
                        self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                        env=os.environ | self.environment, start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise Unavailable(f"{self.command[0]} doesn't start: {error.strerror}.") from error

    def prepare(self) -> None:
        """What has to happen after the start before others may use it; raises what the start may."""

    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll() if self._process else None

    def require_alive(self) -> None:
        """Raises:
        Unavailable: it has ended; the sentence is its own last one.
        """
        if (code := self.exit_code()) is not None:
            raise Unavailable(self.last_words() or f"The {self.name} ended by itself (code {code}); its log is {self.log}.")

    def last_words(self) -> str:
        """The last line that it wrote since it was started, without the time and level that a log puts before it."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read()[-4000:].decode(errors="replace").strip().splitlines()
        return LOG_PREFIX.sub("", lines[-1].strip()) if lines else ""

    def stop(self) -> None:
        """Asks it to end, waits, and ends it if it doesn't."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
