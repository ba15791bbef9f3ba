"""What a job's answers come to: decisions with their confidence, agreement, pace, and how good each worker is.

Made from all answers of a job, so never at each request: a result is kept, and made again only after ten times as long as it took,
whoever asks and however often.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import numpy as np
from sqlalchemy import Row

from backend.services.counting import REQUEST
from backend.services.gold import truth
from backend.services.postings import Job
from backend.store import slots, submissions
from backend.store.content import Contents
from backend.store.database import Store
from piecework.domain.errors import Invalid, NotFound
from piecework.quality import consensus as quality
from piecework.quality.agreement import alpha
from piecework.quality.labels import Labels
from piecework.quality.outcomes import Kind, Outcome, Outcomes, text_of
from piecework.quality.reading import PARTS, parts_of

ALGORITHMS = ("ds", "majority")
CHOOSING = (
    *("label", "classifier", "image-classifier", "pairwise"),
    *("classifier-multi-select", "image-classifier-multi-select"),
)
"""Templates whose answers choose among classes; the others' are compared as a whole."""
MOST_CLASSES = 200
"""With more, a matrix of units by classes would be mostly nothing, and the majority decides."""
LOT = 5_000
KEPT = 32
LEAST_SECONDS = 1.0
SLOWNESS = 10
LONGEST_KEY = 200

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
    reported: int = 0


@dataclass(frozen=True)
class Decided:
    """What a job's answers come to; rejected ones don't count, nor reports in place of an answer.

    Attributes:
        asked, used: the algorithm; "majority" is used where another can learn nothing.
        positions: of the units with an answer, ascending, shape (N,).
        classes: what was said, by code.
        best, sure, votes: each unit's class, how sure it is (0 to 1), and how many answers it has, shape (N,).
        unanimous, most, split: units with two answers or more where all, more than half, or fewer say the same.
        alpha: Krippendorff's, None where nothing can be compared.
        revealed, approved: Unix seconds, ascending.
    """

    asked: str
    used: str
    answers: int
    rejected: int
    reported: int
    positions: np.ndarray
    classes: Sequence[str]
    best: np.ndarray
    sure: np.ndarray
    votes: np.ndarray
    unanimous: int
    most: int
    split: int
    alpha: float | None
    workers: tuple[Quality, ...]
    revealed: np.ndarray
    approved: np.ndarray
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    """By position, where answers have several parts."""

    def of(self, position: int) -> tuple[str, float, int] | None:
        """A unit's class, how sure, and by how many answers; None for one that nobody has answered."""
        at = int(np.searchsorted(self.positions, position))
        if at == len(self.positions) or self.positions[at] != position:
            return None
        return self.classes[int(self.best[at])], float(self.sure[at]), int(self.votes[at])


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

    def decided(self, job: Job, template: str, algorithm: str = "ds") -> Decided:
        """What the job's answers come to by now, or came to a moment ago.

        Raises:
            Invalid: another algorithm.
        """
        if algorithm not in ALGORITHMS:
            raise Invalid(f"by must be one of {', '.join(ALGORITHMS)}.")
        return self.shared((job.id, algorithm), lambda: decide(self._gathered(job, template), template, algorithm, self._known(job)))

    def _known(self, job: Job) -> dict[str, str]:
        with self._store.read() as connection:
            return truth(connection, job.number)

    def refused(self, job: Job) -> set[int]:
        """Slots whose answers are rejected, and so decide nothing."""
        with self._store.read() as connection:
            return slots.refused(connection, job.number)

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
        refused = self.refused(job)
        found, after, rejected, reported = Gathered(), -1, 0, 0
        while True:
            with self._store.read() as connection:
                rows = submissions.said(connection, job.number, after, LOT)
            for row in rows:
                found.revealed.append(row.revealed_at.timestamp())
                if row.slot in refused:
                    rejected += 1
                    continue
                if row.report is not None:
                    reported += 1
                    continue
                if row.state != "revealed" and row.reviewed_at is not None:
                    found.approved.append(row.reviewed_at.timestamp())
                key = parts_of(template, json.loads(row.answer)) or key_of(template, row.answer)
                found.units.append(row.unit)
                found.workers.append(names.setdefault(row.worker, row.worker))
                found.keys.append(names.setdefault(key, key))
            if len(rows) < LOT:
                return Gathered(found.units, found.workers, found.keys, found.revealed, found.approved, rejected, reported)
            after = rows[-1].slot


