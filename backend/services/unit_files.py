"""Units out of an uploaded file, one at a time: JSON, JSON Lines, CSV, or a Ground Truth manifest. A fault names its row."""

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, NoReturn

import ijson

from piecework.domain.content import check_depth
from piecework.domain.errors import Invalid
from piecework.quality.manifest import initial_value

FORMS = ("json", "jsonl", "csv", "manifest")
LONGEST_UNIT = 1 << 20
"""Bytes of one row."""
MOST_COLUMNS = 1_000
csv.field_size_limit(LONGEST_UNIT)


class RowFault(Invalid):
    """What is wrong with a row: its number, counted from one (a CSV's header isn't counted), and the column where it is one's."""

    def __init__(self, row: int, sentence: str, column: str | None = None) -> None:
        super().__init__(f"Row {row}: {sentence}")
        self.row, self.column = row, column


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read.

    Args:
        form: one of FORMS.
        columns: the unit's fields and the column that each comes from; empty takes rows as they are.
        slots: how many answers a unit asks for, where no column says it.
        slots_column: the column that says it; it is no part of the unit.
        adjusts: the label, in the lines of a manifest, that workers begin with and mend.
    """

    form: str
    columns: Mapping[str, str] = field(default_factory=dict)
    slots: int = 1
    slots_column: str | None = None
    adjusts: str | None = None


def units(file: IO[bytes], reading: Reading) -> Iterator[tuple[Any, int]]:
    """The units of a file and how many answers each asks for; memory holds one at a time.

    Raises:
        RowFault: a row can't be read; what was yielded before must not be kept.
        Invalid: the file can't.
    """
    rows = {"json": _json, "jsonl": _lines, "csv": _csv, "manifest": _manifest}[reading.form](file)
    for number, row in enumerate(rows, 1):
        yield _shaped(number, row, reading)


def _shaped(number: int, row: Any, reading: Reading) -> tuple[Any, int]:
    slots = reading.slots
    if reading.slots_column is not None:
        said = _column(number, row, reading.slots_column)
        text = str(said)
        if isinstance(said, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
            raise RowFault(number, f"'{text[:40]}' is no number of answers.", reading.slots_column)
        slots = int(text)
        row = {name: value for name, value in row.items() if name != reading.slots_column}
    if reading.adjusts is not None:
        row = row | {"initial-value": _initial(number, row, reading.adjusts)}
    if reading.columns:
        row = {name: _column(number, row, column) for name, column in reading.columns.items()}
    return row, slots


def _initial(number: int, row: dict[str, Any], name: str) -> Any:
    try:
        return initial_value(row, name)
    except Invalid as error:
        raise RowFault(number, error.sentence, name) from None


def _column(number: int, row: Any, name: str) -> Any:
    if not isinstance(row, dict):
        raise RowFault(number, "The row is no object, so it has no columns.", name)
    if name not in row:
        there = ", ".join(list(row)[:20]) or "none"
        raise RowFault(number, f"There is no column '{name}'; there are {there}.", name)
    return row[name]


class _Metered:
    """A file of which no item may be longer than a unit: the reader buffers what it hasn't made a value of."""

    def __init__(self, file: IO[bytes], start: bytes) -> None:
        self._file, self._start, self.row, self._since = file, start, 1, 0

    def next_row(self) -> None:
        """A value was made of what was read."""
        self.row, self._since = self.row + 1, 0

    def read(self, size: int = -1) -> bytes:
        if not size:
            return b""  # the reader looks whether it is bytes
        if self._start:
            data, self._start = self._start, b""
            return data
        data = self._file.read(65_536 if size < 0 else min(size, 65_536))
        self._since += len(data)
        if self._since > LONGEST_UNIT + 2 * 65_536:
            raise RowFault(self.row, f"A unit has at most {LONGEST_UNIT} bytes.")
        return data


def _json(file: IO[bytes]) -> Iterator[Any]:
    start = file.read(4096)
    start = start.removeprefix(codecs.BOM_UTF8)
    if not start.lstrip().startswith(b"["):
        raise Invalid("The file must hold one JSON array, a unit each; for a value on each line say format=jsonl.")
    metered = _Metered(file, start)
    try:
        for value in ijson.items(metered, "item", use_float=True):
            _check(metered.row, value)
            yield value
            metered.next_row()
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise RowFault(metered.row, f"This isn't JSON: {_first_line(error)}.") from None
    except RecursionError:
        raise RowFault(metered.row, "It is nested too deeply.") from None


def _lines(file: IO[bytes]) -> Iterator[Any]:
    number = 0
    for line in _bounded(file):
        if not line.strip():
            continue
        number += 1
        try:
            value = json.loads(line.decode(), parse_constant=_no_constant)
        except UnicodeDecodeError:
            raise RowFault(number, "It is not UTF-8.") from None
        except RecursionError:
            raise RowFault(number, "It is nested too deeply.") from None
        except ValueError as error:
            raise RowFault(number, f"This isn't JSON: {_first_line(error)}.") from None
        _check(number, value)
        yield value


def _manifest(file: IO[bytes]) -> Iterator[Any]:
    for number, row in enumerate(_lines(file), 1):
        if not isinstance(row, dict) or ("source" in row) == ("source-ref" in row):
            raise RowFault(number, "A line of a Ground Truth manifest is an object with either 'source' or 'source-ref'.")
        yield row


def _csv(file: IO[bytes]) -> Iterator[dict[str, str]]:
    reader = csv.reader(_decoded(file), strict=True)
    number = 0
    try:
        header = next(reader, None)
        if not header or not any(header):
            raise Invalid("The file is empty; its first line must name the columns.")
        _check_header(header)
        for fields in reader:
            if not fields:
                continue
            number += 1
            if len(fields) != len(header):
                raise RowFault(number, f"It has {len(fields)} fields and the header has {len(header)} (line {reader.line_num}).")
            yield dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise RowFault(number + 1, f"This isn't CSV: {error} (line {reader.line_num}).") from None
    except UnicodeDecodeError:
        raise RowFault(number + 1, f"It is not UTF-8 (near line {reader.line_num + 1}); save the file as UTF-8.") from None


def _check_header(header: list[str]) -> None:
    if len(header) > MOST_COLUMNS:
        raise Invalid(f"A file has at most {MOST_COLUMNS} columns.")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"Two columns are called '{twice}'; give each a name of its own.")


def _decoded(file: IO[bytes]) -> Iterator[str]:
    for line in _bounded(file):
        if b"\0" in line:
            raise csv.Error("a zero byte")
        yield line.decode()


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    """Lines, none longer than a unit; without a byte order mark."""
    number, first = 0, True
    while line := file.readline(LONGEST_UNIT + 1):
        number += 1
        if len(line) > LONGEST_UNIT:
            raise RowFault(number, f"A line has at most {LONGEST_UNIT} bytes.")
        yield line.removeprefix(codecs.BOM_UTF8) if first else line
        first = False


def _check(number: int, value: Any) -> None:
    try:
        check_depth(value)
    except Invalid as error:
        raise RowFault(number, error.sentence) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["it breaks off"])[0].strip().rstrip(".:")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
