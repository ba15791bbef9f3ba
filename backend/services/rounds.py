"""A thread that does one thing over and over, in the one process that has its lease."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from backend.services.leadership import Leadership
from backend.services.sparing import spare_modules
from backend.store.database import Store
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

IDLE_SECONDS, LONGEST_PAUSE_SECONDS, REPLAN_SECONDS = 0.25, 10.0, 60.0


class Rounds:
    """Calls `step` until it is stopped; at once again as long as that says that there is more.

    Args:
        store: where the lease is.
        name: of lease and thread.
        step: one round.
        clock: the time, aware.
        idle_seconds: how long it rests after a round with nothing more to do.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        step: Callable[[Leadership], bool],
        clock: Callable[[], datetime],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._idle_seconds, self._waiting_seconds = idle_seconds, store.lease_seconds / 6
        self._leadership, self._step, self._ending = Leadership(store, name, clock), step, Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the round at hand and leaves the lease to others."""
        self._ending.set()
        self._thread.join(5)

    def replan(self) -> None:
        """Plans anew what was planned by a clock that ran ahead and has been set back since. Called at first and then once a minute."""

    def _run(self) -> None:
        pause, silent, replanned = self._idle_seconds, "", float("-inf")
        while not self._ending.wait(pause):
            try:
                held = self._leadership.acquire()
                if held and time.monotonic() - replanned >= REPLAN_SECONDS:
                    self.replan()
                    replanned = time.monotonic()
                pause = 0.0 if held and self._step(self._leadership) else self._idle_seconds if held else self._waiting_seconds
                silent = ""
                spare_modules()
            except (PieceworkError, SQLAlchemyError) as error:
                pause = min(max(pause, IDLE_SECONDS) * 2, LONGEST_PAUSE_SECONDS)
                if str(error) != silent:  # what is in its way is said once
                    log.warning("%s waits: %s", self._leadership.name, error)
                silent = str(error)
        try:
            self._leadership.resign()
        except (PieceworkError, SQLAlchemyError) as error:
            log.warning("%s keeps its lease until that runs out: %s", self._leadership.name, error)
