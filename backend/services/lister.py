"""The lister: measures how fast jobs are answered, and at its start makes those findable that are older than the search.

One process does it for all. Jobs are listed in the transaction that describes them.
"""

from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.services.listing import listing
from backend.services.postings import Postings
from backend.services.rounds import Rounds
from backend.store import listings
from backend.store.database import Store


IDLE_SECONDS = 1.0


class Lister(Rounds):
    """Lists and measures.

    Args:
        store: where jobs are.
        postings: have the manifests.
        clock: the time, aware.
    """

    def __init__(self, store: Store, postings: Postings, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "lister", self.step_once, clock, IDLE_SECONDS)
        self._store, self._postings, self._clock = store, postings, clock
        self._all_listed = False

    def replan(self) -> None:
        self._store.write_now(lambda connection: listings.replan(connection, self._clock()))

    def step_once(self, leadership: Leadership) -> bool:
        """Does some of what is due; whether there may be more."""
        now = self._clock()
        with self._store.read() as connection:
            old = [] if self._all_listed else listings.unlisted(connection)
            due = listings.due(connection, now)
        for row in old:
            listed, said = listing(row.reward, row.ai_policy, self._postings.manifest(row))
            listed["posting"] = row.number
            self._store.write_now(lambda c, it=(listed, said): _with(leadership, c, lambda: listings.add(c, *it, now)))
        self._all_listed = not old
        for row in due:
            with self._store.read() as connection:
                pace = measured(listings.newest_seconds(connection, row.number), row, now)
            self._store.write_now(lambda c, of=row.number, it=pace: _with(leadership, c, lambda: listings.measure(c, of, it)))
        return bool(old) or len(due) == listings.AT_ONCE


def measured(seconds: list[float], job: Row[Any], now: datetime) -> dict[str, Any]:
    """A pace as `job_pace` has it: the median rounded down, and what the reward comes to in an hour; the estimate without an answer."""
    middle = int(median(seconds)) if seconds else 0
    hourly = job.reward * 3_600 // max(middle, 1) if seconds else job.estimated_hourly or 0
    due_at = None if job.closed else now + (listings.SOON if len(seconds) < listings.FEW_ANSWERS else listings.LATER)
    return {"answers": len(seconds), "median_seconds": middle, "hourly": min(hourly, 2**256 - 1), "measured_at": now, "due_at": due_at}


def _with(leadership: Leadership, connection: Connection, work: Callable[[], None]) -> None:
    leadership.require(connection)
    work()
