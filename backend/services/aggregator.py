"""The aggregator: takes each new answer into its unit's consensus at once, and fits jobs anew in the background. One process does it.

What a step costs follows the answers that came, not the jobs there are: labels that no consensus has yet and fits that are due are
both found by an index, and an answer changes its unit by numbers that lie in rows. While a fit runs, new answers are taken in between
its iterations.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, cast

import numpy as np
from sqlalchemy import Connection, Row

from backend.services import rules
from backend.services.counting import Counting, counting, fitted, outcomes
from backend.services.leadership import Leadership
from backend.services.rounds import Rounds
from backend.services.words import Words
from backend.store import consensus as rows_of
from backend.store import reports, slots
from backend.store.database import Store
from piecework.domain.content import canonical_json
from piecework.domain.errors import Invalid
from piecework.quality import online
from piecework.quality.agreement import alpha
from piecework.quality.consensus import Consensus
from piecework.quality.online import Word
from piecework.quality.outcomes import Kind, Outcome, Outcomes, outcome
from piecework.quality.reading import PARTS
from piecework.quality.spending import Overlap

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
SOON_SECONDS, SECONDS_AN_ANSWER = 1.0, 0.001
"""A job is fitted anew so long after its first new answer, and the later the more answers it has, so that fits of a large job don't
take the machine; sooner when a tenth of its answers are new, but not within that millisecond an answer of the last fit, which takes a
fiftieth of it."""
LEAST_NEW, NEW_SHARE = 20, 10
MOST_COMPARED = 1_000
"""Classes up to which agreement is measured."""
CLOSE = 1e-4
"""A fit rewrites units that it moves by more."""
LOT = 100
"""Units that are written together; answers that come meanwhile wait for them."""


class Aggregator(Rounds):
    """Keeps every job's consensus.

    Args:
        store: where answers are.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "aggregator", self.step_once, clock, IDLE_SECONDS)
        self._store, self._clock = store, clock

    def replan(self) -> None:
        def work(connection: Connection) -> None:
            now = self._clock()
            for job in rows_of.planned(connection, now):
                due = fit_due(job.answers, job.fitted, job.fitted_at, job.refit_at, now)
                rows_of.change_job(connection, job.posting, refit_at=due)

        self._store.write_now(work)

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
                given = counting(connection, job.posting, job.answers)
            if not given.rows:
                self._keep_nothing(leadership, job.posting, given)
                return
            if given.kind is not None:
                self._keep_outcomes(leadership, job.posting, given, outcomes(given))
                return
            found = fitted(given.rows, given.known, progress)
        except Invalid as error:
            self._change(leadership, job.posting, refused=error.sentence, refit_at=None, fitting=None)
            return
        self._keep(leadership, job.posting, given, found)
        told_in = {"event": "fitted", "posting": job.posting, "answers": len(found.labels), "used": found.used}
        log.info("fitted %d answers in %.2f s", len(found.labels), time.perf_counter() - began, extra=told_in)

    def _change(self, leadership: Leadership, posting: int, **values: Any) -> None:
        def work(connection: Connection) -> None:
            leadership.require(connection)
            rows_of.change_job(connection, posting, **values)

        self._store.write_now(work)

    def _keep_nothing(self, leadership: Leadership, posting: int, given: Counting) -> None:
        """Writes that every answer was rejected."""
        said = {"used": "", "priors": "{}", "average": "{}", "alpha": None, "temperature": None}
        self._store.write_now(lambda c: self._keep_head(c, leadership, posting, given, said))

    def _keep_outcomes(self, leadership: Leadership, posting: int, given: Counting, found: Outcomes) -> None:
        """Writes what the answers of several parts come to."""
        rows = [outcome_row(posting, int(unit), one) for unit, one in found.by_unit.items()]
        said = {"used": given.kind, "priors": "{}", "average": "{}", "alpha": None, "temperature": None}

        def head(connection: Connection) -> None:
            self._keep_head(connection, leadership, posting, given, said)
            self._keep_rows(connection, leadership, posting, given, rows[:LOT])

        self._store.write_now(head)
        for at in range(LOT, len(rows), LOT):
            self._store.write_now(lambda c, of=rows[at : at + LOT]: self._keep_rows(c, leadership, posting, given, of))

    def _keep_rows(self, connection: Connection, leadership: Leadership, posting: int, given: Counting, rows: list[dict[str, Any]]) -> None:
        """Units that no answer has come to meanwhile; the others are newer already."""
        leadership.require(connection)
        newer = {row.unit for row in rows_of.since(connection, posting, [row["unit"] for row in rows], given.below)}
        rows_of.put_units(connection, [row for row in rows if row["unit"] not in newer])

    def _keep_head(self, connection: Connection, leadership: Leadership, posting: int, given: Counting, said: dict[str, Any]) -> None:
        """Writes a fit's own row, and takes away what only rejected answers had said."""
        leadership.require(connection)
        now = rows_of.job(connection, posting)
        assert now is not None
        at = self._clock()
        refit_at = fit_due(now.answers, given.below, at, None, at) if now.answers > given.below else None
        more = {"fitted": given.below, "rejected": given.rejected, "fitting": None, "refused": None, "fitted_at": at}
        rows_of.change_job(connection, posting, **said | more | {"refit_at": refit_at})
        rows_of.forget(connection, posting, given.units_gone, given.workers_gone)
        again = rows_of.since(connection, posting, given.units_gone, given.below)
        if again:
            weigh(connection, posting, again)
        newer = {row.unit for row in again}
        _Book(connection, posting, now, ()).ask({unit: _unit(posting, unit, "", 0.0, {}, {}) for unit in given.units_gone if unit not in newer})

    def _keep(self, leadership: Leadership, posting: int, given: Counting, found: Consensus) -> None:
        """Writes a fit: the job, its workers and the first lot of its units in one transaction, so that answers that come are weighed by it
        at once and nobody reads half of a small job's; then the other units in lots."""
        skill_of = {one.worker: one.right for one in found.skills}
        words, names = online.words(found.fit, skill_of), [str(name) for name in found.labels.classes]
        priors = found.fit.priors.tolist() if found.fit is not None else (found.posteriors.sum(axis=0) / found.posteriors.sum()).tolist()
        agreed = alpha(found.labels) if len(names) <= MOST_COMPARED else float("nan")
        said = {
            "used": found.used,
            "priors": json.dumps(dict(zip(names, priors, strict=True))),
            "average": _written(online.average(found.fit, skill_of)),
            "alpha": float(agreed) if agreed == agreed else None,
            "temperature": found.temperature,
        }
        skills = [
            {"posting": posting, "worker": one.worker, "answers": one.answers, "right": one.right, "low": one.low, "high": one.high}
            | {"rates": json.dumps(words[one.worker].rates)}
            for one in found.skills
        ]

        units = len(found.labels.units)

        def head(connection: Connection) -> None:
            self._keep_head(connection, leadership, posting, given, said)
            for at in range(0, len(skills), LOT):
                rows_of.put_skills(connection, skills[at : at + LOT])
            rules.apply(connection, posting, (one.worker for one in found.skills), self._clock())
            self._keep_units(connection, leadership, posting, given, found, range(min(LOT, units)))

        self._store.write_now(head)
        for at in range(LOT, units, LOT):
            lot = range(at, min(at + LOT, units))
            self._store.write_now(lambda c, of=lot: self._keep_units(c, leadership, posting, given, found, of))

    def _keep_units(
        self, connection: Connection, leadership: Leadership, posting: int, given: Counting, found: Consensus, places: range
    ) -> None:
        leadership.require(connection)
        job = rows_of.job(connection, posting)
        assert job is not None
        units = [int(found.labels.units[place]) for place in places]
        before = rows_of.units(connection, posting, units)
        later: dict[int, list[Row[Any]]] = {}
        if job.answers > given.below:
            for row in rows_of.since(connection, posting, units, given.below):
                later.setdefault(row.unit, []).append(row)
        book = _Book(connection, posting, job, [row for rows in later.values() for row in rows])
        changed = {}
        for unit, place in zip(units, places, strict=True):
            row, shares, counts = before.get(unit), _shares(found, place), _counts(found, place, later.get(unit, ()))
            if found.used != "majority":
                for one in later.get(unit, ()):
                    shares = online.updated(shares, one.label, book.words.of(one.worker), book.classes)
            elif unit in later:
                shares = online.votes(counts)
            label, confidence = online.decided(shares)
            if row is None or label != row.label or abs(confidence - row.confidence) > CLOSE or counts != json.loads(row.counts):
                changed[unit] = _unit(posting, unit, label, confidence, counts, shares)
        rows_of.put_units(connection, list(changed.values()))
        book.ask(changed)


