"""Uploads on their way to disk, a piece at a time: however large one is, little of it is in memory."""

import os
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from piecework.domain.errors import Invalid

HELD = 1 << 20
"""Bytes that are written at once."""


async def spooled(path: Path, parts: AsyncIterator[bytes], most: int, sentence: str, seen: Callable[[bytes], object] = len) -> int:
    """Writes an upload to a new file.

    Args:
        most: bytes that it may have.
        sentence: what is said of more.
        seen: is given all of it, a piece at a time.

    Returns:
        Its size, bytes.

    Raises:
        Invalid: it is too large; the file has the beginning.
    """
    size, held = 0, bytearray()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        async for part in parts:
            held += part
            size += len(part)
            if size > most:
                raise Invalid(sentence)
            if len(held) >= HELD:
                await to_thread(_write, descriptor, bytes(held), seen)
                held.clear()
        await to_thread(_write, descriptor, bytes(held), seen)
    finally:
        os.close(descriptor)
    return size


def _write(descriptor: int, data: bytes, seen: Callable[[bytes], object]) -> None:
    seen(data)
    while data:
        data = data[os.write(descriptor, data) :]
