"""Answers as a Parquet file, made while it is sent. Imported late, by who asks for one: pyarrow takes its time."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("unit", pa.int32()), ("slot", pa.int64()), ("assignment", pa.string()), ("worker", pa.string()), ("state", pa.string()),
        ("answer", pa.string()), ("label", pa.string()), ("confidence", pa.float64()), ("content", pa.string()),
        ("reason_code", pa.string()), ("reason", pa.string()),
        *((name, pa.timestamp("us", tz="UTC")) for name in ("accepted_at", "committed_at", "submitted_at", "reviewed_at")),
    ]
)


def written(groups: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """The file of these row groups, a part each."""
    sink = _Sink()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        for rows in groups:
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            yield sink.drained()
    yield sink.drained()


class _Sink:
    """A file that is emptied while it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def drained(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
