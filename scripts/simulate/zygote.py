"""Indexers that start in milliseconds: one process imports everything once and forks one of them at each request.

What is forked is `python -m indexer` in all but its imports: a process of its own, with its own environment, to be killed.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piecework.chain.build import ROOT


class Zygote:
    """The process that forks; used by one thread."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "scripts.simulate.zygote"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)

    def fork(self, environment: Mapping[str, str], log: Path) -> "Forked":
        """Another indexer."""
        log.touch()
        return Forked(self, int(self.ask(environment=dict(environment), log=str(log))), log)

    def ask(self, **request: object) -> Any:
        """One request, one answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it; it ends what it forked."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


class Forked:
    """One indexer's process, to be used like `tests.indexer.bench.Process`."""

    def __init__(self, zygote: Zygote, pid: int, log: Path) -> None:
        self._zygote, self.pid, self._log = zygote, pid, log
        self._code: int | None = None

    @property
    def said(self) -> str:
        """Everything it has logged."""
        return self._log.read_text()

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        if self._code is None:
            self._code = self._zygote.ask(poll=self.pid)
        return self._code

    def signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def ended(self, timeout_seconds: float = 30) -> int:
        """Its exit code, once it has ended."""
        deadline = time.monotonic() + timeout_seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"the indexer didn't end:\n{self.said}"
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended(10)


def main() -> None:
    """Forks and reports until nobody asks any more."""
    from sqlalchemy import create_engine

    from indexer import __main__ as indexer
    from piecework.chain.escrow import escrow_abi

    escrow_abi()
    for dialect in ("sqlite://", "postgresql+psycopg://"):
        create_engine(dialect)  # imports the driver
    living: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "log" in request:
            pid = os.fork()
            if pid == 0:
                _become(request, indexer.main)
            living.add(pid)
            answer: int | None = pid
        else:
            answer = _code(request["poll"])
            if answer is not None:
                living.discard(request["poll"])
        print(json.dumps(answer), flush=True)
    for pid in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _become(request: dict[str, Any], run: Any) -> None:
    """The child: its own log and environment, then the indexer; never returns."""
    code = 70
    try:
        log = os.open(request["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for given, wanted in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(given, wanted)
        os.environ.update(request["environment"])
        sys.argv[1:] = []
        code = int(run())
    except BaseException:
        import traceback

        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
