"""Threads for what is carried to other people's addresses: an account whose addresses take long holds up nobody else."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

THREADS, EACH = 16, 4
CLOSING_SECONDS = 3


class Lanes:
    """Carries rows that are due, each in a thread, of each account only a few at a time.

    Args:
        name: of the threads.
        due: (accounts, most) → so many rows at most that are due, the oldest first, none of these accounts'.
        account: whose a row is.
        key: what a row is known by.
        carry: does it, and writes what came of it.
    """

    def __init__(
        self,
        name: str,
        due: Callable[[Collection[str], int], Sequence[Row[Any]]],
        account: Callable[[Row[Any]], str],
        key: Callable[[Row[Any]], int],
        carry: Callable[[Row[Any]], None],
    ) -> None:
        self._due, self._account, self._key, self._carry = due, account, key, carry
        self._name, self._pool, self._lock = name, ThreadPoolExecutor(THREADS, name), Lock()
        self._under_way: dict[int, tuple[str, Future[None]]] = {}
        self._left_alone = set[int]()

    def begin(self) -> bool:
        """Begins with what may be begun, and waits for none of it; whether there was any."""
        begun = False
        while True:
            with self._lock:
                known = self._left_alone | self._under_way.keys()  # what ends while rows are read still looks as if it were due
                busy = Counter(account for account, _ in self._under_way.values())
            if busy.total() >= THREADS:
                return begun
            full = [account for account, count in busy.items() if count >= EACH]
            most = 2 * THREADS + len(self._left_alone)  # what is under way is still due, too, and no more than half of the rest
            rows = self._due(full, most)
            if not sum(self._started(row) for row in rows if self._key(row) not in known):
                return begun
            begun = True

    def _started(self, row: Row[Any]) -> bool:
        key, account = self._key(row), self._account(row)
        with self._lock:
            theirs = sum(other == account for other, _ in self._under_way.values())
            if theirs >= EACH or len(self._under_way) >= THREADS:
                return False
            self._under_way[key] = account, self._pool.submit(self._run, key, row)
            return True

    def _run(self, key: int, row: Row[Any]) -> None:
        try:
            self._carry(row)
        except (PieceworkError, SQLAlchemyError) as error:  # the database doesn't answer: the row is still due
            log.warning("%s waits: %s", self._name, error)
        except Exception:  # a fault of ours: logged with its trace, left to the next process, and everybody else's go on
            log.exception("what was due couldn't be carried; it is left alone until a restart")
            self._left_alone.add(key)
        finally:
            with self._lock:
                del self._under_way[key]

    def close(self) -> None:
        """Begins with nothing more; what isn't done in a moment is done again by whoever comes next."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left = [future for _, future in self._under_way.values()]
        wait(left, CLOSING_SECONDS)
