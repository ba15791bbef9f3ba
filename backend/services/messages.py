"""Messages between a requester and the workers of its jobs: plain text, one thread a job and worker."""

import secrets
import time
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.aliases import Aliases
from backend.services.postings import Job, Postings
from backend.store import assignments, notices, people
from backend.store.database import Store
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound

LONGEST = 4_000
"""Characters of a message."""
LAST = "0x" + "f" * 32
"""An id behind all threads'."""
MOST_AT_ONCE = 100
"""Workers that one message goes to."""
MOST_AN_HOUR = {"requester": 1_000, "worker": 60}
GIVEN = ("committed", "revealed", "approved", "rejected", "batched")
"""States of an answer that money hangs on."""


class TooMany(Conflict):
    """Too many messages in an hour."""


class Messages:
    """Sends and reads messages.

    Args:
        store, postings: where they are, and the jobs that they are about.
        aliases: the workers' names.
        clock: the time, aware.
    """

    def __init__(self, store: Store, postings: Postings, aliases: Aliases, clock: Callable[[], datetime]) -> None:
        self._store, self._postings, self.aliases, self._clock = store, postings, aliases, clock

    async def to_workers(
        self, job: Job, workers: Sequence[str], assignment: str | None, text: str
    ) -> list[tuple[str, str | None]]:
        """One message of the job's requester to each of these workers; to those who have muted it only about an answer of theirs.

        Returns:
            (worker, thread) each; the thread is None for a worker who takes no messages of this requester.

        Raises:
            Invalid: the text, or too many workers.
            NotFound: one never worked on the job, or the assignment isn't that worker's; nobody gets anything.
            TooMany: the hour's messages are used up.
        """
        text, workers = _plain(text), list(dict.fromkeys(workers))
        if not 1 <= len(workers) <= MOST_AT_ONCE:
            raise Invalid(f"A message goes to 1 to {MOST_AT_ONCE} workers at once.")
        if assignment is not None and len(workers) != 1:
            raise Invalid("A message about an assignment goes to its worker alone.")

        def work(connection: Connection) -> list[tuple[str, str | None]]:
            self._require_pace(connection, job.requester, "requester", len(workers))
            return [(worker, self._to_worker(connection, job, worker, assignment, text)) for worker in workers]

        sent: list[tuple[str, str | None]] = await self._store.write(work)
        return sent

    def _to_worker(self, connection: Connection, job: Job, worker: str, assignment: str | None, text: str) -> str | None:
        if not people.has_worked(connection, job.number, worker):
            raise NotFound(f"{self.aliases.of(job.requester, worker)} never worked on this job; nothing was sent.")
        about = _about(connection, job, worker, assignment)
        if people.is_muted(connection, worker, job.requester) and (about is None or about.state not in GIVEN):
            return None
        return self._send(connection, job, worker, job.requester, worker, assignment, text)

    async def to_requester(self, job_id: str, worker: str, assignment: str | None, text: str) -> str:
        """A worker's message about a job, or an assignment of it; returns the thread's id.

        Raises:
            Invalid, NotFound, TooMany: as above; Forbidden: it is the worker's own job.
        """
        text, job = _plain(text), self._postings.find(job_id)
        if worker == job.requester:
            raise Forbidden("This job is your own; write to its workers.")

        def work(connection: Connection) -> str:
            self._require_pace(connection, worker, "worker", 1)
            _about(connection, job, worker, assignment)
            return self._send(connection, job, worker, worker, job.requester, assignment, text)

        thread: str = await self._store.write(work)
        return thread

    def _send(
        self, connection: Connection, job: Job, worker: str, sender: str, receiver: str, assignment: str | None, text: str
    ) -> str:
        now = self._clock()
        row = {"id": _new_id(), "posting": job.number, "requester": job.requester, "worker": worker, "created_at": now}
        thread = people.thread_of(connection, row | {"requester_read": 0, "worker_read": 0})
        message = {"thread": thread, "sender": sender, "assignment": assignment, "text": text, "created_at": now}
        number = people.add_message(connection, message)
        notices.tell(connection, receiver, "message.received", {"thread": thread, "message": str(number), "job": job.id}, now)
        return thread

    def _require_pace(self, connection: Connection, sender: str, role: str, more: int) -> None:
        sent = people.sent_since(connection, sender, self._clock() - timedelta(hours=1))
        if sent + more > MOST_AN_HOUR[role]:
            raise TooMany(f"A {role} sends at most {MOST_AN_HOUR[role]} messages an hour; try again later.")

    def thread(self, id: str, account: str) -> Row[Any]:
        """A thread of an account's.

        Raises:
            NotFound: there is none, or it is others'.
        """
        with self._store.read() as connection:
            row = people.thread(connection, id)
        if row is None or account not in (row.requester, row.worker):
            raise NotFound("There is no such thread of yours.")
        return row

    def threads(self, account: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """An account's threads by age."""
        with self._store.read() as connection:
            return people.threads(connection, account, cursor, limit)

    def threads_as(self, account: str, as_worker: bool, before: str, limit: int) -> Sequence[Row[Any]]:
        """An account's threads as a worker, or as a requester, the newest first; `before` is a thread's id, or empty."""
        with self._store.read() as connection:
            return people.threads_as(connection, account, as_worker, before or LAST, limit)

    def page(self, thread: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """A thread's messages by age; `thread` has said whose it is."""
        with self._store.read() as connection:
            return people.messages(connection, thread, cursor, limit)

    async def read(self, id: str, account: str, number: int) -> None:
        """Marks messages up to a number as read."""
        row = self.thread(id, account)
        most = min(number, row.newest or 0)
        await self._store.write(lambda c: people.read_up_to(c, id, most, account == row.worker))

    async def mute(self, worker: str, requester: str, on: bool) -> None:
        """Whether a worker takes a requester's messages; those about its own answers, and so its money, come in any case."""

        def work(connection: Connection) -> None:
            if on:
                people.mute(connection, worker, requester, self._clock())
            else:
                people.unmute(connection, worker, requester)

        await self._store.write(work)

    def muted(self, worker: str) -> Sequence[str]:
        """The requesters that a worker has muted."""
        with self._store.read() as connection:
            return people.mutes(connection, worker)


def _about(connection: Connection, job: Job, worker: str, assignment: str | None) -> Row[Any] | None:
    row = None if assignment is None else assignments.one(connection, assignment)
    if assignment is not None and (row is None or row.worker != worker or row.posting != job.number):
        raise NotFound("There is no such assignment of this worker in the job.")
    return row


def _plain(text: str) -> str:
    """The text as it is kept: without what a terminal or page could take for more than text.

    Raises:
        Invalid: empty, too long, or with control characters.
    """
    text = text.replace("\r\n", "\n").strip()
    if not 1 <= len(text) <= LONGEST:
        raise Invalid(f"A message has 1 to {LONGEST} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text):
        raise Invalid("A message is plain text, without control characters.")
    return text


def _new_id() -> str:
    """16 bytes: the milliseconds first, so that ids sort by age."""
    return "0x" + (time.time_ns() // 1_000_000).to_bytes(6).hex() + secrets.token_hex(10)
