"""What each worker's word is worth in a job by its last fit, read for those who are asked about."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row

from backend.store import consensus
from piecework.quality import online
from piecework.quality.online import Word

BY_VOTES = ("", "majority")
"""Fits that learnt nothing of anybody; empty before the first one."""


class Words:
    """Words of some workers.

    Args:
        job: the job's row of `job_consensus`, None before its first answer.
        workers: whose words will be asked for.
    """

    def __init__(self, connection: Connection, posting: int, job: Row[Any] | None, workers: Collection[str]) -> None:
        self.used: str = "" if job is None else job.used
        self.classes: list[str] = [] if job is None else json.loads(job.classes)
        self.priors: dict[str, float] = {} if job is None else json.loads(job.priors)
        said = {} if job is None else json.loads(job.average)
        self.average = Word(said.get("right", online.UNKNOWN_SKILL), said.get("rates", {}))
        known = consensus.skills(connection, posting, sorted(workers)) if workers and not self.by_votes else {}
        self._words = {worker: Word(row.right, json.loads(row.rates)) for worker, row in known.items()}

    @property
    def by_votes(self) -> bool:
        """Whether votes are counted, as nothing is known of anybody."""
        return self.used in BY_VOTES

    def of(self, worker: str) -> Word:
        """A worker's; everybody's together for one that the last fit didn't see."""
        return self._words.get(worker, self.average)