def key_of(template: str, text: str) -> str:
    """What two answers must share to be called the same.

    Args:
        text: an answer's canonical JSON.
    """
    value = json.loads(text)
    if template == "pairwise" and isinstance(value, dict):
        value = value.get("winner", value)
    elif template in CHOOSING and isinstance(value, dict) and "label" in value:
        value = value["label"]
    elif template in CHOOSING and isinstance(value, dict) and isinstance(value.get("labels"), list):
        value = " + ".join(sorted(map(str, value["labels"]))) or "none"
    if isinstance(value, str):
        text = value
    return text


def decide(said: Gathered, template: str, algorithm: str = "ds", known: Mapping[str, str] | None = None) -> Decided:
    """What answers come to, weighed as the job's own consensus weighs them (`counting.REQUEST`), but for rejected ones.

    Args:
        known: labels of known units by position, as text.
    """
    if not said.units:
        return _nothing(said, algorithm)
    labels = Labels.of_columns(np.asarray(said.units), np.asarray(said.workers, object), np.asarray(said.keys, object))
    best, sure, tops = _majority(labels)
    used, right, classes = "majority", _agreeing(labels, best), labels.classes
    parted: dict[int, Outcome] = {}
    request = replace(REQUEST, algorithm=algorithm)  # type: ignore[arg-type]
    if template in PARTS:
        used, parted = PARTS[template], {int(unit): one for unit, one in Outcomes(cast(Kind, PARTS[template]), request, labels).by_unit.items()}
        texts = [text_of(one.value) for one in parted.values()]
        classes, best = np.unique(texts, return_inverse=True)
        sure = np.asarray([one.confidence for one in parted.values()])
    elif template in CHOOSING and 1 < len(labels.classes) <= MOST_CLASSES:
        named = {int(unit): label for unit, label in (known or {}).items()}
        found = quality.consensus(labels, request, truth=named or None)
        used, best = found.used, found.best
        sure = found.posteriors[np.arange(len(best)), best]
        right = tuple(Quality(one.worker, one.answers, one.right, one.low, one.high) for one in found.skills)
    compared = labels.per_unit >= 2
    share = tops / labels.per_unit
    agreed = alpha(labels) if len(labels.classes) <= MOST_CLASSES and compared.any() else float("nan")
    return Decided(
        asked=algorithm,
        used=used,
        answers=len(labels) + said.rejected,
        rejected=said.rejected,
        reported=said.reported,
        positions=np.asarray(labels.units),
        classes=[str(name) for name in classes],
        best=np.asarray(best),
        sure=np.asarray(sure, float),
        votes=labels.per_unit,
        unanimous=int((compared & (share == 1)).sum()),
        most=int((compared & (share > 0.5) & (share < 1)).sum()),
        split=int((compared & (share <= 0.5)).sum()),
        alpha=float(agreed) if agreed == agreed else None,
        workers=tuple(sorted(right, key=lambda one: (-one.answers, one.worker))),
        revealed=np.sort(np.asarray(said.revealed)),
        approved=np.sort(np.asarray(said.approved)),
        outcomes=parted,
    )


def _nothing(said: Gathered, algorithm: str) -> Decided:
    none, revealed = np.zeros(0, int), np.sort(np.asarray(said.revealed, float))
    fields = {"answers": said.rejected, "rejected": said.rejected, "reported": said.reported, "revealed": revealed, "approved": np.zeros(0)}
    counts: dict[str, Any] = {"unanimous": 0, "most": 0, "split": 0, "alpha": None, "workers": ()}
    arrays: dict[str, Any] = {"positions": none, "classes": [], "best": none, "sure": np.zeros(0), "votes": none}
    return Decided(asked=algorithm, used="majority", **fields, **counts, **arrays)  # type: ignore[arg-type]


def _majority(labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each unit's commonest class (of equals the first by name), its share of the votes, and its votes; without a matrix, so that it
    also works where everybody says something else."""
    cells, counts = np.unique(labels.unit.astype(np.int64) * len(labels.classes) + labels.label, return_counts=True)
    unit, label = cells // len(labels.classes), cells % len(labels.classes)
    order = np.lexsort((label, -counts, unit))
    first = order[np.concatenate([[True], np.diff(unit[order]) > 0])]
    return label[first], counts[first] / labels.per_unit, counts[first]


def _agreeing(labels: Labels, best: np.ndarray) -> tuple[Quality, ...]:
    """How often each says what most say, where others answered too."""
    counts = labels.per_unit[labels.unit] >= 2
    same = np.bincount(labels.worker, (labels.label == best[labels.unit]) & counts, len(labels.workers))
    seen = np.bincount(labels.worker, counts, len(labels.workers))
    shares = np.divide(same, seen, out=np.zeros(len(seen)), where=seen > 0)
    rows = zip(labels.workers, labels.per_worker.tolist(), shares.tolist(), strict=True)
    return tuple(Quality(str(worker), answers, share, None, None) for worker, answers, share in rows)
