"""Search: what jobs are found by, and which of them a worker may find and take."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.listing import words
from backend.services.postings import Postings
from backend.services.qualifications import Qualifications, parsed
from backend.store import holding, listings, people
from backend.store.database import Store
from backend.store.listings import Wanted
from backend.store.records import Records, RequesterRecord
from piecework.domain.requirements import ACCEPT, DISCOVER

MOST_ASKED = 8
LOOKED_AT = 2_000
"""Jobs that one page looks at, so that a search for what is rare takes several pages and none of them long."""


class Search:
    """Finds jobs.

    Args:
        store: where they are listed.
        postings, qualifications: the jobs, and who may take which.
        chain_id, escrow: whose mirror has requesters' records.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store,
        postings: Postings,
        qualifications: Qualifications,
        chain_id: int,
        escrow: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._postings, self._qualifications = store, postings, qualifications
        self._chain_id, self._escrow, self._clock = chain_id, escrow, clock

    def page(
        self, wanted: Wanted, state: str | None, account: str | None, takeable: bool, after: tuple[int, ...] | None, limit: int
    ) -> tuple[list[Row[Any]], tuple[int, ...] | None]:
        """Jobs that the account may find, and the place to go on from; None at the end. A page may be short though there is more.

        Args:
            account: who asks, None for a passer-by.
            takeable: only those that the account may take now.
        """
        found: list[Row[Any]] = []
        has = self._qualifications.holds(account)
        with self._store.read() as connection:
            for _ in range(0, LOOKED_AT, lot := max(limit, 100)):
                rows = listings.page(connection, wanted, after, lot)
                for row in rows:
                    after = listings.place(row, wanted.sort)
                    if state in (None, row.state) and self._shows(connection, row, account, has, takeable):
                        if len(found) == limit:
                            return found, listings.place(found[-1], wanted.sort)
                        found.append(row)
                if len(rows) < lot:
                    return found, None
        return found, after

    def standing(self, row: Row[Any]) -> tuple[Row[Any] | None, RequesterRecord]:
        """A job's pace, and the record of its requester."""
        with self._store.read() as connection:
            records = Records(connection, self._chain_id, self._escrow)
            return listings.pace(connection, row.number), records.requester(row.requester)

    def _shows(self, connection: Connection, row: Row[Any], account: str | None, has: dict[str, Any], takeable: bool) -> bool:
        own = account == row.requester
        if not takeable:
            return own or _meets(row.qualifications, has, DISCOVER)
        return not own and row.state == "open" and _meets(row.qualifications, has, ACCEPT) and self._may_take(connection, row, account)

    def _may_take(self, connection: Connection, row: Row[Any], worker: Any) -> bool:
        if row.closes_at <= self._clock().timestamp() or people.block_reason(connection, row.requester, worker) is not None:
            return False
        if row.per_worker_limit is not None and holding.record(connection, worker, row.number).held >= row.per_worker_limit:
            return False
        return holding.preview(connection, row.number, worker, row.answers_per_worker) is not None


def _meets(required: str, has: dict[str, Any], action: str) -> bool:
    return all(one.met(has.get(one.qualification)) for one in parsed(required) if one.guarding(action))


def asked(texts: Sequence[str]) -> tuple[str, ...]:
    """The words that a search asks for."""
    return words(" ".join(texts), MOST_ASKED)
