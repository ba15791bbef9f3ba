"""How much shorter a range to ask for when a node refuses one: half, or what it says it would give.

A node's hint is help, not truth: one that isn't shorter than what was refused, or that was followed once in vain, counts for nothing.
"""

import re

RANGE = re.compile(r"\[\s*(0x[0-9a-f]+|\d+)\s*(?:,|-|\.\.|to)\s*(0x[0-9a-f]+|\d+)\s*\]", re.IGNORECASE)
"""As in "Try with this block range [0x1, 0x64]."."""
WIDTH = re.compile(
    r"(?:block range|range of|blocks? (?:limit|distance)|limited to|up to(?: an?)?|maximum(?: of)?|max(?: is)?|exceeds?(?: the)?(?: limit of)?)"
    r"\D{0,24}?\b(\d[\d,_]*)(?!x)\s*(k\b)?(?!\s*(?:results|logs|events|entries|s\b|ms\b|seconds|mb\b|bytes))",
    re.IGNORECASE,
)
"""As in "block range is limited to 1,000 blocks"; a number of results says nothing of blocks."""


def shorter(first: int, blocks: int, words: str, may_trust: bool) -> tuple[int, bool]:
    """How many blocks from `first` on to ask for after a node refused `blocks` of them with these words.

    Args:
        may_trust: whether a hint may be followed; not after one was followed in vain.

    Returns:
        The number, from 1 up to `blocks - 1` (1 if `blocks` is 1), and whether it comes from a hint.
    """
    hinted = _hinted(first, words) if may_trust else None
    if hinted is not None and 0 < hinted < blocks:
        return hinted, True
    return max(1, blocks // 2), False


def _hinted(first: int, words: str) -> int | None:
    span = RANGE.search(words)
    if span:
        begin, end = (int(bound, 16 if bound[:2].lower() == "0x" else 10) for bound in span.groups())
        return end - begin + 1 if begin == first else None
    width = WIDTH.search(words)
    if not width:
        return None
    return int(re.sub(r"[,_]", "", width[1])) * (1_000 if width[2] else 1)
