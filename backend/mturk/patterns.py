"""AnswerFormatRegex: a requester's own pattern. It can be written to run for ever, so its answers are short and its time is bounded.

Python's engine backtracks and can't be stopped, so the pattern is matched by JSON Schema's, which runs in linear time where it can and
gives up where it can't.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from backend.mturk.xml import malformed

LONGEST = 1_000
"""Characters of a pattern."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, and what to say where it doesn't match. It matches anywhere, as JavaScript's does; `i` ignores case."""

    regex: str
    error_text: str
    ignore_case: bool

    def matches(self, text: str) -> bool:
        """Whether the text has it in it."""
        return bool(_compiled(self.regex, self.ignore_case).is_valid(text))


def read_pattern(regex: str | None, error_text: str | None, flags: str | None) -> Pattern:
    """A pattern of a form.

    Raises:
        RequestError: it isn't one.
    """
    if not regex or len(regex) > LONGEST:
        raise malformed(f"AnswerFormatRegex needs a regex of at most {LONGEST} characters.")
    if flags and set(flags) - set("igm"):
        raise malformed("AnswerFormatRegex takes the flag i.")
    pattern = Pattern(regex, error_text or f"The answer must match {regex}.", "i" in (flags or ""))
    try:
        _compiled(pattern.regex, pattern.ignore_case)
    except ValueError:
        raise malformed(f"The regex '{regex[:80]}' can't be read.") from None
    return pattern


@lru_cache(maxsize=1024)
def _compiled(regex: str, ignore_case: bool) -> Any:
    pattern = f"(?i:{regex})" if ignore_case else regex
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=1_000_000)
    return jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=options)
