"""What a job's answers come to: unit by unit out of its consensus, and as a whole: agreement, pace, and how good each worker is.

What is made from all answers of a job isn't made at each request: a result is kept, and made again only after ten times as long as it
took, whoever asks and however often.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Row

from backend.services.counting import REQUEST
from backend.services.gold import truth
from backend.services.postings import Job
from backend.services.verdicts import Verdict, Verdicts
from backend.store import reports, slots, submissions
from backend.store.content import Contents
from backend.store.database import Store
from backend.store.submissions import joined, spans
from piecework.domain.errors import NotFound
from piecework.quality import consensus as quality
from piecework.quality.agreement import alpha
from piecework.quality.labels import Labels
from piecework.quality.reading import CHOICES, key_of, parts_of

MOST_CLASSES = 200
"""With more, a matrix of units by classes would be mostly nothing, and the majority decides."""
LOT = 5_000
SLOTS = 2_000
"""Slots whose answers are read at once; a unit of more is large."""
KEPT = 32
LEAST_SECONDS = 1.0
SLOWNESS = 10

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Quality:
    """One worker of a job: how many answers, the share that is right by the others' word, and the middle 95 % of that (None where
    answers can't be weighed so)."""

    worker: str
    answers: int
    right: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Gathered:
    """A job's answers, column by column: unit, worker and what was said of those that count; when each was revealed, and decided
    (Unix seconds, of all)."""

    units: list[int] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    revealed: list[float] = field(default_factory=list)
    approved: list[float] = field(default_factory=list)
    rejected: int = 0


@dataclass(frozen=True)
class Decided:
    """What a job's answers come to as a whole; rejected ones don't count, nor reports in place of an answer.

    Attributes:
        unanimous, most, split: units with two answers or more where all, more than half, or fewer say the same.
        alpha: Krippendorff's, None where nothing can be compared.
        revealed, approved: Unix seconds, ascending.
    """

    answers: int
    rejected: int
    unanimous: int
    most: int
    split: int
    alpha: float | None
    workers: tuple[Quality, ...]
    revealed: np.ndarray
    approved: np.ndarray


@dataclass(frozen=True, slots=True)
class Figures:
    """How many answers a job has, rejected ones too, how many units have one, how many are rejected, and how many more are reports."""

    answers: int
    units: int
    rejected: int
    reported: int


