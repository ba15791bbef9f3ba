"""The steward: decides for requesters who don't, when a job's delay for reviews is over. One process does it for all.

An answer that nobody has reviewed within the job's delay is approved, where the job's operator is one of ours and registered; else it
is marked as overdue, so that its slot is opened and the requester's silence pays. Each job is one transaction.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.services.operators import Operators
from backend.services.reviews import Judged, Listeners, tell
from backend.services.rounds import Rounds
from backend.store import mirror, reviews, stewardship
from backend.store.database import Store

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0


class Steward(Rounds):
    """Looks every second.

    Args:
        store: where answers are.
        operators: have the keys.
        clock: the time, aware.
        devnet: whether the chain's time may stand still; else a clock of ours that runs ahead of it approves nothing.
        finality_blocks: how far back a reorg may reach.
        listeners: hear of what it approves.
    """

    def __init__(
        self,
        store: Store,
        operators: Operators,
        clock: Callable[[], datetime],
        devnet: bool,
        finality_blocks: int,
        listeners: Listeners,
    ) -> None:
        super().__init__(store, "steward", self._step_once, clock, PAUSE_SECONDS)
        self._store, self._operators, self._clock, self._devnet = store, operators, clock, devnet
        self._finality_blocks, self._listeners = finality_blocks, listeners
        self._since = -1

    def _step_once(self, leadership: Leadership) -> bool:
        with self._store.read() as connection:
            head = mirror.head(connection)
            due = stewardship.due(connection, self._now(connection), self._since)
        for job in due:
            self._store.write_now(lambda connection, of=job: self._time_out(connection, leadership, of))
        if head is not None:
            self._since = head.number - self._finality_blocks
        return False

    def _now(self, connection: Connection) -> datetime:
        """Ours, or the chain's if that is earlier: a clock that jumps ahead must not spend anybody's money."""
        head = mirror.head(connection)
        return self._clock() if self._devnet or head is None else min(self._clock(), head.timestamp_at)

    def _time_out(self, connection: Connection, leadership: Leadership, job: Row[Any]) -> None:
        """Answers whose delay is over: approved in the operator's name, or else marked as overdue."""
        leadership.require(connection)
        now = self._now(connection)
        waited = stewardship.waited(now)
        audit = {"posting": job.number, "before": "revealed", "code": None, "reason": None}
        if self._operators.may_approve(connection, job, now):
            done, word = reviews.decide(connection, audit | {"verdict": "approved", "reviewer": job.operator}, now, waited), "approved"
            tell(connection, self._listeners, Judged(word, job.number, done, now))
        else:
            waited.append(stewardship.not_overdue)
            done, word = reviews.decide(connection, audit | {"verdict": "overdue", "reviewer": None}, now, waited), "overdue"
        if done:
            told = {"event": "timed out", "job": job.job, "answers": len(done), "verdict": word}
            log.info("%d answers to %s are %s: nobody had reviewed them in time", len(done), job.job, word, extra=told)
