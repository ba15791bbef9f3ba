"""Has Liquid pages filled in by a process of their own (`backend/services/liquid_pages.py`), which is ended where one asks too much."""

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
from collections.abc import Mapping
from typing import Any

from piecework.domain.errors import Invalid, Unavailable

SECONDS = 2.0
"""Of the processor's time for one page."""
PATIENCE_SECONDS = 60.0
"""Of the clock's, which is the machine's fault."""
REMEMBERED = 1_000
TOO_LONG = "The page's Liquid doesn't work: it takes too long."


class Press:
    """Fills in one page after the other. The process begins with the first one, and ends when nobody can ask it any more.

    Attributes:
        MOST: pages that are filled in or wait for it; who comes then is told to try again.
    """

    MOST = 8

    def __init__(self) -> None:
        self._lock, self._places = threading.Lock(), threading.BoundedSemaphore(self.MOST)
        self._child: subprocess.Popen[bytes] | None = None
        self._endless: OrderedDict[bytes, None] = OrderedDict()

    def fill(self, page: str, values: Mapping[str, Any]) -> str:
        """A page of Liquid with these values.

        Raises:
            Invalid: it isn't Liquid, or goes over a limit; the sentence says where.
            Unavailable: others are waiting already.
        """
        asked = json.dumps([page, values]).encode()
        mark = hashlib.sha256(asked).digest()
        if not self._places.acquire(blocking=False):
            raise Unavailable("Many pages are being filled in; try again in a moment.")
        try:
            with self._lock:
                if mark in self._endless:
                    raise Invalid(TOO_LONG)
                answer = self._answer(asked)
                if answer is None:
                    self._endless[mark] = None
                    if len(self._endless) > REMEMBERED:
                        self._endless.popitem(last=False)
                    raise Invalid(TOO_LONG)
        finally:
            self._places.release()
        if "wrong" in answer:
            raise Invalid(f"The page's Liquid doesn't work: {answer['wrong']}.")
        return str(answer["page"])

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
            self._child = subprocess.Popen(
                [sys.executable, "-m", "backend.services.liquid_pages"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(len(asked).to_bytes(4) + asked)
            self._child.stdin.flush()
            deadline = time.monotonic() + PATIENCE_SECONDS
            found: dict[str, str] = json.loads(self._read(int.from_bytes(self._read(4, deadline)), deadline))
        except (EOFError, BrokenPipeError):
            if self._child.wait() == -signal.SIGKILL:
                raise Unavailable("What fills in pages was ended from outside; try again.") from None
            return None
        except BaseException:
            self.close()  # what it still says would be taken for the next page
            raise
        return found

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._child is not None and self._child.stdout is not None
        held = bytearray()
        while len(held) < size:
            if not select.select([self._child.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise Unavailable("The machine has too much to do to fill in a page; try again in a moment.")
            part = os.read(self._child.stdout.fileno(), size - len(held))
            if not part:
                raise EOFError
            held += part
        return bytes(held)
