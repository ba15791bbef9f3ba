"""Free texts that are nearly the same: MinHash (Broder, 1997) finds the candidates, their exact likeness decides."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from piecework.quality.suspicion import Signal

HASHES, BANDS = 128, 32
SHINGLE = 3
LEAST_WORDS = 8
"""Shorter texts are the same by chance: "no bird in the picture"."""

FALSE_POSITIVE_RATE = 0.0
"""No flag among the made honest texts; real ones about the same thing may share set phrases."""

PRIME = (1 << 31) - 1
SMALL_BUCKET, NEIGHBOURS = 50, 5
"""Texts that share a band and are all compared; and of more, with how many of the others each is."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two workers' texts, and Jaccard's index of their shingles of three words."""

    one: str
    other: str
    likeness: float


def alike(texts: Mapping[tuple[str, str], str], least: float = 0.8) -> list[Alike]:
    """Pairs of texts by different workers that share at least `least` of their shingles; the most alike first.

    Args:
        texts: (worker, unit) → text.
    """
    shingles = {key: found for key, text in sorted(texts.items()) if (found := _shingles(text))}
    found = {}
    for one, other in _candidates(shingles):
        likeness = len(shingles[one] & shingles[other]) / len(shingles[one] | shingles[other])
        if likeness >= least:
            pair = tuple(sorted((one[0], other[0])))
            found[pair] = max(found.get(pair, 0.0), likeness)
    return sorted((Alike(*pair, likeness) for pair, likeness in found.items()), key=lambda one: (-one.likeness, one.one, one.other))


def signals(found: list[Alike]) -> list[Signal]:
    """One for each worker of each pair. Who wrote first can't be told from the texts."""
    return [
        Signal(worker, "duplicate", f"a text is {100 * pair.likeness:.0f} % the same as one of {other}'s", FALSE_POSITIVE_RATE)
        for pair in found
        for worker, other in ((pair.one, pair.other), (pair.other, pair.one))
    ]


def _shingles(text: str) -> frozenset[int]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    if len(words) < LEAST_WORDS:
        return frozenset()
    grams = (" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1))
    return frozenset(int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=4).digest()) % PRIME for gram in grams)


def _candidates(shingles: Mapping[tuple[str, str], frozenset[int]]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs that share a band of their signature: at a likeness of 0.8 all but one in ten million."""
    chance = np.random.default_rng(0)
    slope, shift = chance.integers(1, PRIME, (2, HASHES), dtype=np.int64)
    buckets: dict[tuple[int, bytes], list[tuple[str, str]]] = defaultdict(list)
    for key, hashes in shingles.items():
        signature = _signature(hashes, slope, shift).reshape(BANDS, -1)
        for band, row in enumerate(signature):
            buckets[band, row.tobytes()].append(key)
    return sorted({(min(pair), max(pair)) for keys in buckets.values() for pair in _near(keys)})


def _near(keys: list[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of different workers' texts in one bucket. Of a large one, the same text pasted ten thousand times, each is compared with a few
    others only, each worker's first texts with one another: all pairs would be fifty million."""
    if len(keys) <= SMALL_BUCKET:
        pairs = combinations(keys, 2)
    else:
        turn, seen = list[tuple[int, tuple[str, str]]](), Counter[str]()
        for key in keys:
            turn.append((seen[key[0]], key))
            seen[key[0]] += 1
        ordered = [key for _, key in sorted(turn)]
        pairs = ((one, other) for at, one in enumerate(ordered) for other in ordered[at + 1 : at + 1 + NEIGHBOURS])
    return (pair for pair in pairs if pair[0][0] != pair[1][0])


def _signature(hashes: frozenset[int], slope: NDArray[np.int64], shift: NDArray[np.int64]) -> NDArray[np.int64]:
    values = np.fromiter(sorted(hashes), dtype=np.int64)
    return np.asarray(((values[:, None] * slope + shift) % PRIME).min(axis=0))
