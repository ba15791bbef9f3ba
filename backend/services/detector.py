"""The detector: looks for what honest answers seldom have in common. It has words on workers, and never touches pay. One process does it."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.canaries import TEXTS, Canaries
from backend.services.gold import truth
from backend.services.leadership import Leadership
from backend.services.postings import Postings
from backend.services.rounds import Rounds
from backend.store import consensus, fairness, postings
from backend.store.database import Store
from piecework.quality import collusion, duplicates, excess, interaction
from piecework.quality.interaction import Features
from piecework.quality.labels import Labels
from piecework.quality.reading import CHOICES
from piecework.quality.suspicion import Signal

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
MOST_WORKERS = 150
"""Pairs grow with the square: of more workers those with the most answers are compared."""
MOST_TEXTS = 20_000
MOST_CELLS = 20_000_000
SHOWN = 5
"""Findings of one detector on one worker that are kept: the strongest."""


class Detector(Rounds):
    """Runs a job's detectors when its requester asks.

    Args:
        store: where answers are.
        jobs: have the manifests.
        canaries: know the words that only a scraper reads.
        clock: the time, aware.
    """

    def __init__(self, store: Store, jobs: Postings, canaries: Canaries, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "detector", self.step_once, clock, IDLE_SECONDS)
        self._store, self._jobs, self._canaries, self._clock = store, jobs, canaries, clock

    def replan(self) -> None:
        self._store.write_now(lambda connection: fairness.replan(connection, self._clock()))

    def step_once(self, leadership: Leadership) -> bool:
        """Looks at the job that has waited longest; whether there may be more."""
        with self._store.read() as connection:
            due = fairness.due(connection, self._clock())
            job = None if due is None else postings.numbered(connection, due.posting)
        if job is None:
            return False
        found, left_out = self._look(job.number, job.job, self._jobs.manifest(job))

        def work(connection: Connection) -> None:
            leadership.require(connection)
            fairness.put_findings(connection, job.number, strongest(found), left_out or None, self._clock())

        self._store.write_now(work)
        log.info("detectors have %d words on workers of a job", len(found), extra={"event": "detected", "posting": job.number})
        return True

    def _look(self, posting: int, job: str, manifest: Mapping[str, Any]) -> tuple[list[Signal], str]:
        with self._store.read() as connection:
            rows = list(consensus.all_labels(connection, posting, 2**62))
            reference = {str(row.unit): row.label for row in _units(connection, posting)} | truth(connection, posting)
            model = {str(row.unit): row.label for row in fairness.predictions(connection, posting)}
            shared = fairness.signals(connection, posting)
        found, left_out = interaction.signals(_features(shared)), []
        if rows and reference and manifest["template"] in CHOICES:
            more, missing = _compared(rows, reference, model)
            found, left_out = found + more, left_out + missing
        if manifest["template"] in TEXTS:
            texts = self._texts(posting)
            found += duplicates.signals(duplicates.alike(texts)) + self._canaries.signals(job, manifest, texts)
            left_out += [f"texts beyond the first {MOST_TEXTS}"] if len(texts) == MOST_TEXTS else []
        return found, "; ".join(left_out)

    def _texts(self, posting: int) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for state in ("revealed", "approved", "batched", "rejected"):
            cursor = ""
            while len(found) < MOST_TEXTS:
                with self._store.read() as connection:
                    rows = fairness.texts(connection, posting, state, cursor)
                if not rows:
                    break
                cursor = rows[-1].id
                said = ((row.worker, str(row.unit), json.loads(row.answer)) for row in rows)
                found |= {(worker, unit): answer for worker, unit, answer in said if isinstance(answer, str)}
        return dict(list(found.items())[:MOST_TEXTS])


def strongest(found: Sequence[Signal]) -> list[dict[str, Any]]:
    """The findings to keep, as rows."""
    of: dict[tuple[str, str], list[Signal]] = defaultdict(list)
    for one in found:
        of[one.worker, one.detector].append(one)
    kept = [one for key in sorted(of) for one in sorted(of[key], key=lambda s: (1.0 if s.p is None else s.p, s.evidence))[:SHOWN]]
    return [
        {"worker": s.worker, "detector": s.detector, "evidence": s.evidence, "false_positive_rate": s.false_positive_rate}
        | {"p": None if s.p is None else float(s.p)}
        for s in kept
    ]


def _compared(rows: Sequence[Row[Any]], reference: dict[str, str], model: dict[str, str]) -> tuple[list[Signal], list[str]]:
    left_out, most = [], [name for name, _ in Counter(row.worker for row in rows).most_common(MOST_WORKERS)]
    if len({row.worker for row in rows}) > len(most):
        left_out.append(f"collusion: only the {MOST_WORKERS} workers with the most answers were compared")
    whole = Labels.of((str(row.unit), row.worker, row.label) for row in rows)
    found = excess.signals(excess.compared(whole, reference, model)) if model else []
    chosen = set(most)
    kept = [(str(row.unit), row.worker, row.label) for row in rows if row.worker in chosen]
    if len({row[0] for row in kept}) * len(most) > MOST_CELLS:
        return found, [*left_out, "collusion: the job has too many units and workers to compare all"]
    return found + collusion.signals(collusion.compared(Labels.of(kept), reference)), left_out


def _units(connection: Connection, posting: int) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    cursor = -1
    while rows := consensus.unit_page(connection, posting, cursor, 5_000):
        found += rows
        cursor = rows[-1].unit
    return found


def _features(rows: Sequence[Row[Any]]) -> dict[str, Sequence[Features] | None]:
    of: dict[str, list[Features]] = defaultdict(list)
    for row in rows:
        of[row.worker].append(Features(row.seconds, row.letters, row.pasted_share, row.focus_losses, row.rhythm))
    return dict(of)
