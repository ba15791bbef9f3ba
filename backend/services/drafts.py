"""Drafts of answers: kept while a worker works, seen by nobody else, gone when the answer is revealed or the slot given back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from backend.store import assignments, drafts
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound

LONGEST_DRAFT = 262_144
"""Bytes of JSON: as much as an answer has."""


class Drafts:
    """Keeps drafts.

    Args:
        store: where.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    async def save(self, id: str, worker: str, draft: Any) -> datetime:
        """Keeps a draft instead of the one before; when it was kept.

        Raises:
            NotFound: no such assignment of this worker.
            Conflict: the answer was revealed, or the assignment is over.
            Invalid: it is too long.
        """
        text, now = msgspec.json.encode(draft), self._clock()
        if len(text) > LONGEST_DRAFT:
            raise Invalid(f"A draft has at most {LONGEST_DRAFT} bytes as JSON; this one has {len(text)}.")

        def work(connection: Connection) -> None:
            row = own(connection, id, worker)
            if row.state not in ("reserved", "committed"):
                raise Conflict(f"This assignment is {row.state}; a draft would be of no use.")
            drafts.save(connection, id, text.decode(), now)

        await self._store.write(work)
        return now

    def one(self, id: str, worker: str) -> tuple[str, datetime]:
        """A worker's draft, JSON, and when it was kept.

        Raises:
            NotFound: no such assignment of this worker, or no draft of it.
        """
        with self._store.read() as connection:
            own(connection, id, worker)
            found = drafts.one(connection, id)
        if found is None:
            raise NotFound("There is no draft of this answer.")
        return found


def own(connection: Connection, id: str, worker: str) -> Row[Any]:
    """A worker's own assignment.

    Raises:
        NotFound: no such assignment of this worker.
    """
    row = assignments.one(connection, id)
    if row is None or row.worker != worker:
        raise NotFound("There is no such assignment of yours.")
    return row
