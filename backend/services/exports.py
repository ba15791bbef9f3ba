"""Results as files, made while they are sent: a lot of slots at a time, so a large job needs no large memory.

CSV has Mechanical Turk's columns and Parquet the same facts, a row an answer; JSON Lines has a line a unit with its answers and what
they come to; the manifest is Ground Truth's augmented one.
"""

import csv
import io
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from backend.services.masks import TEMPLATE as SEGMENTATION
from backend.services.masks import Masks
from backend.services.postings import Job, Postings
from backend.services.results import SLOTS, Results
from backend.services.verdicts import Verdict, Verdicts, counting
from backend.store.submissions import joined, spans
from piecework.domain.answers import answer_schema
from piecework.domain import reports
from piecework.domain.errors import Invalid
from piecework.domain.units import decimal_text
from piecework.quality import manifest as augmented
from piecework.quality.reading import CHOICES, PARTS, SEVERAL, key_of

UNITS = 500
MOST_COLUMNS = 1_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula; workers' texts and requesters' units get an apostrophe before it."""

HEAD = (
    *("HITId", "HITTypeId", "Title", "Description", "Keywords", "Reward", "CreationTime", "MaxAssignments"),
    *("RequesterAnnotation", "AssignmentDurationInSeconds", "AutoApprovalDelayInSeconds", "Expiration"),
    *("NumberOfSimilarHITs", "LifetimeInSeconds", "AssignmentId", "WorkerId", "AssignmentStatus", "AcceptTime"),
    *("SubmitTime", "AutoApprovalTime", "ApprovalTime", "RejectionTime", "RequesterFeedback", "WorkTimeInSeconds"),
    *("LifetimeApprovalRate", "Last30DaysApprovalRate", "Last7DaysApprovalRate"),
)
"""The columns of a results file of Mechanical Turk before `Input.…`, `Answer.…`, `Approve` and `Reject`."""
HIT, MOST = HEAD.index("HITId"), HEAD.index("MaxAssignments")
OWN = slice(HEAD.index("AssignmentId"), HEAD.index("LifetimeApprovalRate"))
"""The columns that are each answer's own."""
PART = 1 << 16
"""Bytes that are sent at a time."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
One = TypeVar("One")
REJECTED = ("rejected", "contested", "appealed", "refunded")
APPROVED = ("approved", "batched", "paid")


@dataclass(frozen=True)
class Export:
    """One job's results, and where they come from.

    Attributes:
        row: the job's row of `posting`; `said` its manifest.
        verdicts: who decides its units.
        masks: of painted pictures.
        decimals, symbol: of the token that rewards are in.
    """

    results: Results
    postings: Postings
    job: Job
    row: Row[Any]
    said: Mapping[str, Any]
    verdicts: Verdicts
    masks: Masks
    decimals: int
    symbol: str

    # ------------------------------------------------------------------------------------------------ reading

    def units(self) -> Iterator[Row[Any]]:
        """The job's units, a lot at a time."""
        after = -1
        while rows := self.postings.units(self.job, after, UNITS):
            yield from rows
            after = rows[-1].position

    def answers(self) -> Iterator[tuple[Row[Any], Sequence[Row[Any]]]]:
        """Answers with their unit, in the order of the slots; a unit with very many comes in pieces."""
        return chain.from_iterable(self._read())

    def _read(self) -> Iterator[list[tuple[Row[Any], Sequence[Row[Any]]]]]:
        """The same, as many at a time as are read at once."""
        for lot in _lots(self.units(), UNITS):
            for part in joined(spans(lot, SLOTS), SLOTS):
                found = self.results.answers(self.job, part[0][1], part[-1][2])
                slots = [row.slot for row in found]
                yield [(unit, found[bisect_left(slots, first) : bisect_right(slots, last)]) for unit, first, last in part]

    def decided(self) -> Iterator[tuple[Row[Any], Sequence[Row[Any]], Verdict | None]]:
        """The same with what the unit comes to, None for one without an answer that counts; a unit in pieces has it with each of them."""
        for part in self._read():
            found = self.verdicts.of(row for unit, rows in part if unit.slots <= SLOTS for row in rows)
            found |= self.results.verdicts_of(self.job, [unit for unit, _ in part if unit.slots > SLOTS], self.verdicts)
            for unit, rows in part:
                yield unit, rows, found.get(unit.position)

    def content(self, unit: Row[Any]) -> Any:
        """A unit's content."""
        return json.loads(self.results.content(self.job, unit))

    # ------------------------------------------------------------------------------------------------ CSV

    def csv(self) -> Iterator[bytes]:
        """A row an answer, with Mechanical Turk's columns."""
        inputs = _names(self.content(unit) for unit in self.units())
        answers = self._answer_names()
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow([*HEAD, *(f"Input.{name}" for name in inputs), *(f"Answer.{name}" for name in answers), "Approve", "Reject"])
        common = self._common()
        for unit, rows in self.answers():
            given = _flat(self.content(unit), "content") if rows else {}
            shown = [_cell(given.get(name)) for name in inputs]
            for row in rows:
                said = _flat(json.loads(row.answer), "answer")
                lines.writerow([*self._row(common, unit, row), *shown, *(_cell(said.get(name)) for name in answers), "", ""])
            if text.tell() > PART:
                yield _drained(text)
        yield _drained(text)

    def _answer_names(self) -> list[str]:
        schema, more = answer_schema(dict(self.said)), [reports.KEY, reports.WHY] if self.said.get("reports") else []
        if schema.get("additionalProperties") is False and "properties" in schema:
            return list(dict.fromkeys([*schema["properties"], *more]))
        if schema.get("type") == "string":
            return ["answer", *more]
        every = (row for _, rows in self.answers() for row in rows)
        return _names((json.loads(row.answer) for row in every), "answer")

    def _common(self) -> list[Any]:
        row, said = self.row, self.said
        created = row.created_at
        common = {
            "HITTypeId": row.content_hash,
            "Title": _guarded(said["title"]),
            "Description": _guarded(said.get("description") or said["instructions"]),
            "Keywords": _guarded(", ".join(said.get("keywords") or ())),
            "Reward": f"{decimal_text(row.reward, self.decimals)} {self.symbol}",
            "CreationTime": _time(created),
            "AssignmentDurationInSeconds": row.assignment_seconds,
            "AutoApprovalDelayInSeconds": "" if row.auto_approval_seconds is None else row.auto_approval_seconds,
            "Expiration": _time(datetime.fromtimestamp(row.closes_at, UTC)),
            "LifetimeInSeconds": max(0, row.closes_at - int(created.timestamp())),
        }
        return [common.get(name, "") for name in HEAD]

    def _row(self, common: list[Any], unit: Row[Any], row: Row[Any]) -> list[Any]:
        approved, rejected = row.shown_state in APPROVED, row.shown_state in REJECTED
        delay = self.row.auto_approval_seconds
        cells = common.copy()
        cells[HIT], cells[MOST] = f"{self.job.id}-{unit.position}", unit.slots
        cells[OWN] = (
            row.id,
            row.worker,
            "Approved" if approved else "Rejected" if rejected else "Submitted",
            _time(row.created_at),
            _time(row.revealed_at),
            "" if delay is None else _time(row.revealed_at + timedelta(seconds=delay)),
            _time(row.reviewed_at) if approved and row.reviewed_at else "",
            _time(row.reviewed_at) if rejected and row.reviewed_at else "",
            _guarded(row.reason or ""),
            max(0, round(((row.committed_at or row.revealed_at) - row.created_at).total_seconds())),
        )
        return cells

    # ------------------------------------------------------------------------------------------------ JSON Lines

    def jsonl(self) -> Iterator[bytes]:
        """A line a unit: its content, what the answers come to, and each answer. A unit with very many answers has several lines."""
        part = bytearray()
        for unit, rows, verdict in self.decided():
            line = {
                "unit": unit.position,
                "content": msgspec.Raw(self.results.content(self.job, unit)),
                "label": None if verdict is None else verdict.label,
                "confidence": None if verdict is None else round(verdict.sure, 6),
                "algorithm": self.verdicts.used,
                "answers": [_answer(row) for row in rows],
            }
            part += msgspec.json.encode(line) + b"\n"
            if len(part) > PART:
                yield bytes(part)
                part.clear()
        yield bytes(part)

    # ------------------------------------------------------------------------------------------------ Parquet

    def parquet(self) -> Iterator[bytes]:
        """A row an answer, a row group a lot."""
        from backend.services.parquet import written

        return written(_lots((record for decided in self.decided() for record in self._records(*decided)), SLOTS))

    def _records(self, unit: Row[Any], rows: Sequence[Row[Any]], verdict: Verdict | None) -> Iterator[dict[str, Any]]:
        label, sure = (None, None) if verdict is None else verdict[:2]
        content = self.results.content(self.job, unit).decode() if rows else ""
        for row in rows:
            yield {
                "unit": unit.position, "slot": row.slot, "assignment": row.id, "worker": row.worker, "state": row.shown_state,
                "answer": row.answer, "label": label, "confidence": sure, "content": content,
                "reason_code": row.reason_code, "reason": row.reason, "accepted_at": row.created_at,
                "committed_at": row.committed_at, "submitted_at": row.revealed_at, "reviewed_at": row.reviewed_at,
            }

    # ------------------------------------------------------------------------------------------------ manifest

    def require_adjustable(self, name: str) -> None:
        """Refuses to say what was adjusted where nothing was shown to adjust.

        Raises:
            Invalid: the job's answers aren't boxes or entities, or a unit has none under that name.
        """
        if self.said["template"] not in ("bounding-box", "entity-annotation", SEGMENTATION):
            raise Invalid("Boxes, entities and masks (bounding-box, entity-annotation, semantic-segmentation) are adjusted; this job asks for something else.")
        for unit in self.units():
            augmented.initial_value(_source(self.content(unit)), name)

    def manifest(self, name: str = "label", adjusts: str | None = None) -> Iterator[bytes]:
        """Ground Truth's augmented manifest, a line a unit that has an answer which counts.

        Args:
            adjusts: the label that the workers were shown and have mended, where they were; see `require_adjustable`.
        """
        template = self.said["template"]
        name = f"{name}-ref" if template == SEGMENTATION and not name.endswith("-ref") else name
        classes = tuple(self.said["labels"] or self.verdicts.classes)
        job = augmented.Job(name, self.said["title"], self.row.created_at, classes, "text" if template in TEXTS else "image")
        for unit, rows, verdict in _whole(self.decided()):
            decisive = counting(rows)
            if decisive and verdict is not None:
                source = _source(self.content(unit))
                if adjusts is not None:
                    source = {key: value for key, value in source.items() if key != "initial-value"}
                line = self._augmented(job, source, unit, verdict, decisive)
                if adjusts is not None:
                    changed = _repainted(decisive) if template == SEGMENTATION else None
                    line = augmented.adjustment(job, source, adjusts, line[name], line[f"{name}-metadata"], changed)
                yield augmented.dumps(line).encode() + b"\n"

    def _augmented(
        self, job: augmented.Job, line: dict[str, Any], unit: Row[Any], verdict: Verdict, rows: Sequence[Row[Any]]
    ) -> dict[str, Any]:
        template = self.said["template"]
        said = [(row.worker, json.loads(row.answer)) for row in rows]
        parts: Any = self.verdicts.parts(unit.position, rows) if template in PARTS else ()
        if template in SEVERAL:
            return augmented.multi_class(job, line, parts, len(said))
        if template == "bounding-box":
            size = said[0][1]["inputImageProperties"]
            return augmented.bounding_boxes(job, line, parts, (size["width"], size["height"], 3), len(said))
        if template == "entity-annotation":
            return augmented.text_spans(job, line, parts, len(said))
        painted = self.masks.of(self.said, rows)
        if painted is not None:
            address = self.masks.address(self.job, unit.position)
            return augmented.segmentation(job, line, address, painted.colours, painted.confidences, painted.answers)
        if template in CHOICES and verdict.label in job.classes:
            return augmented.single_class(job, line, verdict.label, verdict.sure, len(said))
        value = next((answer for row, (_, answer) in zip(rows, said, strict=True) if key_of(template, row.answer) == verdict.label), said[0][1])
        return {**line, job.name: value, f"{job.name}-metadata": job.metadata(verdict.sure, "custom", len(said), True)}


