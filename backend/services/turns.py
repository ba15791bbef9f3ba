"""What one does at a time and few wait for: the threads that answer requests are forty, for everybody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from piecework.domain.errors import Unavailable

MOST = 8


class Turns:
    """A lock that at most `MOST` have or wait for.

    Attributes:
        lock: the lock alone, for those who may wait however many they are.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.places = threading.BoundedSemaphore(MOST)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One's turn.

        Raises:
            Unavailable: many others are waiting for theirs.
        """
        if not self.places.acquire(blocking=False):
            raise Unavailable("Many others are asking for the same at the moment; try again.")
        try:
            with self.lock:
                yield
        finally:
            self.places.release()
