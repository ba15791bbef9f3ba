"""The aggregator: takes each new answer into its unit's consensus at once, and fits jobs anew in the background. One process does it.

What a step costs follows the answers that came, not the jobs there are: labels that no consensus has yet and fits that are due are
both found by an index, and an answer changes its unit by numbers that lie in rows. While a fit runs, new answers are taken in between
its iterations.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row

from backend.services import gold, rules
from backend.services.leadership import Leadership
from backend.services.rounds import Rounds
from backend.store import consensus as rows_of
from backend.store import reports
from backend.store.database import Store
from piecework.domain.errors import Invalid
from piecework.quality import online
from piecework.quality.agreement import alpha
from piecework.quality.consensus import Consensus, Request, consensus
from piecework.quality.dawid_skene import Settings
from piecework.quality.labels import Labels
from piecework.quality.online import Word
from piecework.quality.spending import Overlap

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
REQUEST = Request("ds", 0, Settings(smoothing=0.5))
"""Half an answer in every cell: without, two who agree once would be infallible."""
SOON_SECONDS, SECONDS_AN_ANSWER = 1.0, 0.001
"""A job is fitted anew so long after its first new answer, and the later the more answers it has, so that fits of a large job don't
take the machine; but at once when a tenth of its answers are new."""
LEAST_NEW, NEW_SHARE = 20, 10
MOST_CELLS = 50_000_000
"""Units times classes of a fit."""
MOST_COMPARED = 1_000
"""Classes up to which agreement is measured."""
CLOSE = 1e-4
"""A fit rewrites units that it moves by more."""
LOT = 500


class Aggregator(Rounds):
    """Keeps every job's consensus.

    Args:
        store: where answers are.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "aggregator", self.step_once, clock, IDLE_SECONDS)
        self._store, self._clock = store, clock

    def step_once(self, leadership: Leadership) -> bool:
        """Takes new answers in, else fits the job that waits longest; whether there may be more."""
        taken = self._take(leadership)
        with self._store.read() as connection:
            due = rows_of.due(connection, self._clock())
        if due is not None:
            self._fit(leadership, due)
        return due is not None or taken == rows_of.AT_ONCE

    def _take(self, leadership: Leadership) -> int:
        with self._store.read() as connection:
            new = rows_of.new(connection)
        if not new:
            return 0

        def work(connection: Connection) -> None:
            leadership.require(connection)
            for posting, rows in groupby(new, key=lambda row: int(row.posting)):
                take_in(connection, posting, list(rows), self._clock())

        self._store.write_now(work)
        return len(new)

    # -------------------------------------------------------------------------------------------- fitting

    def _fit(self, leadership: Leadership, job: Row[Any]) -> None:
        began, told = time.perf_counter(), [time.monotonic()]

        def progress(done: int, most: int, _: float) -> None:
            if time.monotonic() - told[0] > 0.25:
                told[0] = time.monotonic()
                self._take(leadership)
                self._change(leadership, job.posting, fitting=100 * done // most)

        try:
            with self._store.read() as connection:
                rows = [(row.unit, row.worker, row.label) for row in rows_of.all_labels(connection, job.posting, job.answers)]
                known = gold.truth(connection, job.posting)
            found = fitted(rows, known, progress)
        except Invalid as error:
            self._change(leadership, job.posting, refused=error.sentence, refit_at=None, fitting=None)
            return
        self._keep(leadership, job.posting, found)
        told_in = {"event": "fitted", "posting": job.posting, "answers": len(found.labels), "used": found.used}
        log.info("fitted %d answers in %.2f s", len(found.labels), time.perf_counter() - began, extra=told_in)

    def _change(self, leadership: Leadership, posting: int, **values: Any) -> None:
        def work(connection: Connection) -> None:
            leadership.require(connection)
            rows_of.change_job(connection, posting, **values)

        self._store.write_now(work)

    def _keep(self, leadership: Leadership, posting: int, found: Consensus) -> None:
        """Writes a fit: the job, its workers and the first lot of its units in one transaction, so that answers that come are weighed by it
        at once and nobody reads half of a small job's; then the other units in lots."""
        skill_of = {one.worker: one.right for one in found.skills}
        words, names = online.words(found.fit, skill_of), [str(name) for name in found.labels.classes]
        priors = found.fit.priors.tolist() if found.fit is not None else (found.posteriors.sum(axis=0) / found.posteriors.sum()).tolist()
        agreed = alpha(found.labels) if len(names) <= MOST_COMPARED else float("nan")
        said = {
            "fitted": len(found.labels),
            "used": found.used,
            "priors": json.dumps(dict(zip(names, priors, strict=True))),
            "average": _written(online.average(found.fit, skill_of)),
            "alpha": float(agreed) if agreed == agreed else None,
            "temperature": found.temperature,
            "fitting": None,
            "refused": None,
            "fitted_at": self._clock(),
            "refit_at": None,
        }
        skills = [
            {"posting": posting, "worker": one.worker, "answers": one.answers, "right": one.right, "low": one.low, "high": one.high}
            | {"rates": json.dumps(words[one.worker].rates)}
            for one in found.skills
        ]

        units = len(found.labels.units)

        def head(connection: Connection) -> None:
            leadership.require(connection)
            now = rows_of.job(connection, posting)
            assert now is not None
            if now.answers > len(found.labels):
                said["refit_at"] = _due(now.answers, len(found.labels), None, self._clock())
            rows_of.change_job(connection, posting, **said)
            for at in range(0, len(skills), LOT):
                rows_of.put_skills(connection, skills[at : at + LOT])
            rules.apply(connection, posting, (one.worker for one in found.skills), self._clock())
            self._keep_units(connection, leadership, posting, found, range(min(LOT, units)))

        self._store.write_now(head)
        for at in range(LOT, units, LOT):
            lot = range(at, min(at + LOT, units))
            self._store.write_now(lambda c, of=lot: self._keep_units(c, leadership, posting, found, of))

    def _keep_units(self, connection: Connection, leadership: Leadership, posting: int, found: Consensus, places: range) -> None:
        leadership.require(connection)
        job = rows_of.job(connection, posting)
        assert job is not None
        units = [int(found.labels.units[place]) for place in places]
        before = rows_of.units(connection, posting, units)
        later: dict[int, list[Row[Any]]] = {}
        if job.answers > len(found.labels):
            for row in rows_of.since(connection, posting, units, len(found.labels)):
                later.setdefault(row.unit, []).append(row)
        book = _Book(connection, posting, job, [row for rows in later.values() for row in rows])
        changed = {}
        for unit, place in zip(units, places, strict=True):
            row, shares = before[unit], _shares(found, place)
            if found.used != "majority":
                for one in later.get(unit, ()):
                    shares = online.updated(shares, one.label, book.word(one.worker), book.classes)
            elif unit in later:
                shares = online.votes(json.loads(row.counts))
            label, confidence = online.decided(shares)
            if label != row.label or abs(confidence - row.confidence) > CLOSE:
                changed[unit] = _unit(posting, unit, label, confidence, json.loads(row.counts), shares)
        rows_of.put_units(connection, list(changed.values()))
        book.ask(changed)


def fitted(rows: Sequence[tuple[int, str, str]], known: dict[str, str], progress: Any = None) -> Consensus:
    """The consensus over a job's labels (unit, worker, label), from scratch.

    Raises:
        Invalid: there are none, or too many classes to fit.
    """
    if len({row[0] for row in rows}) * len({row[2] for row in rows}) > MOST_CELLS:
        raise Invalid("The answers have too many different labels to be fitted; the votes are counted all the same.")
    labels = Labels.of((str(unit), worker, label) for unit, worker, label in rows)
    return consensus(labels, REQUEST, truth=known or None, progress=progress)


def take_in(connection: Connection, posting: int, new: Sequence[Row[Any]], now: datetime) -> None:
    """Takes labels of one job into its consensus, in this order."""
    job = rows_of.job(connection, posting)
    book = _Book(connection, posting, job, new)
    before = rows_of.units(connection, posting, list({row.unit for row in new}))
    changed: dict[int, dict[str, Any]] = {}
    for row in new:
        counts, shares = _known(changed.get(row.unit), before.get(row.unit), book.priors)
        counts[row.label] = counts.get(row.label, 0) + 1
        votes = book.used in ("", "majority")
        shares = online.votes(counts) if votes else online.updated(shares, row.label, book.word(row.worker), book.classes)
        changed[row.unit] = _unit(posting, row.unit, *online.decided(shares), counts, shares)
    first = 0 if job is None else job.answers
    rows_of.place(connection, [{"posting": posting, "slot": row.slot, "place": at} for at, row in enumerate(new, first)])
    rows_of.put_units(connection, list(changed.values()))
    fitted_to = 0 if job is None else job.fitted
    refit_at = _due(first + len(new), fitted_to, None if job is None else job.refit_at, now)
    values = {"answers": first + len(new), "classes": json.dumps(book.classes), "refit_at": refit_at}
    if job is None:
        rows_of.add_job(connection, values | {"posting": posting, "fitted": 0, "used": "", "priors": "{}", "average": "{}"})
    else:
        rows_of.change_job(connection, posting, **values)
    book.ask(changed)
    rules.apply(connection, posting, (row.worker for row in new), now)


class _Book:
    """What a job's consensus weighs answers by, read once a transaction.

    Args:
        job: its row, None before the first answer.
        new: labels whose workers' words will be asked for.
    """

    def __init__(self, connection: Connection, posting: int, job: Row[Any] | None, new: Sequence[Row[Any]]) -> None:
        self._connection, self._posting = connection, posting
        self.used = "" if job is None else job.used
        self.classes: list[str] = [] if job is None else json.loads(job.classes)
        self.classes += [label for label in dict.fromkeys(row.label for row in new) if label not in set(self.classes)]
        self.priors: dict[str, float] = {} if job is None else json.loads(job.priors)
        said = {} if job is None else json.loads(job.average)
        self._average = Word(said.get("right", online.UNKNOWN_SKILL), said.get("rates", {}))
        known = rows_of.skills(connection, posting, list({row.worker for row in new})) if new and self.used not in ("", "majority") else {}
        self._words = {worker: Word(row.right, json.loads(row.rates)) for worker, row in known.items()}
        overlap = rows_of.overlap(connection, posting)
        self._overlap = None if overlap is None else json.loads(overlap)

    def word(self, worker: str) -> Word:
        """A worker's; everybody's together for one that the last fit didn't see."""
        return self._words.get(worker, self._average)

    def ask(self, units: dict[int, dict[str, Any]]) -> None:
        """Where the job asks until it is sure: how many answers these units shall have now, and how soon."""
        if self._overlap is None or not units:
            return
        slots = rows_of.slots_of(self._connection, self._posting, list(units))
        lost = reports.counts(self._connection, self._posting, list(units))
        rows_of.ask(self._connection, [self._asked(row, slots[unit], lost.get(unit, 0)) for unit, row in units.items()])

    def _asked(self, row: dict[str, Any], slots: int, lost: int) -> dict[str, Any]:
        """Args: slots: the unit's; lost: those of them that report it in place of an answer."""
        assert self._overlap is not None
        most = slots - lost
        overlap = Overlap(min(self._overlap["least"], most), most, self._overlap["confidence_bps"] / 10_000)
        wanted = online.wanted(overlap, row["answers"], row["confidence"]) + lost
        worth = online.bits(json.loads(row["shares"]), self._average.right, len(self.classes))
        return {"posting": self._posting, "unit": row["unit"], "wanted": wanted, "rank": -round(1e6 * worth)}


def _known(changed: dict[str, Any] | None, before: Row[Any] | None, priors: dict[str, float]) -> tuple[dict[str, int], dict[str, float]]:
    """Counts and probabilities of a unit as they are now."""
    if changed is not None:
        return json.loads(changed["counts"]), json.loads(changed["shares"])
    return ({}, priors) if before is None else (json.loads(before.counts), json.loads(before.shares))


def _unit(posting: int, unit: int, label: str, confidence: float, counts: dict[str, int], shares: dict[str, float]) -> dict[str, Any]:
    return {
        "posting": posting,
        "unit": unit,
        "label": label,
        "confidence": confidence,
        "answers": sum(counts.values()),
        "counts": json.dumps(counts),
        "shares": json.dumps(shares),
    }


def _shares(found: Consensus, place: int) -> dict[str, float]:
    row = found.posteriors[place]
    return {str(found.labels.classes[at]): float(row[at]) for at in np.flatnonzero(row > online.KEPT)}


def _written(word: Word) -> str:
    return json.dumps({"right": word.right, "rates": word.rates})


def _due(answers: int, fitted_to: int, before: datetime | None, now: datetime) -> datetime:
    """When a job with so many answers, of which so many are in its last fit, is fitted anew."""
    if answers - fitted_to >= max(LEAST_NEW, fitted_to // NEW_SHARE):
        return now if before is None else min(before, now)
    return before or now + timedelta(seconds=SOON_SECONDS + SECONDS_AN_ANSWER * answers)