def reweigh(connection: Connection, posting: int, now: datetime) -> None:
    """Has a job fitted anew soon: an answer was rejected, or isn't any more."""
    job = rows_of.job(connection, posting)
    if job is not None and job.refit_at is None:
        rows_of.change_job(connection, posting, refit_at=fit_due(job.answers, job.answers, job.fitted_at, None, now))


def take_in(connection: Connection, posting: int, new: Sequence[Row[Any]], now: datetime) -> None:
    """Takes labels of one job into its consensus, in this order."""
    job = rows_of.job(connection, posting) or rows_of.add_job(connection, posting)
    rows_of.place(connection, [{"posting": posting, "slot": row.slot, "place": at} for at, row in enumerate(new, job.answers)])
    classes, answers = weigh(connection, posting, new), job.answers + len(new)
    refit_at = fit_due(answers, job.fitted, job.fitted_at, job.refit_at, now)
    rows_of.change_job(connection, posting, answers=answers, classes=json.dumps(classes), refit_at=refit_at)
    rules.apply(connection, posting, (row.worker for row in new), now)


def weigh(connection: Connection, posting: int, new: Sequence[Row[Any]]) -> list[str]:
    """Moves units by labels that have their place; the classes that were ever said."""
    kind, job, wanted = PARTS.get(rows_of.template(connection, posting)), rows_of.job(connection, posting), list({row.unit for row in new})
    if kind is not None:
        _weigh_parts(connection, posting, cast(Kind, kind), wanted)
        return []
    book = _Book(connection, posting, job, new)
    before = rows_of.units(connection, posting, wanted)
    changed: dict[int, dict[str, Any]] = {}
    for row in new:
        counts, shares = _known(changed.get(row.unit), before.get(row.unit), book.words.priors)
        counts[row.label] = counts.get(row.label, 0) + 1
        shares = online.votes(counts) if book.words.by_votes else online.updated(shares, row.label, book.words.of(row.worker), book.classes)
        changed[row.unit] = _unit(posting, row.unit, *online.decided(shares), counts, shares)
    rows_of.put_units(connection, list(changed.values()))
    book.ask(changed)
    return book.classes


