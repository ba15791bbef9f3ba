"""The worker's file on disk: every line is there, to the disk, before anything relies on it."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from piecework.client.holdings import Holdings, Receipt, job_entry, parse, receipt_entry
from piecework.domain.errors import Conflict, Invalid
from piecework.domain.holdings import head
from piecework.domain.terms import Terms

MOST_LINES = 1_000
"""Lines after which a file that is opened is written anew as one."""


class HoldingsFile:
    """One worker's file, held by one process at a time.

    A line is appended and flushed to the disk at each step of the work; a crash in between loses that line at most, and what comes
    after it hadn't begun. Opening the file tidies it: a half line goes, and many lines become one by an atomic replacement.

    Args:
        path: where it is, or shall be.
        chain_id, escrow, worker: whose it must be.

    Raises:
        Conflict: another process works with it.
        Invalid: it is another worker's, or no such file.
    """

    def __init__(self, path: Path, chain_id: int, escrow: str, worker: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = (path.parent / f"{path.name}.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Conflict(f"Another process works with {path}; end it first.") from None
        try:
            self.holdings = self._load(Holdings(chain_id, escrow, worker))
        except BaseException:
            self._lock.close()
            raise
        self._file = open(path, "a", encoding="utf-8", opener=_private)

    def _load(self, mine: Holdings) -> Holdings:
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        found = parse(text) if text.strip() else mine
        if (found.chain_id, found.escrow, found.worker) != (mine.chain_id, mine.escrow, mine.worker):
            raise Invalid(f"{self.path} belongs to {found.worker} at {found.escrow} on chain {found.chain_id}; use another file.")
        if not text.endswith("\n") or text.count("\n") > MOST_LINES:
            replace(self.path, found)
        return found

    def close(self) -> None:
        """Lets another process have it."""
        self._file.close()
        self._lock.close()

    def put(self, **entries: Any) -> None:
        """Appends a document with these entries (`jobs`, `receipts`, `batches`, `cursor`); returns when it is on the disk.

        Raises:
            Invalid: an entry isn't what it says it is; it isn't kept.
        """
        mine, before = self.holdings, len(self.holdings.wrong)
        self.put_document(head(mine.chain_id, mine.escrow, mine.worker) | entries)
        if len(mine.wrong) > before:
            raise Invalid(mine.wrong[-1])

    def put_document(self, document: dict[str, Any]) -> None:
        """The same with a document as the service gives it, of which only what is right is kept (`holdings.wrong` has the rest)."""
        added = self.holdings.merge(document)
        self._file.write(json.dumps(added, separators=(",", ":")) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def promise(self, job: bytes, terms: Terms, receipt: Receipt) -> None:
        """Keeps an answer with its salt before anybody hears of the commitment; the job's terms, too, the first time."""
        jobs = [] if job in self.holdings.terms else [job_entry(job, terms, None)]
        self.put(jobs=jobs, receipts=[receipt_entry(receipt)])


def _private(path: str, flags: int) -> int:
    """Salts and answers are nobody else's to read."""
    return os.open(path, flags, 0o600)


def load(path: Path) -> Holdings:
    """A file that is only read.

    Raises:
        Invalid: there is none, or it is no holdings file.
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{path} is no text file.") from None


def replace(path: Path, holdings: Holdings) -> None:
    """Writes a whole file anew: complete, or not at all."""
    beside = path.parent / f"{path.name}.new"
    with open(beside, "w", encoding="utf-8", opener=_private) as file:
        file.write(json.dumps(holdings.document(), separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
