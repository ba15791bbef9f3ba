"""Ctrl-C, SIGTERM and a closed terminal all mean: stop everything in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked this process to stop. No error, so nothing that handles errors may swallow it."""


class _Signals:
    def __init__(self) -> None:
        self._held, self._pending = 0, False

    def listen(self) -> None:
        """From now on those signals raise `Stopped` in the main thread."""
        for number in STOPPING:
            signal.signal(number, self._handle)

    def ignore(self) -> None:
        """While stopping, being asked to stop again changes nothing."""
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Holds the signals back for a moment, so that no process is started whose number nobody has noted."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._pending and not self._held:
            self._pending = False
            raise Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise Stopped


signals = _Signals()
"""One for the process, as signals are."""
