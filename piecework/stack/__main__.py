"""The supervisor behind `piecework up --detach`: python -m piecework.stack '{"data": …, "port": …, "devnet": …, "database": …}'"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from piecework.domain.errors import PieceworkError
from piecework.stack.report import ConsoleReport, PipeReport, Report
from piecework.stack.settings import Options
from piecework.stack.state import Stack
from piecework.stack.supervisor import Supervisor


class _Teller(Report):
    """Tells the command that waits, and once that has gone, the log."""

    def __init__(self) -> None:
        self._pipe: PipeReport | None = PipeReport(os.fdopen(os.dup(1), "w"))
        self._log = ConsoleReport(Console(stderr=True, width=200))

    def begin(self, title: str) -> None:
        if self._pipe:
            self._pipe.begin(title)

    def end(self, title: str, detail: str, seconds: float) -> None:
        self._log.end(title, detail, seconds)
        if self._pipe:
            self._pipe.end(title, detail, seconds)

    def say(self, sentence: str) -> None:
        self._log.say(sentence)
        if self._pipe:
            self._pipe.say(sentence)

    def fail(self, sentence: str) -> None:
        """Why it didn't start, or had to stop."""
        self._log.say(sentence)
        self.last("failed", sentence)

    def last(self, kind: str, value: object) -> None:
        """The word that the command waits for; after it there is nobody at the other end."""
        pipe, self._pipe = self._pipe, None
        if pipe:
            pipe.send(kind, value)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            pipe.close()


def main() -> int:
    values = json.loads(sys.argv[1])
    options, teller = Options(**values | {"data": Path(values["data"])}), _Teller()

    def ready(stack: Stack) -> None:
        teller.last("ready", asdict(stack))

    try:
        Supervisor(options, teller).run(ready)
    except PieceworkError as error:
        teller.fail(error.sentence)
        return 1
    except BrokenPipeError:  # the command was killed while it waited, so nobody wants this stack
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
