"""Approves in the requester's name where it made the coordinator its operator: approved answers are cut into batches, and signed, when
enough of them wait or no more have come for a while: approvals come in runs, and a settlement for each part of a run costs half as much
again."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from backend.services.batches import Batches
from backend.services.operators import Operators
from backend.services.postings import Postings
from backend.store import stewardship
from backend.store.database import Store
from backend.store.tables import Assignment, OperatorKey, Posting
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
PATIENCE = 10
"""The first approved answer waits at most so many times as long as the last."""
_DUE = (
    select(Posting.number, func.count().label("waiting"))
    .join(Assignment, col(Assignment.posting) == col(Posting.number))
    .join(OperatorKey, col(OperatorKey.address) == col(Posting.operator))
    .where(text("assignment.state = 'approved'"), col(OperatorKey.revoked_at).is_(None))  # the words of its partial index
    .group_by(col(Posting.number))
    .having(
        or_(
            func.count() >= bindparam("enough"),
            func.max(col(Assignment.reviewed_at)) <= bindparam("quiet"),
            func.min(col(Assignment.reviewed_at)) <= bindparam("since"),
        )
    )
)


class Approver:
    """Signs batches as an operator.

    Args:
        store: where they are.
        postings, batches: the jobs, and what cuts and takes approvals.
        operators: have the keys.
        slots, seconds: how many approved answers make a batch at once, and how long the last waits for others (the first, `PATIENCE` times
            as long).
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store,
        postings: Postings,
        batches: Batches,
        operators: Operators,
        slots: int,
        seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._postings, self._batches, self._operators = store, postings, batches, operators
        self._slots, self._age, self._clock = slots, timedelta(seconds=seconds), clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; call it on the loop that serves."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends; what was approved is still approved."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        silent = ""
        while True:
            try:
                await self.step()
                silent = ""
            except (PieceworkError, SQLAlchemyError) as error:
                if str(error) != silent:
                    log.warning("approved answers wait for their batch: %s", error)
                silent = str(error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def step(self) -> int:
        """Cuts and signs what is due; returns how many jobs that were."""
        due = await asyncio.to_thread(self._due)
        for row in due:
            await self._approve(row)
        return len(due)

    def _due(self) -> list[Row[Any]]:
        """Jobs with enough approved answers, or of which a batch was cut and not signed, because somebody ended us in between."""
        now = self._clock()
        due = {"enough": self._slots, "quiet": now - self._age, "since": now - PATIENCE * self._age}
        with self._store.read() as connection:
            numbers = [row.number for row in connection.execute(_DUE, due)]
            jobs = stewardship.jobs(connection, [*numbers, *stewardship.unsigned(connection)])
            return [job for job in jobs if self._operators.may_approve(connection, job, now)]

    async def _approve(self, row: Row[Any]) -> None:
        key = await asyncio.to_thread(self._operators.key, row.operator, row.requester)
        if key is None:
            return
        for batch in await self._batches.cut(self._postings.find(row.job)):
            await self._batches.approve(batch.digest, key.sign(self._batches.approval_digest(batch)))
