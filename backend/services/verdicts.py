"""What some units of a job come to, out of the job's own consensus. The cost follows the units that are asked about, not the job.

The consensus may be a moment behind: a unit of whose answers it doesn't have exactly those that count now is weighed anew, by the last
fit's words. So a rejected answer decides nothing from the moment of its rejection.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Row

from backend.services.words import Words
from backend.store import consensus, slots
from backend.store.database import Store
from piecework.domain.errors import Invalid
from piecework.quality import online
from piecework.quality.outcomes import Kind, outcome, text_of
from piecework.quality.reading import CHOICES, PARTS, key_of, parts_of

ALGORITHMS = ("ds", "majority")


class Verdict(NamedTuple):
    """A unit's class, its parts as text, or where nothing is chosen its commonest answer; how sure that is, 0 to 1; and by how many answers."""

    label: str
    sure: float
    votes: int


class Verdicts:
    """Decides units of one job.

    Args:
        store: where its consensus is.
        posting: the job's number.
        algorithm: one of `ALGORITHMS`.

    Attributes:
        algorithm: what was asked for.
        job: the job's row of `job_consensus`; None for one whose answers have no consensus, or none yet.
        waiting: answers that it hasn't taken in yet.
        used: what decides; "majority" where nothing could be learnt of anybody.

    Raises:
        Invalid: another algorithm.
    """

    def __init__(self, store: Store, posting: int, template: str, algorithm: str = "ds") -> None:
        if algorithm not in ALGORITHMS:
            raise Invalid(f"by must be one of {', '.join(ALGORITHMS)}.")
        self._store, self._posting, self._template = store, posting, template
        self._kind = cast(Kind | None, PARTS.get(template))
        self.algorithm, self._learns = algorithm, algorithm == "ds"
        with store.read() as connection:
            self.job, self.waiting = consensus.job(connection, posting), consensus.waiting(connection, posting)
        learnt = self.job.used if self._learns and self.job is not None and template in CHOICES else ""
        self.used: str = self._kind or learnt or "majority"

    @property
    def classes(self) -> list[str]:
        """What was said, where answers choose one class each."""
        return [] if self.job is None else cast(list[str], json.loads(self.job.classes))

    @property
    def is_behind(self) -> bool:
        """Whether answers have come, or were rejected, since the last fit; units follow them all the same, by what it had learnt."""
        return self.job is not None and (self.job.refit_at is not None or self.job.answers + self.waiting > self.job.fitted)

    def of(self, answers: Iterable[Row[Any]]) -> dict[int, Verdict]:
        """Verdicts by unit; one without an answer that counts isn't there.

        Args:
            answers: all of those units, as `submissions.whole` reads them.
        """
        said: dict[int, list[tuple[str, str]]] = {}
        for row in counting(answers):
            text = row.answer if self._kind is None else parts_of(self._template, json.loads(row.answer)) or "[]"
            said.setdefault(row.unit, []).append((row.worker, key_of(self._template, text) if self._kind is None else text))
        with self._store.read() as connection:
            kept = consensus.units(connection, self._posting, list(said)) if self._learns and self.job is not None else {}
            if self._kind is not None:
                return {unit: self._put_together(kept.get(unit), [text for _, text in one]) for unit, one in said.items()}
            return self._weighed(connection, kept, said)

    def kept(self, unit: int) -> Verdict | None:
        """What the job's consensus says of a unit, without a look at its answers; None where it says nothing."""
        if not self._learns or self.job is None:
            return None
        with self._store.read() as connection:
            row = consensus.units(connection, self._posting, [unit]).get(unit)
        return None if row is None else self._kept(row)

    def parts(self, unit: int, answers: Iterable[Row[Any]]) -> Any:
        """What a unit's answers of several parts come to, as `Outcome.parts`: of classes by the job's consensus."""
        assert self._kind is not None
        one = outcome(self._kind, sorted(parts_of(self._template, json.loads(row.answer)) or "[]" for row in counting(answers)))
        if self._kind != "multilabel" or not self._learns:
            return one.parts
        with self._store.read() as connection:
            row = consensus.units(connection, self._posting, [unit]).get(unit)
        if row is None or (row.answers, json.loads(row.counts)) != (one.answers, one.counts):
            return one.parts
        shares = json.loads(row.shares)
        return {name: shares.get(name, row.confidence) for name in json.loads(row.label)}

    def _put_together(self, row: Row[Any] | None, texts: Sequence[str]) -> Verdict:
        assert self._kind is not None
        one = outcome(self._kind, sorted(texts))
        if row is not None and (row.answers, json.loads(row.counts)) == (one.answers, one.counts):
            return self._kept(row)
        return Verdict(text_of(one.value), one.confidence, one.answers)

    def _kept(self, row: Row[Any]) -> Verdict:
        return Verdict(row.label if self._kind is None else text_of(json.loads(row.label)), row.confidence, row.answers)

    def _weighed(
        self, connection: Connection, kept: Mapping[int, Row[Any]], said: Mapping[int, Sequence[tuple[str, str]]]
    ) -> dict[int, Verdict]:
        votes = {unit: Counter(label for _, label in one) for unit, one in said.items()}
        found = {unit: self._kept(row) for unit, row in kept.items() if json.loads(row.counts) == votes[unit]}
        behind = [unit for unit in said if unit not in found]
        if self.used == "majority":
            return found | {unit: Verdict(*online.decided(online.votes(votes[unit])), votes[unit].total()) for unit in behind}
        words = Words(connection, self._posting, self.job, {worker for unit in behind for worker, _ in said[unit]})
        return found | {unit: Verdict(*_by_words(words, said[unit]), len(said[unit])) for unit in behind}


def counting(answers: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Those that decide: neither rejected nor reports in place of an answer."""
    return [row for row in answers if row.report is None and not slots.is_refused(row)]


def _by_words(words: Words, said: Sequence[tuple[str, str]]) -> tuple[str, float]:
    """Among the labels that somebody whose answer counts has said."""
    shares: Mapping[str, float] = words.priors
    classes = [*words.classes, *({label for _, label in said} - set(words.classes))]
    for worker, label in said:
        shares = online.updated(shares, label, words.of(worker), classes)
    left = {label: max(shares.get(label, 0.0), online.KEPT) for _, label in said}
    total = sum(left.values())
    return online.decided({label: share / total for label, share in left.items()})
