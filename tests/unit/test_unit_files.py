"""Units out of files: what is read, what is refused with which row, and that memory stays flat."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.unit_files import LONGEST_UNIT, Reading, RowFault, units
from piecework.domain import merkle
from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256


def read(data: bytes, form: str, **how: Any) -> list[tuple[Any, int]]:
    return list(units(io.BytesIO(data), Reading(form, **how)))


def contents(data: bytes, form: str, **how: Any) -> list[Any]:
    return [content for content, _ in read(data, form, **how)]


def test_each_form_gives_the_same_units() -> None:
    rows = [{"text": "a"}, {"text": "b, \"c\"\nd"}, {"text": "é😀"}]
    assert contents(json.dumps(rows).encode(), "json") == rows
    assert contents("\n".join(json.dumps(row) for row in rows).encode(), "jsonl") == rows
    assert contents('\ufefftext\r\na\r\n"b, ""c""\nd"\r\né😀\r\n'.encode(), "csv") == rows
    assert contents(b'{"source": "a"}\n\n{"source-ref": "s3://b/c", "x": 1}\n', "manifest") == [
        {"source": "a"},
        {"source-ref": "s3://b/c", "x": 1},
    ]


def test_what_a_manifest_says_is_what_its_workers_begin_with() -> None:
    box = {"left": 1, "top": 2, "width": 3, "height": 4}
    boxes = {"source-ref": "s3://b/c", "old": {"annotations": [{"class_id": 1} | box]}, "old-metadata": {"class-map": {"1": "car"}}}
    entity = {"label": "name", "startOffset": 0, "endOffset": 3}
    entities = {"source": "Ada", "old": {"annotations": {"labels": [], "entities": [entity | {"x": 1}]}}, "old-metadata": {}}
    found = contents(f"{json.dumps(boxes)}\n{json.dumps(entities)}\n".encode(), "manifest", adjusts="old")
    assert found == [boxes | {"initial-value": [{"label": "car"} | box]}, entities | {"initial-value": [entity]}]
    for wrong in (boxes | {"old-metadata": {"class-map": {}}}, boxes | {"old": 3}, {"source": "Ada"}, boxes | {"old": {"annotations": [1]}}):
        with pytest.raises(RowFault, match="Row 1: .*'old'"):
            contents(json.dumps(wrong).encode(), "manifest", adjusts="old")


@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5)))
def test_json_comes_back_as_it_went_in(rows: list[Any]) -> None:
    text = json.dumps(rows, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if b"\xed" in text:
        return  # half a character is refused, which has its own test
    assert contents(text, "json") == rows
    assert contents(b"\n".join(json.dumps(row).encode() for row in rows), "jsonl") == rows


def test_columns_become_fields_and_one_says_how_many_answers() -> None:
    data = b"sentence,n,other\nhello,3,x\nbye,1,y\n"
    found = read(data, "csv", columns={"text": "sentence"}, slots_column="n")
    assert found == [({"text": "hello"}, 3), ({"text": "bye"}, 1)]
    assert read(b'[{"a": 1}]', "json", slots=5) == [({"a": 1}, 5)]


@pytest.mark.parametrize(
    ("data", "form", "row", "words"),
    [
        (b"[1, 2", "json", 3, "JSON"),
        (b"[1, x]", "json", 2, "JSON"),
        (b'["\xff"]', "json", 1, "JSON"),
        (b"1\n{\n", "jsonl", 2, "JSON"),
        (b"1\nNaN\n", "jsonl", 2, "NaN"),
        (b"1\n\xff\n", "jsonl", 2, "UTF-8"),
        (b"[" * 100 + b"]" * 100 + b"\n", "jsonl", 1, "nested"),
        (b"[1," + b"[" * 5_000 + b"]" * 5_000 + b"]", "json", 2, "nested"),
        (b"a,b\n1,2\n3\n", "csv", 2, "1 fields and the header has 2"),
        (b'a\n1\n"2\n', "csv", 2, "CSV"),
        (b"a\n1\n\xff\n", "csv", 2, "UTF-8"),
        (b"a\n1\0\n", "csv", 1, "zero"),
        (b'{"source": "a"}\n{"x": 1}\n', "manifest", 2, "source"),
        (b'{"source": "a", "source-ref": "b"}\n', "manifest", 1, "either"),
        (b"1\n" + b"x" * (LONGEST_UNIT + 1), "jsonl", 2, "at most"),
        (b'[1, "' + b"x" * (LONGEST_UNIT + 200_000) + b'"]', "json", 2, "at most"),
        (b"a\n" + b"x" * (LONGEST_UNIT + 1), "csv", 2, "at most"),
    ],
)
def test_a_fault_names_its_row(data: bytes, form: str, row: int, words: str) -> None:
    with pytest.raises(RowFault, match=words) as told:
        read(data, form)
    assert told.value.row == row


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        (b'{"a": 1}', "json", "one JSON array"),
        (b"", "json", "one JSON array"),
        (b"", "csv", "empty"),
        (b"a,a\n1,2\n", "csv", "Two columns"),
        (",".join(f"c{n}" for n in range(1_001)).encode(), "csv", "columns"),
    ],
)
def test_a_file_that_is_none_is_refused(data: bytes, form: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        read(data, form)


@pytest.mark.parametrize(
    ("data", "how", "column"),
    [
        (b"a\n1\n", {"columns": {"text": "b"}}, "b"),
        (b"a,n\n1,x\n", {"slots_column": "n"}, "n"),
        (b"a,n\n1,-1\n", {"slots_column": "n"}, "n"),
    ],
)
def test_a_fault_of_a_column_names_it(data: bytes, how: dict[str, Any], column: str) -> None:
    with pytest.raises(RowFault) as told:
        read(data, "csv", **how)
    assert (told.value.row, told.value.column) == (1, column)


class Endless(io.RawIOBase):
    """A file with many rows that is never whole in memory."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (part := next(self._parts, b"")):
            self._rest = part
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_memory_holds_one_unit_at_a_time(form: str) -> None:
    def parts() -> Iterator[bytes]:
        yield {"json": b"[0", "jsonl": b"0\n", "csv": b"a\n"}[form]
        for _ in range(20):
            yield {"json": b',{"a": "xxxxxxxxxx"}', "jsonl": b'{"a": "xxxxxxxxxx"}\n', "csv": b"xxxxxxxxxx\n"}[form] * 1_000
        yield b"]" if form == "json" else b""

    tracemalloc.start()
    count = sum(1 for _ in units(io.BufferedReader(Endless(parts())), Reading(form)))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 20_000 and peak < 2_000_000


@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 2049, 5000])
def test_a_forest_has_the_root_and_proofs_of_the_tree(count: int) -> None:
    leaves = [keccak256(n.to_bytes(4)) for n in range(count)]
    forest = merkle.Forest()
    for leaf in leaves:
        forest.add(leaf)
    assert forest.root() == merkle.root(leaves)
    for index in {0, count // 2, count - 1}:
        start = index // merkle.BLOCK * merkle.BLOCK
        path = merkle.proof_in_block(leaves[start : start + merkle.BLOCK], forest.nodes(), index)
        assert path == merkle.proof(leaves, index) and merkle.verify(leaves[index], path, forest.root())
