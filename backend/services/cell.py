"""Has what strangers wrote run in a process of its own (`backend/services/cell_process.py`), which is ended where it asks too much."""

import atexit
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from typing import Any

from backend.services.turns import Turns
from piecework.domain.errors import Unavailable

SECONDS = 2.0
"""Of the processor's time for one question."""
PATIENCE_SECONDS = 60.0
"""Of the clock's, which is the machine's fault."""
REMEMBERED = 1_000
MOST = 3
"""Threads that ask one cell, the one that is answered among them: the others that there are answer everybody else's requests."""


class TooLong(Exception):
    """The question's answer takes more time than it gets."""


class Cell:
    """Answers one question after the other. The process begins with the first one, and ends when nobody can ask it any more.

    Attributes:
        turns: what asks from an event loop does it by these.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self._lock, self._places = threading.Lock(), threading.BoundedSemaphore(MOST)
        self._child: subprocess.Popen[bytes] | None = None
        self._endless: OrderedDict[bytes, None] = OrderedDict()
        atexit.register(self.close)

    def ask(self, kind: str, *given: Any) -> dict[str, str]:
        """What the process says to one of its kinds of questions. It may take seconds, so not on an event loop nor in a transaction: in a
        thread, of which few wait.

        Raises:
            TooLong: it takes too long; the same question isn't tried again.
            Unavailable: others are waiting already.
        """
        asked = json.dumps([kind, *given]).encode()
        mark = hashlib.sha256(asked).digest()
        if not self._places.acquire(blocking=False):
            raise Unavailable("Many others are asking for the same at the moment; try again.")
        try:
            with self._lock:
                answer = None if mark in self._endless else self._answer(asked)
                if answer is None:
                    self._endless[mark] = None
                    if len(self._endless) > REMEMBERED:
                        self._endless.popitem(last=False)
                    raise TooLong
                return answer
        finally:
            self._places.release()

    def close(self) -> None:
        """Ends the process."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _answer(self, asked: bytes) -> dict[str, str] | None:
        """What the process says; None if it came to its end over it."""
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-m", "backend.services.cell_process"]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(len(asked).to_bytes(4) + asked)
            self._child.stdin.flush()
            deadline = time.monotonic() + PATIENCE_SECONDS
            found: dict[str, str] = json.loads(self._read(int.from_bytes(self._read(4, deadline)), deadline))
        except (EOFError, BrokenPipeError):
            if self._child.wait() == -signal.SIGKILL:
                raise Unavailable("Somebody ended the process that looks at this; try again.") from None
            return None
        except BaseException:
            self.close()  # what it still says would be taken for the answer to the next question
            raise
        return found

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        held = bytearray()
        while len(held) < size:
            if not select.select([self._child.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise Unavailable("The machine has too much to do at the moment; try again.")
            part = os.read(self._child.stdout.fileno(), size - len(held))
            if not part:
                raise EOFError
            held += part
        return bytes(held)


PAGES, DRAFTS, ANSWERS = Cell(), Cell(), Cell()
"""Of pages that somebody works at, of what requesters try out, and of answers: whoever has what takes long holds up nobody else."""