TEXTS = ("classifier", "classifier-multi-select", "label", "pairwise")

FORMATS: dict[str, tuple[str, str, Callable[[Export], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", "csv", Export.csv),
    "jsonl": ("application/jsonl; charset=utf-8", "jsonl", Export.jsonl),
    "manifest": ("application/jsonl; charset=utf-8", "manifest", Export.manifest),
    "parquet": ("application/vnd.apache.parquet", "parquet", Export.parquet),
}
"""Media type, ending, and how it is made."""


def check_label_name(name: str, template: str) -> str:
    """The manifest's name for the label of a job of that template.

    Raises:
        Invalid: not a word, or one that ends as only an address's does.
    """
    if name.endswith("-ref") and template != SEGMENTATION:
        raise Invalid("Only the labels of segmentations, which are addresses, end in '-ref'.")
    if not 1 <= len(name) <= 60 or not name.replace("-", "").replace("_", "").isalnum() or "-metadata" in name:
        raise Invalid("The label's name is 1 to 60 letters, digits, - and _, and says '-metadata' nowhere.")
    return name


def _lots(rows: Iterable[One], most: int) -> Iterator[list[One]]:
    lot: list[One] = []
    for row in rows:
        lot.append(row)
        if len(lot) == most:
            yield lot
            lot = []
    if lot:
        yield lot


def _whole(
    parts: Iterable[tuple[Row[Any], Sequence[Row[Any]], Verdict | None]],
) -> Iterator[tuple[Row[Any], list[Row[Any]], Verdict | None]]:
    """Each unit once, with all of its answers."""
    for _, pieces in groupby(parts, key=lambda part: part[0].position):
        whole = list(pieces)
        yield whole[0][0], [row for _, rows, _ in whole for row in rows], whole[0][2]


def _answer(row: Row[Any]) -> dict[str, Any]:
    return {
        "assignment": row.id, "slot": row.slot, "worker": row.worker, "state": row.shown_state, "answer": msgspec.Raw(row.answer.encode()),
        "accepted_at": _iso(row.created_at), "submitted_at": _iso(row.revealed_at), "reviewed_at": _iso(row.reviewed_at),
        "reason_code": row.reason_code, "reason": row.reason, "report": row.report,
    }


def _repainted(rows: Sequence[Row[Any]]) -> bool:
    """Whether more than half of the workers changed the mask that they were shown."""
    return 2 * sum(bool(json.loads(row.answer).get("initialValueModified", True)) for row in rows) > len(rows)


def _source(content: Any) -> dict[str, Any]:
    """A unit as a manifest's line: with exactly one of `source` and `source-ref`."""
    if isinstance(content, dict) and ("source" in content) != ("source-ref" in content):
        return content
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return {"source": text} | ({"content": content} if isinstance(content, dict) else {})


def _names(values: Iterable[Any], alone: str = "content") -> list[str]:
    """The columns of all values, in the order in which they come up."""
    found: dict[str, None] = {}
    for value in values:
        for name in _flat(value, alone):
            if name not in found and len(found) < MOST_COLUMNS:
                found[name] = None
    return list(found)


def _flat(value: Any, alone: str) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {alone: value}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return _guarded(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(value, ensure_ascii=False)
    return value


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _time(at: datetime) -> str:
    """An instant, in UTC, as Mechanical Turk writes it; by hand, as strftime takes most of a row's time."""
    day = f"{DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at.day:02d}"
    return f"{day} {at.hour:02d}:{at.minute:02d}:{at.second:02d} UTC {at.year}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _drained(text: io.StringIO) -> bytes:
    part = text.getvalue()
    text.seek(0)
    text.truncate()
    return part.encode()
