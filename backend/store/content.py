"""Jobs' content: objects in a store, a job's units one after the other in one of them, each read alone by its place.

Memory stays flat however large a job is. An object is never changed. A job that came in one request lies in one object whose name is
the hash that the chain holds, the manifest as its first line; the units that were loaded before it lie alone, sealed where their
requester asked for it.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from piecework.domain.errors import Invalid, Unavailable

SEALED = ".sealed"
NONCE = 12
"""Bytes before each sealed unit; GCM's tag, 16 bytes, is behind it."""


class Sink(Protocol):
    """An object that is being written, and that nobody sees before it is closed."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Makes it durable and visible."""

    def abort(self) -> None:
        """Forgets it."""


class Shelf(Protocol):
    """Where objects lie: a folder, or a bucket."""

    def has(self, place: str) -> bool: ...

    def read(self, place: str, offset: int, length: int) -> bytes: ...

    def sink(self, place: str) -> Sink: ...

    def remove(self, place: str) -> None:
        """Forgets an object, if it is there."""


class Contents:
    """The content of one coordinator.

    Args:
        shelf: where objects lie.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.key_of: Callable[[str], bytes] = _no_key
        """The key of a sealed object, by its place."""
        self.manifest = lru_cache(maxsize=256)(self._manifest)

    def place(self, content_hash: str) -> str:
        """The object of that name."""
        return f"{content_hash[2:4]}/{content_hash[2:]}.jsonl"

    def save(self, content_hash: str, manifest: bytes, units: Sequence[bytes]) -> list[tuple[int, int]]:
        """Writes a job's content, durable before it returns.

        Args:
            content_hash: names the object, 0x hex.
            manifest, units: canonical JSON, which has no line breaks.

        Returns:
            Offset and length of each unit in the object, bytes.
        """
        place = self.place(content_hash)
        if not self.shelf.has(place):
            sink = self.shelf.sink(place)
            try:
                sink.write(manifest + b"\n")
                for unit in units:
                    sink.write(unit + b"\n")
            except BaseException:
                sink.abort()
                raise
            sink.close()
        return _places(len(manifest) + 1, units)

    def writer(self, place: str, key: bytes | None = None) -> "UnitWriter":
        """A new object for units that come one at a time; with a key each of them is sealed."""
        return UnitWriter(self.shelf.sink(place), key)

    def unit(self, content: str, offset: int, length: int) -> bytes:
        """One unit's canonical JSON, out of the object `content`.

        Raises:
            Unavailable: the object isn't there, or its requester took its key back.
        """
        data = self.shelf.read(content, offset, length)
        if not content.endswith(SEALED):
            return data
        try:
            return AESGCM(self.key_of(content)).decrypt(data[:NONCE], data[NONCE:], None)
        except InvalidTag:
            raise Unavailable("This content was changed where it lies, or its key is another one.") from None

    def _manifest(self, content: str, length: int) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(self.shelf.read(content, 0, length))
        return value


class UnitWriter:
    """Units on their way into an object."""

    def __init__(self, sink: Sink, key: bytes | None) -> None:
        self._sink, self._cipher, self.size = sink, None if key is None else AESGCM(key), 0

    def add(self, unit: bytes) -> tuple[int, int]:
        """Writes a unit; its offset and length in the object."""
        if self._cipher is not None:
            nonce = secrets.token_bytes(NONCE)
            unit = nonce + self._cipher.encrypt(nonce, unit, None)
        offset = self.size
        self._sink.write(unit + b"\n")
        self.size += len(unit) + 1
        return offset, len(unit)

    def close(self) -> None:
        """Makes the object durable."""
        self._sink.close()

    def abort(self) -> None:
        """Forgets it."""
        self._sink.abort()


class Folder:
    """Objects as files.

    Args:
        folder: where they lie; created if it isn't there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._open = lru_cache(maxsize=64)(lambda place: _Handle(folder / place))

    def has(self, place: str) -> bool:
        return (self._folder / place).exists()

    def read(self, place: str, offset: int, length: int) -> bytes:
        return self._open(place).read(offset, length)

    def sink(self, place: str) -> "_FileSink":
        return _FileSink(self._folder / place)

    def remove(self, place: str) -> None:
        (self._folder / place).unlink(missing_ok=True)


class _FileSink:
    """A file under another name until it is whole and on the disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._draft = path, path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
        self._file = self._draft.open("wb", buffering=1 << 20)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.rename(self._path)
        _sync(self._path.parent)

    def abort(self) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


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


def _no_key(place: str) -> bytes:
    raise Invalid(f"{place} is sealed, and there is no key here.")


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
