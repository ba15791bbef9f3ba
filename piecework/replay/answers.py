"""Reads crowd answers from CSV, or says in one line what is wrong with the file."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from piecework.domain.errors import Invalid

COLUMNS = ("task", "worker", "label")
MAX_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `repeat` counts a worker's earlier answers to the same task, from 0."""

    task: str
    worker: str
    label: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Answers:
    """A crowd's answers in the order of the file; the fingerprint tells one set of answers from another."""

    rows: tuple[Answer, ...]
    fingerprint: bytes

    @property
    def tasks(self) -> list[str]:
        """Each task once, in the order of the file."""
        return list(dict.fromkeys(row.task for row in self.rows))

    @property
    def workers(self) -> list[str]:
        """Each worker once, in the order of the file."""
        return list(dict.fromkeys(row.worker for row in self.rows))

    @property
    def labels(self) -> list[str]:
        """Each label once, sorted."""
        return sorted({row.label for row in self.rows})

    @property
    def most_repeats(self) -> int:
        """How often one worker answered one task at most."""
        return max(row.repeat for row in self.rows) + 1


def read_answers(path: Path) -> Answers:
    """Reads columns task, worker, label; others are ignored, repeated answers are kept.

    Raises:
        Invalid: what is wrong, with the row's number as a spreadsheet counts (the header is row 1).
    """
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    digest = hashlib.sha256()
    for _, (task, worker, label) in _records(path, COLUMNS):
        rows.append(Answer(task, worker, label, seen[task, worker]))
        seen[task, worker] += 1
        digest.update(repr((task, worker, label)).encode())
    if not rows:
        raise Invalid(f"{path}: there are no answers below the header.")
    return Answers(tuple(rows), digest.digest())


def read_truth(path: Path) -> dict[str, str]:
    """Reads columns task, label: what is right.

    Raises:
        Invalid: what is wrong, with the row's number; a task with two different labels is wrong too.
    """
    truth: dict[str, str] = {}
    for number, (task, label) in _records(path, ("task", "label")):
        if truth.setdefault(task, label) != label:
            raise Invalid(f"{path}, row {number}: task '{task}' has two different labels.")
    if not truth:
        raise Invalid(f"{path}: there is nothing below the header.")
    return truth


def _records(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    text = _text(path)
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise Invalid(f"{path}: the file is empty; its first row must name the columns {', '.join(columns)}.")
        places = _places(path, [name.strip() for name in header], columns)
        for cells in reader:
            if cells:
                yield reader.line_num, tuple(_cell(path, reader.line_num, cells, *place) for place in places)
    except csv.Error as error:
        raise Invalid(f"{path}, row {reader.line_num}: this isn't CSV ({error}).") from None


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise Invalid(f"{path}, row {row}: this isn't UTF-8; save the file as CSV UTF-8.") from None
    if "\0" in text:
        raise Invalid(f"{path}, row {text[: text.index(chr(0))].count(chr(10)) + 1}: there is a NUL character in it.")
    return text


def _places(path: Path, header: list[str], columns: tuple[str, ...]) -> list[tuple[str, int]]:
    for name in columns:
        if header.count(name) == 0:
            raise Invalid(f"{path}, row 1: there is no column '{name}'; the header must name {', '.join(columns)}.")
        if header.count(name) > 1:
            raise Invalid(f"{path}, row 1: the column '{name}' stands there twice.")
    return [(name, header.index(name)) for name in columns]


def _cell(path: Path, number: int, cells: list[str], name: str, at: int) -> str:
    value = cells[at].strip() if at < len(cells) else ""
    if not value:
        raise Invalid(f"{path}, row {number}: the {name} is empty.")
    if len(value) > MAX_LENGTH:
        raise Invalid(f"{path}, row {number}: the {name} is longer than {MAX_LENGTH} characters.")
    return value
