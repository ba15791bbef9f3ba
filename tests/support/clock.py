"""A clock that a test sets, for processes: what they read of the time is the machine's and so many seconds more.

Only what Python reads is set. How long a process sleeps isn't: where it waits ten seconds, it waits ten seconds.
"""

import mmap
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

NAME = "TEST_CLOCK"


def follow(path: str) -> None:
    """From now on this process reads the time by the clock that lies there."""
    with open(path, "rb") as file:
        seconds = mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ)
    wall, steady = time.time, time.monotonic
    time.time = lambda: wall() + struct.unpack("dd", seconds)[0]
    time.monotonic = lambda: steady() + struct.unpack("dd", seconds)[1]


class Clock:
    """The clock of every process that a nursery starts with `environment`.

    Args:
        folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        kept = folder / "clock"
        kept.write_bytes(bytes(16))
        self.environment = {NAME: str(kept)}
        with kept.open("r+b") as file:
            self._seconds = mmap.mmap(file.fileno(), 16)
        self._wall = self._steady = 0.0

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock, ahead or back; the monotonic one goes on as it did."""
        self._set(self._wall + seconds, self._steady)

    def elapse(self, seconds: float) -> None:
        """So much time passes."""
        self._set(self._wall + seconds, self._steady + seconds)

    def now(self) -> datetime:
        """What it says."""
        return datetime.fromtimestamp(time.time() + self._wall, UTC)

    def _set(self, wall: float, steady: float) -> None:
        self._wall, self._steady = wall, steady
        self._seconds[:] = struct.pack("dd", wall, steady)
