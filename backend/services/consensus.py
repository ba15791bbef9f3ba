"""What a job's answers come to, for its requester: now, and as a signed file that anyone with the answers can check."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from backend.services.counting import counting, fitted, outcomes
from backend.services.postings import Job
from backend.services.turns import Turns
from backend.store import consensus, slots
from backend.store.database import Store
from piecework.domain.errors import Conflict
from piecework.domain.typed_data import Key
from piecework.quality.result import write

LINES = 1_000


class JobResults:
    """Reads consensus.

    Args:
        store: where it is kept.
        key: the coordinator's, which signs result files.
    """

    def __init__(self, store: Store, key: Key) -> None:
        self._store, self._key = store, key
        self.turns = Turns(most=8)  # a file of a million answers takes its memory once

    def standing(self, job: Job) -> Row[Any]:
        """Where the job's consensus stands.

        Raises:
            Conflict: there is no answer yet that chooses a label.
        """
        with self._store.read() as connection:
            row = consensus.job(connection, job.number)
        if row is None:
            raise Conflict("There is nothing to decide yet: no answer to this job chooses a label, or none has been taken in.")
        return row

    def units(self, job: Job, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """Units by position."""
        with self._store.read() as connection:
            return consensus.unit_page(connection, job.number, cursor, limit)

    def workers(self, job: Job, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Workers with their skill, by address."""
        with self._store.read() as connection:
            return consensus.worker_page(connection, job.number, cursor, limit)

    def file(self, job: Job, answers: int | None) -> Iterator[bytes]:
        """The result over the job's first `answers` answers, by default those of its last fit, without those that are rejected now; signed
        by the coordinator. It takes seconds, so in its turn.

        Raises:
            Conflict: there are none, or fewer than that.
        """
        below = self._below(job, answers)
        with self._store.read() as connection:
            given = counting(connection, job.number, below)
        if not given.rows:
            raise Conflict("Every one of these answers is rejected, so there is nothing to decide.")
        found = fitted(given.rows, given.known) if given.kind is None else outcomes(given)
        return _lots(write(found, self._key, given.known, given.rejected))

    def answers(self, job: Job, answers: int | None) -> Iterator[bytes]:
        """The answers that such a file is made from: CSV with the columns task, worker and label, a task named by its unit's position."""
        below = self._below(job, answers)
        with self._store.read() as connection:
            refused = slots.refused(connection, job.number)

        def rows() -> Iterator[bytes]:
            cursor = -1
            yield b"task,worker,label\n"
            while True:
                with self._store.read() as connection:
                    found = consensus.labels(connection, job.number, below, cursor)
                if not found:
                    return
                cursor = found[-1].slot
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows((row.unit, row.worker, row.label) for row in found if row.slot not in refused)
                yield text.getvalue().encode()

        return rows()

    def _below(self, job: Job, answers: int | None) -> int:
        row = self.standing(job)
        below = row.fitted if answers is None else answers
        if not 0 < below <= row.answers:
            raise Conflict(f"The job has {row.answers} answers to decide by, {row.fitted} of them in its last fit; ask for one to that many.")
        return int(below)


def _lots(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Many lines at a time."""
    lot: list[bytes] = []
    for line in lines:
        lot.append(line)
        if len(lot) == LINES:
            yield b"".join(lot)
            lot.clear()
    yield b"".join(lot)