class Results:
    """Decides jobs by their answers.

    Args:
        store, contents: where jobs and answers are kept.
    """

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store, self._contents = store, contents
        self._kept: OrderedDict[tuple[str, str], tuple[Any, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[tuple[str, str], threading.Lock] = {}

    def decided(self, job: Job, template: str) -> Decided:
        """What the job's answers come to by now, or came to a moment ago."""
        return self.shared((job.id, "decided"), lambda: decide(self._gathered(job, template), template, self._known(job)))

    def _known(self, job: Job) -> dict[str, str]:
        with self._store.read() as connection:
            return truth(connection, job.number)

    def verdicts(self, job: Job, template: str, algorithm: str = "ds") -> Verdicts:
        """Who decides some units of the job.

        Raises:
            Invalid: another algorithm.
        """
        return Verdicts(self._store, job.number, template, algorithm)

    def verdicts_of(self, job: Job, units: Sequence[Row[Any]], by: Verdicts) -> dict[int, Verdict]:
        """What some units, in order, come to. One of very many answers is taken from the consensus, or weighed once in a while for all who ask."""
        small = [row for row in units if row.slots <= SLOTS]
        found: dict[int, Verdict] = {}
        for part in joined(spans(small, SLOTS), SLOTS):
            found |= by.of(self.answers(job, part[0][1], part[-1][2]))
        for row in units:
            if row.slots > SLOTS and (one := by.kept(row.position) or self._large(job, row, by)) is not None:
                found[row.position] = one
        return found

    def _large(self, job: Job, unit: Row[Any], by: Verdicts) -> Verdict | None:
        def weigh() -> Verdict | None:
            every = (row for _, first, last in spans([unit], SLOTS) for row in self.answers(job, first, last))
            return by.of(every).get(unit.position)

        return self.shared((job.id, f"unit {unit.position} by {by.algorithm}"), weigh)

    def figures(self, job: Job, by: Verdicts) -> Figures:
        """How many answers and units there are: kept numbers, or where answers have no consensus a count of a moment ago."""
        if by.job is None:
            return self.shared((job.id, "figures"), lambda: self._counted(job))
        with self._store.read() as connection:
            return Figures(by.job.answers + by.waiting, by.job.units, by.job.rejected, reports.of(connection, job.number))

    def _counted(self, job: Job) -> Figures:
        with self._store.read() as connection:
            (answers, units), reported = submissions.answered(connection, job.number), reports.of(connection, job.number)
            return Figures(answers, units, len(slots.refused(connection, job.number)), reported)

    def answers(self, job: Job, first: int, last: int) -> Sequence[Row[Any]]:
        """All that is kept of the answers of some slots."""
        with self._store.read() as connection:
            return submissions.whole(connection, job.number, first, last)

    def matching(self, job: Job, state: str | None, worker: str | None, unit: int | None, after: str, most: int) -> Sequence[Row[Any]]:
        """Answers by age behind the id `after`, as id, unit and slot."""
        with self._store.read() as connection:
            return submissions.matching(connection, job.number, state, worker, unit, after, most)

    def unit(self, job: Job, position: int) -> tuple[Row[Any], bytes]:
        """One unit and its content, canonical JSON.

        Raises:
            NotFound: the job has no such unit.
        """
        with self._store.read() as connection:
            row = submissions.unit(connection, job.number, position)
        if row is None:
            raise NotFound(f"The job has no unit {position}.")
        return row, self.content(job, row)

    def content(self, job: Job, row: Row[Any]) -> bytes:
        """The content of a unit's row."""
        return self._contents.unit(job.content, row.content_offset, row.content_length)

    def jobs(self, requester: str, before: int, most: int) -> Sequence[Row[Any]]:
        """A requester's jobs with their state, the newest first."""
        with self._store.read() as connection:
            return submissions.jobs(connection, requester, before, most)

    def shared(self, name: tuple[str, str], make: Callable[[], Made]) -> Made:
        """What `make` made a moment ago for whoever asked, or makes now: at most a tenth of the time goes into it, however many ask."""
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            found = self._kept.get(name)
            if found is not None and time.monotonic() < found[1]:
                made: Made = found[0]
                return made
            began = time.monotonic()
            made = make()
            ended = time.monotonic()
            with self._lock:
                self._kept[name] = made, ended + max(LEAST_SECONDS, SLOWNESS * (ended - began))
                self._kept.move_to_end(name)
                while len(self._kept) > KEPT:
                    old, _ = self._kept.popitem(last=False)
                    self._making.pop(old, None)
        return made

    def _gathered(self, job: Job, template: str) -> Gathered:
        names: dict[str, str] = {}
        with self._store.read() as connection:
            refused = slots.refused(connection, job.number)
        found, after, rejected = Gathered(), -1, 0
        while True:
            with self._store.read() as connection:
                rows = submissions.said(connection, job.number, after, LOT)
            for row in rows:
                found.revealed.append(row.revealed_at.timestamp())
                if row.slot in refused:
                    rejected += 1
                    continue
                if row.report is not None:
                    continue
                if row.state != "revealed" and row.reviewed_at is not None:
                    found.approved.append(row.reviewed_at.timestamp())
                key = parts_of(template, json.loads(row.answer)) or key_of(template, row.answer)
                found.units.append(row.unit)
                found.workers.append(names.setdefault(row.worker, row.worker))
                found.keys.append(names.setdefault(key, key))
            if len(rows) < LOT:
                return Gathered(found.units, found.workers, found.keys, found.revealed, found.approved, rejected)
            after = rows[-1].slot


def decide(said: Gathered, template: str, known: Mapping[str, str] | None = None) -> Decided:
    """What answers come to, weighed as the job's own consensus weighs them (`counting.REQUEST`), but for rejected ones.

    Args:
        known: labels of known units by position, as text.
    """
    times = (np.sort(np.asarray(said.revealed, float)), np.sort(np.asarray(said.approved, float)))
    if not said.units:
        return Decided(said.rejected, said.rejected, 0, 0, 0, None, (), *times)
    labels = Labels.of_columns(np.asarray(said.units), np.asarray(said.workers, object), np.asarray(said.keys, object))
    best, tops = _majority(labels)
    right = _agreeing(labels, best)
    if template in CHOICES and 1 < len(labels.classes) <= MOST_CLASSES:
        found = quality.consensus(labels, REQUEST, truth={int(unit): label for unit, label in (known or {}).items()} or None)
        right = tuple(Quality(one.worker, one.answers, one.right, one.low, one.high) for one in found.skills)
    compared = labels.per_unit >= 2
    share = tops / labels.per_unit
    agreed = alpha(labels) if len(labels.classes) <= MOST_CLASSES and compared.any() else float("nan")
    return Decided(
        len(labels) + said.rejected,
        said.rejected,
        int((compared & (share == 1)).sum()),
        int((compared & (share > 0.5) & (share < 1)).sum()),
        int((compared & (share <= 0.5)).sum()),
        float(agreed) if agreed == agreed else None,
        tuple(sorted(right, key=lambda one: (-one.answers, one.worker))),
        *times,
    )


def _majority(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Each unit's commonest class (of equals the first by name), and its votes; without a matrix, so that it
    also works where everybody says something else."""
    cells, counts = np.unique(labels.unit.astype(np.int64) * len(labels.classes) + labels.label, return_counts=True)
    unit, label = cells // len(labels.classes), cells % len(labels.classes)
    order = np.lexsort((label, -counts, unit))
    first = order[np.concatenate([[True], np.diff(unit[order]) > 0])]
    return label[first], counts[first]


def _agreeing(labels: Labels, best: np.ndarray) -> tuple[Quality, ...]:
    """How often each says what most say, where others answered too."""
    counts = labels.per_unit[labels.unit] >= 2
    same = np.bincount(labels.worker, (labels.label == best[labels.unit]) & counts, len(labels.workers))
    seen = np.bincount(labels.worker, counts, len(labels.workers))
    shares = np.divide(same, seen, out=np.zeros(len(seen)), where=seen > 0)
    rows = zip(labels.workers, labels.per_worker.tolist(), shares.tolist(), strict=True)
    return tuple(Quality(str(worker), answers, share, None, None) for worker, answers, share in rows)
