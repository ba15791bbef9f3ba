"""What a job is found by: its words, and what the terms don't say of it."""

import re
import unicodedata
from typing import Any

MOST_WORDS, LONGEST_WORD = 2_000, 64
_WORD = re.compile(r"\w+")


def words(text: str, most: int = MOST_WORDS) -> tuple[str, ...]:
    """The words of a text as they are compared: compatibility forms and case folded, each once."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return tuple(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(folded)))[:most]


def listing(reward: int, ai_policy: str, manifest: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A job's row of `job_listing`, without its number, and its words."""
    seconds, keywords = manifest.get("estimated_seconds"), manifest.get("keywords") or ()
    listed = {
        "template": manifest["template"],
        "ai_policy": ai_policy,
        "reward": reward,
        "estimated_hourly": reward * 3_600 // seconds if seconds else None,
    }
    said = keywords if isinstance(keywords, str) else " ".join(map(str, keywords))
    return listed, words(f"{manifest['title']} {said} {manifest['instructions']}")
