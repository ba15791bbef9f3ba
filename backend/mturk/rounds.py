"""Goes round through what waits in SQL, a page at each look: what can't be done yet hides nothing behind it, and what failed pauses."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, tuple_

from backend.mturk.errors import MTurkError
from backend.store.database import Store
from piecework.domain.errors import PieceworkError, Unavailable

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Rows of a look."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
REMEMBERED = 100_000
Work = Callable[[Connection, Row[Any]], None]


class Waiting:
    """A query of rows, a page at a time: the first, and the next after a row.

    Args:
        what: what a row is, for the log.
        rows: finds them; each has an `id`.
        key: the columns that give the rows their order, which are among those that it selects; no two rows have the same.
    """

    def __init__(self, what: str, rows: Select[Any], *key: ColumnElement[Any]) -> None:
        self.what, self._key = what, key
        self.first = rows.order_by(*key).limit(AT_ONCE)
        self.next = self.first.where(tuple_(*key) > tuple_(*(bindparam(f"after_{column.key}", type_=column.type) for column in key)))

    def after(self, row: Row[Any]) -> dict[str, Any]:
        """What `next` needs to go on after a row."""
        return {f"after_{column.key}": getattr(row, str(column.key)) for column in self._key}


class Round:
    """One kind of work on rows, each in a transaction of its own. A look goes on where the one before it ended, and begins anew at the end.

    Args:
        waiting: the rows.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._after: dict[str, Any] = {}
        self._pauses: dict[Any, tuple[datetime, timedelta]] = {}

    def look(self, store: Store, values: dict[str, Any], now: datetime, work: Work) -> None:
        """Does the work for the rows of the next page. What is wrong with one holds up no other; it is tried again after a minute, then two,
        and so on up to an hour.

        Args:
            values: what the query needs.

        Raises:
            Unavailable: the database doesn't answer, which no row is to blame for.
        """
        for row in self._page(store, values):
            until, pause = self._pauses.get(row.id, (now, FIRST_PAUSE))
            if until > now + LONGEST_PAUSE or until <= now:  # a clock that was set back prolongs no pause
                self._try(store, row, now, pause, work)

    def _page(self, store: Store, values: dict[str, Any]) -> list[Row[Any]]:
        statement = self._waiting.next if self._after else self._waiting.first
        with store.read() as connection:
            rows = list(connection.execute(statement, values | self._after))
        self._after = self._waiting.after(rows[-1]) if len(rows) == AT_ONCE else {}
        return rows

    def _try(self, store: Store, row: Row[Any], now: datetime, pause: timedelta, work: Work) -> None:
        try:
            store.write_now(lambda connection: work(connection, row))
        except Unavailable:
            raise
        except (PieceworkError, MTurkError) as error:
            log.warning("%s %s waits: %s", self._waiting.what, row.id, error)
            self._put_off(row, now, pause)
        except Exception:  # a fault of ours: logged with its trace, and everybody else's go on
            log.exception("%s %s failed; the others go on", self._waiting.what, row.id)
            self._put_off(row, now, pause)
        else:
            self._pauses.pop(row.id, None)

    def _put_off(self, row: Row[Any], now: datetime, pause: timedelta) -> None:
        if len(self._pauses) >= REMEMBERED:
            self._pauses.clear()
        self._pauses[row.id] = now + pause, min(2 * pause, LONGEST_PAUSE)
