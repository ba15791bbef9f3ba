"""Which answers decide a job, and what they come to from scratch: the one place that leaves rejected ones out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection

from backend.services import gold
from backend.store import consensus as rows_of
from backend.store import slots
from piecework.domain.errors import Invalid
from piecework.quality.consensus import Consensus, Request, consensus
from piecework.quality.dawid_skene import Settings
from piecework.quality.labels import Labels
from piecework.quality.outcomes import Kind, Outcomes
from piecework.quality.reading import PARTS

REQUEST = Request("ds", 0, Settings(smoothing=0.5))
"""Half an answer in every cell: without, two who agree once would be infallible."""
MOST_CELLS = 50_000_000
"""Units times classes of a fit."""


@dataclass(frozen=True)
class Counting:
    """The answers that decide a job.

    Attributes:
        below: answers with places below this were looked at.
        rows: (unit, worker, what was said) of those that count.
        known: labels of known units, by position as text.
        kind: of outcomes, where answers have several parts.
        rejected: how many were left out because they are rejected.
        units_gone, workers_gone: all of whose answers were.
    """

    below: int
    rows: list[tuple[int, str, str]]
    known: dict[str, str]
    kind: str | None
    rejected: int
    units_gone: list[int]
    workers_gone: list[str]


def counting(connection: Connection, posting: int, below: int) -> Counting:
    """The first `below` answers of a job, without those that are rejected now."""
    refused = slots.refused(connection, posting)
    rows, units, workers, rejected = [], set[int](), set[str](), 0
    for row in rows_of.all_labels(connection, posting, below):
        if row.slot in refused:
            rejected += 1
            units.add(row.unit)
            workers.add(row.worker)
        else:
            rows.append((row.unit, row.worker, row.label))
    if refused:
        units -= {row[0] for row in rows}
        workers -= {row[1] for row in rows}
    kind = PARTS.get(rows_of.template(connection, posting))
    return Counting(below, rows, gold.truth(connection, posting), kind, rejected, sorted(units), sorted(workers))


def fitted(rows: Sequence[tuple[int, str, str]], known: dict[str, str], progress: Any = None) -> Consensus:
    """The consensus over a job's labels (unit, worker, label), from scratch.

    Raises:
        Invalid: there are none, or too many classes to fit.
    """
    if len({row[0] for row in rows}) * len({row[2] for row in rows}) > MOST_CELLS:
        raise Invalid("The answers have too many different labels to be fitted; the votes are counted all the same.")
    labels = Labels.of((str(unit), worker, label) for unit, worker, label in rows)
    return consensus(labels, REQUEST, truth=known or None, progress=progress)


def outcomes(given: Counting) -> Outcomes:
    """What answers of several parts come to, from scratch."""
    labels = Labels.of((str(unit), worker, said) for unit, worker, said in given.rows)
    return Outcomes(cast(Kind, given.kind), REQUEST, labels)
