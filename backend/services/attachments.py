"""Files that belong to answers (recordings, masks): uploaded for an assignment, named in its answer by the hash of their bytes.

An answer says `sha256:` and 64 hex digits, anywhere in it. So the answer's commitment covers the file's every byte, and a reveal is taken
only when the file is here. Its worker reads it, once it is named its requester, and while it is appealed who rules on that.
"""

import hashlib
import re
import secrets
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.drafts import own
from backend.services.judges import Judges
from backend.services.spool import spooled
from backend.store import assignments, attachments
from backend.store.content import Contents
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound

MOST_BYTES, MOST_FILES = 64 << 20, 50
"""Of one file, and files of one assignment."""
KEPT = timedelta(days=1)
"""How long what nobody names is kept."""
PIECE = 1 << 20
TYPES = ("application/json", "application/octet-stream", "application/pdf", "text/csv", "text/plain")
FAMILIES = ("audio/", "image/", "video/")
_MEDIA = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}", re.ASCII)
_NAMED = re.compile(r'"sha256:([0-9a-f]{64})"', re.ASCII)


class Attachments:
    """Takes files and shows them.

    Args:
        store: where assignments are.
        contents: where bytes are.
        judges: know who rules on appeals.
        incoming: a folder for what isn't whole yet.
        clock: the time, aware.
    """

    def __init__(self, store: Store, contents: Contents, judges: Judges, incoming: Path, clock: Callable[[], datetime]) -> None:
        self._store, self._shelf, self._judges = store, contents.shelf, judges
        self._incoming, self._clock = incoming, clock

    async def take(self, id: str, worker: str, sha256: str, media_type: str, parts: AsyncIterator[bytes]) -> int:
        """Keeps a file for a worker's assignment; again is fine. Returns its size in bytes.

        Args:
            sha256: 64 hex digits that the bytes must have.

        Raises:
            NotFound: no such assignment of this worker.
            Conflict: its answer is revealed, or it is over, or it has as many files as it may.
            Invalid: too large, of a type that isn't taken, empty, or other bytes.
        """
        if not _MEDIA.fullmatch(media_type) or not (media_type in TYPES or media_type.startswith(FAMILIES)):
            raise Invalid(f"An attachment is a picture, a recording, a film, or one of {', '.join(TYPES)}; say which in Content-Type.")
        row = await to_thread(self._open, id, worker, sha256)
        path, digest = self._incoming / f"{secrets.token_hex(16)}.attachment", hashlib.sha256()
        try:
            size = await spooled(path, parts, MOST_BYTES, f"An attachment has at most {MOST_BYTES} bytes.", digest.update)
            if not size or digest.hexdigest() != sha256:
                raise Invalid(f"These {size} bytes don't have the hash {sha256}; theirs is {digest.hexdigest()}.")
            await to_thread(self._keep, path, row, sha256, media_type, size)
        finally:
            path.unlink(missing_ok=True)
        return size

    def _open(self, id: str, worker: str, sha256: str) -> Row[Any]:
        """The assignment, while files may be added."""
        with self._store.read() as connection:
            return _fillable(connection, id, worker, sha256)

    def _keep(self, path: Path, row: Row[Any], sha256: str, media_type: str, size: int) -> None:
        """The bytes are durable before anything says that they are here."""
        fresh, now = f"files/{sha256[:2]}/{sha256}.{secrets.token_hex(4)}", self._clock()
        place = str(self._store.write_now(lambda c: attachments.place(c, sha256, fresh, size, now)))
        if not self._shelf.has(place):
            self._copy(path, place)
        attachment = {"assignment": row.id, "sha256": sha256, "posting": row.posting, "worker": row.worker}
        attachment |= {"media_type": media_type, "created_at": now}

        def work(connection: Connection) -> None:
            _fillable(connection, row.id, row.worker, sha256)
            attachments.add(connection, attachment)

        self._store.write_now(work)

    def _copy(self, path: Path, place: str) -> None:
        sink = self._shelf.sink(place)
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    sink.write(piece)
        except BaseException:
            sink.abort()
            raise
        sink.close()

    def of(self, id: str, account: str) -> Sequence[Row[Any]]:
        """The files of an assignment that an account may read.

        Raises:
            NotFound: there is no such assignment for it.
        """
        with self._store.read() as connection:
            row, found = assignments.view(connection, id), attachments.of(connection, id)
        if row is None or not self._judges.may_read(account, row):
            raise NotFound("There is no such assignment of yours.")
        return [one for one in found if account == row.worker or one.named]

    def one(self, id: str, account: str, sha256: str) -> Row[Any]:
        """One of them.

        Raises:
            NotFound: there is none for this account.
        """
        found = next((row for row in self.of(id, account) if row.sha256 == sha256), None)
        if found is None:
            raise NotFound("There is no such attachment for you.")
        return found

    def pieces(self, row: Row[Any]) -> Iterator[bytes]:
        """A file's bytes, a piece at a time."""
        for offset in range(0, row.size, PIECE):
            yield self._shelf.read(row.content, offset, min(PIECE, row.size - offset))

    def sweep(self) -> None:
        """Clears away what was abandoned."""
        before = self._clock() - KEPT
        places: list[str] = self._store.write_now(lambda c: attachments.forget(c, before))
        for place in places:
            self._shelf.remove(place)


def name(connection: Connection, assignment: str, answer: str) -> None:
    """Keeps the files that an answer names, in the transaction that reveals it.

    Args:
        answer: canonical JSON.

    Raises:
        Invalid: one isn't here.
    """
    if '"sha256:' not in answer:
        return
    named = sorted(set(_NAMED.findall(answer)))
    here = {row.sha256 for row in attachments.of(connection, assignment)}
    missing = [sha256 for sha256 in named if sha256 not in here]
    if missing:
        raise Invalid(f"The answer names the file sha256:{missing[0]}, which was not uploaded for this assignment: do that, and reveal again.")
    attachments.name(connection, assignment, named)


def _fillable(connection: Connection, id: str, worker: str, sha256: str) -> Row[Any]:
    row = own(connection, id, worker)
    if row.state not in ("reserved", "committed"):
        raise Conflict(f"This assignment is {row.state}; nothing can be attached any more.")
    there = {one.sha256 for one in attachments.of(connection, id)}
    if sha256 not in there and len(there) >= MOST_FILES:
        raise Conflict(f"An answer has at most {MOST_FILES} attachments.")
    return row
