"""What a start says while it works: to a person, or to the process that waits for it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console
from rich.status import Status


class Step:
    """What is being done; `detail` may be set to say what came of it."""

    detail = ""


class Report:
    """Says nothing; the others say it somewhere."""

    def begin(self, title: str) -> None:
        """A step begins."""

    def end(self, title: str, detail: str, seconds: float) -> None:
        """It is done."""

    def say(self, sentence: str) -> None:
        """Something worth a sentence, outside any step."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Says that something begins, and when it is done how long it took."""
        self.begin(title)
        step, start = Step(), time.monotonic()
        yield step
        self.end(title, step.detail, time.monotonic() - start)


class ConsoleReport(Report):
    """A line a step: with a spinner on a terminal, plain in a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def begin(self, title: str) -> None:
        if self._console.is_terminal:
            self._status = self._console.status(f"{title} …")
            self._status.start()

    def end(self, title: str, detail: str, seconds: float) -> None:
        self.close()
        self._console.print(f"{title:<10} {detail:<58} {seconds:6.1f} s", markup=False, highlight=False, soft_wrap=True)

    def say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Takes the spinner away, after a failure too."""
        if self._status:
            self._status.stop()
            self._status = None


class PipeReport(Report):
    """One JSON line a message, for the process at the other end (`relay`)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self, title: str) -> None:
        self.send("begin", title)

    def end(self, title: str, detail: str, seconds: float) -> None:
        self.send("end", title, detail, seconds)

    def say(self, sentence: str) -> None:
        self.send("say", sentence)

    def send(self, kind: str, *values: Any) -> None:
        self._stream.write(json.dumps([kind, *values]) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


def relay(stream: IO[str], report: Report) -> tuple[str, Any] | None:
    """Passes on what a `PipeReport` says until it says something final.

    Returns:
        ("ready", a stack's values) or ("failed", a sentence); None when it ended without a word.
    """
    for line in stream:
        kind, *values = json.loads(line)
        if kind in ("ready", "failed"):
            return kind, values[0]
        getattr(report, kind)(*values)
    return None
