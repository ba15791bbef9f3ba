"""Gets the main thread out of whatever it waits for, so that it can begin anew."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The loop should begin anew. No `Exception`, so that nobody on the way takes it for an error of his own, and so that a
    database connection in the middle of something is dropped: to ask for a rollback could hang just as well."""


class Interruption:
    """The way from any thread into the main one. Made there, once a process."""

    def __init__(self) -> None:
        self._possible = self._heard = False
        signal.signal(signal.SIGUSR1, self._hear)

    @contextmanager
    def possible(self) -> Iterator[None]:
        """What runs in the block may end with `Interrupted`; so does it where a driver, cut off in the middle, put an error of its
        own into the place of ours."""
        self._possible, self._heard = True, False
        try:
            yield
        except Exception as error:
            if self._heard:
                raise Interrupted from error
            raise
        finally:
            self._possible = False

    def fire(self) -> None:
        """Interrupts the main thread, if it is where it may be interrupted."""
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._possible:
            self._heard = True
            raise Interrupted
