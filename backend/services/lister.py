"""The lister: makes jobs findable, those of before there was a search too, and measures how fast they are answered.

One process does it for all. A job is listed within a second of being described, whichever way it was.
"""

from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.services.postings import Postings
from backend.services.rounds import Rounds
from backend.services.search import listing
from backend.store import listings
from backend.store.database import Store


class Lister(Rounds):
    """Lists and measures.

    Args:
        store: where jobs are.
        postings: have the manifests.
        clock: the time, aware.
    """

    def __init__(self, store: Store, postings: Postings, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "lister", self.step_once, clock)
        self._store, self._postings, self._clock = store, postings, clock

    def step_once(self, leadership: Leadership) -> bool:
        """Does some of what is due; whether there may be more."""
        now = self._clock()
        with self._store.read() as connection:
            new, due = listings.unlisted(connection), listings.due(connection, now)
        for row in new:
            found = listing(row, self._postings.manifest(row))
            self._store.write_now(lambda c, it=found: _with(leadership, c, lambda: listings.add(c, *it, now)))
        for row in due:
            with self._store.read() as connection:
                pace = measured(listings.newest_seconds(connection, row.number), row, now)
            self._store.write_now(lambda c, of=row.number, it=pace: _with(leadership, c, lambda: listings.measure(c, of, it)))
        return max(len(new), len(due)) == listings.AT_ONCE


def measured(seconds: list[float], job: Row[Any], now: datetime) -> dict[str, Any]:
    """A pace as `job_pace` has it: the median rounded down, and what the reward comes to in an hour; the estimate without an answer."""
    middle = int(median(seconds)) if seconds else 0
    hourly = job.reward * 3_600 // max(middle, 1) if seconds else job.estimated_hourly or 0
    return {"answers": len(seconds), "median_seconds": middle, "hourly": min(hourly, 2**256 - 1), "measured_at": now}


def _with(leadership: Leadership, connection: Connection, work: Callable[[], None]) -> None:
    leadership.require(connection)
    work()
