"""Text with variables in it, filled in up to a length."""

import json
import re
from collections.abc import Callable
from typing import Any

MOST_CHARACTERS = 2_000_000
"""Of a page, filled in."""


def filled(pattern: re.Pattern[str], value: Callable[[re.Match[str]], str], text: str, most: int) -> str | None:
    """`pattern.sub(value, text)`, or None where that is longer than `most` characters: a page of a megabyte may name a value of another
    megabyte a hundred thousand times."""
    parts, length, at = list[str](), 0, 0
    for found in pattern.finditer(text):
        own = value(found)
        length += found.start() - at + len(own)
        if length > most:
            return None
        parts += text[at : found.start()], own
        at = found.end()
    if length + len(text) - at > most:
        return None
    return "".join((*parts, text[at:]))


def to_json(value: Any) -> str:
    """A value as it stands in a page."""
    return json.dumps(value, ensure_ascii=False)
