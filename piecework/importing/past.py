"""The files that people could take along, read into one record: who worked, what was granted, who was blocked, what asks and shows.

    results CSV                 AssignmentId, WorkerId, AssignmentStatus, …
    workers CSV                 Worker ID, CURRENT…BlockStatus, CURRENT-<qualification>
    JSON of the API             QualificationTypes, Qualifications, WorkerBlocks, as the AWS command line prints them
    HTML                        a template with ${variables}
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from piecework.batch.files import read_rows
from piecework.domain.errors import Invalid

_BLOCK = re.compile(r"current.*block.*status", re.IGNORECASE)
_CURRENT = "CURRENT-"
_WORKER = re.compile(r"A[A-Z0-9]{1,63}")


@dataclass
class PastWorker:
    """One worker as it was: `assignments` that it did, how many of them were approved and rejected, why it was blocked (None: it wasn't),
    and values by the old id (or the name) of a qualification type."""

    assignments: list[str] = field(default_factory=list)
    approved: int = 0
    rejected: int = 0
    block: str | None = None
    grants: dict[str, int] = field(default_factory=dict)


@dataclass
class Past:
    """Everything: workers by their old ids, qualification types and templates by name."""

    workers: dict[str, PastWorker] = field(default_factory=dict)
    types: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)

    def worker(self, id: str, place: str) -> PastWorker:
        """A worker by its old id.

        Raises:
            Invalid: that is no worker's id.
        """
        if not _WORKER.fullmatch(id):
            raise Invalid(f"{place}: '{id[:40]}' is no worker's id.")
        return self.workers.setdefault(id, PastWorker())

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Past":
        """The same from the file."""
        return cls({id: PastWorker(**worker) for id, worker in kept["workers"].items()}, dict(kept["types"]), dict(kept["templates"]))


def read_past(files: Iterable[Path]) -> Past:
    """Reads files of any of the kinds above, in any order.

    Raises:
        Invalid: one can't be read, or is of none of the kinds; the sentence says which and why.
    """
    past = Past()
    for path in files:
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            raise Invalid(f"{path} is no CSV, JSON or HTML file.")
        _READERS[suffix](path, past)
    return past


def _csv(path: Path, past: Past) -> None:
    rows = read_rows(path, empty=True)
    columns = rows[0].keys() if rows else ()
    if rows and {"AssignmentId", "WorkerId", "AssignmentStatus"} <= columns:
        _results(path, rows, past)
    elif rows and "Worker ID" in columns:
        _workers(path, rows, past)
    elif rows:
        raise Invalid(f"{path} has the columns of neither a results file (AssignmentId, WorkerId, AssignmentStatus) nor a workers file (Worker ID).")


def _results(path: Path, rows: list[dict[str, str]], past: Past) -> None:
    for number, row in enumerate(rows, 2):
        worker = past.worker(row["WorkerId"], f"Row {number} of {path}")
        if row["AssignmentId"] in worker.assignments:
            continue
        worker.assignments.append(row["AssignmentId"])
        worker.approved += row["AssignmentStatus"] == "Approved"
        worker.rejected += row["AssignmentStatus"] == "Rejected"


def _workers(path: Path, rows: list[dict[str, str]], past: Past) -> None:
    for number, row in enumerate(rows, 2):
        worker = past.worker(row["Worker ID"], f"Row {number} of {path}")
        for column, value in row.items():
            if _BLOCK.search(column) and value.strip().lower() == "blocked":
                worker.block = worker.block or "Blocked at Mechanical Turk."
            elif column.startswith(_CURRENT) and value.strip().lstrip("-").isdigit() and not _BLOCK.search(column):
                worker.grants[column.removeprefix(_CURRENT)] = int(value)


def _json(path: Path, past: Past) -> None:
    try:
        document = json.loads(path.read_text())
        known = {name: document[name] for name in ("QualificationTypes", "Qualifications", "WorkerBlocks") if name in document}
        for one in known.get("QualificationTypes", ()):
            past.types[str(one["Name"])] = one
        for one in known.get("WorkerBlocks", ()):
            past.worker(one["WorkerId"], str(path)).block = str(one.get("Reason") or "Blocked at Mechanical Turk.")
        for one in known.get("Qualifications", ()):
            if one.get("Status", "Granted") == "Granted" and "IntegerValue" in one:
                past.worker(one["WorkerId"], str(path)).grants[str(one["QualificationTypeId"])] = int(one["IntegerValue"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(f"{path} can't be read: {type(error).__name__} {error}.") from None
    if not known:
        raise Invalid(f"{path} has neither QualificationTypes nor Qualifications nor WorkerBlocks.")


def _html(path: Path, past: Past) -> None:
    try:
        past.templates[path.stem] = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} can't be read: {error}.") from None


_READERS = {".csv": _csv, ".json": _json, ".html": _html, ".htm": _html}
