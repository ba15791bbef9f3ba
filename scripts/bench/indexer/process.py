"""What a process and its children cost, as Linux says."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Speed:
    """What a way of indexing took: wall and processor, the database's included."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor microseconds an event."""
        return self.cpu_seconds / self.events * 1e6


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, its children, and of those that have ended and were waited for."""
    return sum(_times(member) for member in _tree(pid))


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children, MB."""
    return sum(_resident(member) for member in _tree(pid))


def _tree(pid: int) -> list[int]:
    members = [pid]
    for member in members:
        for thread in Path(f"/proc/{member}/task").glob("*/children"):
            members += map(int, _read(thread).split())
    return members


def _times(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _resident(pid: int) -> float:
    pages = _read(Path(f"/proc/{pid}/statm")).split()[1:2]
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _read(path: Path) -> str:
    """A file of a process; empty where it has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
