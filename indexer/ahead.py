"""Reads ahead of whoever writes, so that node, parser and database work at the same time."""

import threading
from collections import deque
from collections.abc import Callable
from functools import reduce

from indexer.chain import Span

MOST_SPANS = 2
MOST_WEIGHT = 2_000_000
"""Characters of log data that may wait to be written."""

Read = Callable[[int, int, str], Span]
"""(first, last, parent_hash) → as many of these blocks as come at once."""


class Ahead:
    """The spans from `first` to `last`, read by a thread of its own, a few of them before they are asked for.

    Whatever goes wrong is raised where the span would have come, after all the good ones before it. The thread ends with the last
    span, with the first trouble, and when it is closed; a process that ends doesn't wait for it.
    """

    def __init__(self, read: Read, first: int, last: int, parent_hash: str) -> None:
        self._read, self._changed = read, threading.Condition()
        self._waiting: deque[Span] = deque()
        self._trouble: BaseException | None = None
        self._done = self._closed = False
        self._thread = threading.Thread(target=self._run, args=(first, last, parent_hash), name="ahead", daemon=True)
        self._thread.start()

    def take(self) -> Span | None:
        """All that is there by now as one span, and at least the next; None behind the last.

        Raises:
            what the reading raised: nothing more will come.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._done)
            if self._waiting:
                self._changed.notify_all()
                span = reduce(Span.joined, self._waiting)
                self._waiting.clear()
                return span
            if self._trouble:
                raise self._trouble
            return None

    def close(self) -> None:
        """Nobody will take any more."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def waiting_blocks(self) -> int:
        """How many blocks wait to be taken."""
        with self._changed:
            return sum(len(span.headers) for span in self._waiting)

    def _run(self, first: int, last: int, parent_hash: str) -> None:
        try:
            while first <= last and self._may_read():
                span = self._read(first, last, parent_hash)
                first, parent_hash = span.head.number + 1, span.head.hash
                self._put(span)
        except BaseException as error:  # it is raised to whoever takes
            self._trouble = error
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _may_read(self) -> bool:
        """Waits until there is room; whether anybody still wants more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            return not self._closed

    def _has_room(self) -> bool:
        return len(self._waiting) < MOST_SPANS and sum(span.weight for span in self._waiting) < MOST_WEIGHT

    def _put(self, span: Span) -> None:
        with self._changed:
            if not self._closed:
                self._waiting.append(span)
            self._changed.notify_all()
