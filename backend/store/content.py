"""Jobs' content on disk: one file per content hash, the manifest as its first line and a unit on each line after it.

Units are read by seeking, so memory stays flat however large a job is. A file's name is the hash that the chain holds, and the
manifest's `units_root` binds the units, so a file is never changed and two jobs of equal content share it.
"""

import os
import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from piecework.domain.errors import Unavailable


class Contents:
    """The content files of one coordinator.

    Args:
        folder: where they lie; created if it isn't there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.manifest = lru_cache(maxsize=256)(self._manifest)
        self._open = lru_cache(maxsize=64)(_Handle)

    def place(self, content_hash: str) -> str:
        """The file of that name, within the folder."""
        return f"{content_hash[2:4]}/{content_hash[2:]}.jsonl"

    def save(self, content_hash: str, manifest: bytes, units: Sequence[bytes]) -> list[tuple[int, int]]:
        """Writes a job's content, durable before it returns.

        Args:
            content_hash: names the file, 0x hex.
            manifest, units: canonical JSON, which has no line breaks.

        Returns:
            Offset and length of each unit in the file, bytes.
        """
        path = self._folder / self.place(content_hash)
        if not path.exists():
            self._write(path, manifest, units)
        return _places(len(manifest) + 1, units)

    def unit(self, content: str, offset: int, length: int) -> bytes:
        """One unit's canonical JSON, out of the file `content`."""
        return self._open(self._folder / content).read(offset, length)

    def _manifest(self, content: str, length: int) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(self._open(self._folder / content).read(0, length))
        return value

    def _write(self, path: Path, manifest: bytes, units: Sequence[bytes]) -> None:
        path.parent.mkdir(exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
        with draft.open("wb") as file:
            file.write(manifest + b"\n")
            file.writelines(unit + b"\n" for unit in units)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        _sync(path.parent)


class _Handle:
    """An open content file, closed when it falls out of the cache."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise Unavailable(f"The content file {path.name} is missing; give the data folder back its files.") from None

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


def _places(start: int, units: Sequence[bytes]) -> list[tuple[int, int]]:
    places = []
    for unit in units:
        places.append((start, len(unit)))
        start += len(unit) + 1
    return places


def _sync(folder: Path) -> None:
    """Makes a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