def _weigh_parts(connection: Connection, posting: int, kind: Kind, wanted: Sequence[int]) -> None:
    """A unit's parts are put together anew from all its answers, which are few; of classes more than half of them decide until the next fit."""
    refused, said = slots.refused(connection, posting), dict[int, list[str]]()
    for row in rows_of.since(connection, posting, wanted, 0):
        if row.slot not in refused:
            said.setdefault(row.unit, []).append(row.label)
    rows_of.put_units(connection, [outcome_row(posting, unit, outcome(kind, sorted(texts))) for unit, texts in said.items()])


def outcome_row(posting: int, unit: int, one: Outcome) -> dict[str, Any]:
    """A unit's row of what its answers of several parts come to; its label is the value as canonical JSON."""
    row = _unit(posting, unit, canonical_json(one.value).decode(), one.confidence, dict(one.counts), {})
    shares = dict(one.parts) if isinstance(one.parts, Mapping) else {}
    return row | {"answers": one.answers, "shares": json.dumps(shares)}


class _Book:
    """What a job's consensus weighs answers by, read once a transaction.

    Args:
        job: its row, None before the first answer.
        new: labels whose workers' words will be asked for.
    """

    def __init__(self, connection: Connection, posting: int, job: Row[Any] | None, new: Sequence[Row[Any]]) -> None:
        self._connection, self._posting = connection, posting
        self.words = words = Words(connection, posting, job, {row.worker for row in new})
        self.classes = words.classes + [label for label in dict.fromkeys(row.label for row in new) if label not in set(words.classes)]
        overlap = rows_of.overlap(connection, posting)
        self._overlap = None if overlap is None else json.loads(overlap)

    def ask(self, units: dict[int, dict[str, Any]]) -> None:
        """Where the job asks until it is sure: how many answers these units shall have now, and how soon."""
        if self._overlap is None or not units:
            return
        slots = rows_of.slots_of(self._connection, self._posting, list(units))
        lost = [count(self._connection, self._posting, list(units)) for count in (reports.counts, rows_of.rejected)]
        asked = [self._asked(row, slots[unit], sum(one.get(unit, 0) for one in lost)) for unit, row in units.items()]
        rows_of.ask(self._connection, asked)

    def _asked(self, row: dict[str, Any], slots: int, lost: int) -> dict[str, Any]:
        """How many answers a unit of so many slots shall have, `lost` of which are taken by reports and rejected answers."""
        assert self._overlap is not None
        most = max(slots - lost, 1)
        overlap = Overlap(min(self._overlap["least"], most), most, self._overlap["confidence_bps"] / 10_000)
        wanted = min(online.wanted(overlap, row["answers"], row["confidence"]) + lost, slots)
        worth = online.bits(json.loads(row["shares"]), self.words.average.right, len(self.classes))
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


def _counts(found: Consensus, place: int, later: Sequence[Row[Any]]) -> dict[str, int]:
    """How many say what of a unit: in a fit and after it."""
    labels = found.labels
    codes = labels.label[labels.starts[place] : labels.starts[place + 1]].tolist()
    return dict(Counter([*(str(labels.classes[code]) for code in codes), *(row.label for row in later)]))


def _written(word: Word) -> str:
    return json.dumps({"right": word.right, "rates": word.rates})


def fit_due(answers: int, fitted_to: int, fitted_at: datetime | None, before: datetime | None, now: datetime) -> datetime:
    """When a job with so many answers, of which so many were in its last fit, is fitted anew; `before` is what was said of that."""
    pause = timedelta(seconds=SECONDS_AN_ANSWER * answers)
    due = now + timedelta(seconds=SOON_SECONDS) + pause
    due = due if before is None else min(before, due)
    if answers - fitted_to >= max(LEAST_NEW, fitted_to // NEW_SHARE):
        due = min(due, now if fitted_at is None else max(now, fitted_at + pause))
    return due
