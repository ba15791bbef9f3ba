"""Numbers as Prometheus reads them: text format 0.0.4."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a histogram of times, unless it says others."""


class Histogram:
    """How many values lay up to each bound, and their sum. One thread observes; whoever else reads sees it a moment old.

    Args:
        bounds: upper ones, rising.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds, self.counts, self.total = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Family(NamedTuple):
    """One metric: `kind` is gauge, counter or histogram; `samples` are labels with a value, or with a `Histogram`."""

    name: str
    kind: str
    words: str
    samples: Iterable[tuple[Mapping[str, str], Any]]


def by(label: str, values: Mapping[Any, float]) -> list[tuple[Mapping[str, str], float]]:
    """A sample for each key."""
    return [({label: str(key)}, value) for key, value in values.items()]


def exposition(prefix: str, own: Mapping[str, str], families: Iterable[Family]) -> str:
    """The whole page.

    Args:
        prefix: before every name.
        own: labels of every sample.
    """
    return "\n".join(line for family in families for line in _lines(prefix, own, family)) + "\n"


def _lines(prefix: str, own: Mapping[str, str], family: Family) -> Iterator[str]:
    name, samples = prefix + family.name, list(family.samples)
    if samples:
        yield f"# HELP {name} {family.words}"
        yield f"# TYPE {name} {family.kind}"
    for labels, value in samples:
        if isinstance(value, Histogram):
            yield from _buckets(name, {**own, **labels}, value)
        else:
            yield _sample(name, {**own, **labels}, value)


def _buckets(name: str, labels: Mapping[str, str], histogram: Histogram) -> Iterator[str]:
    reached = list(accumulate(list(histogram.counts)))
    for bound, times in zip((*histogram.bounds, "+Inf"), reached, strict=True):
        yield _sample(f"{name}_bucket", {**labels, "le": str(bound)}, times)
    yield _sample(f"{name}_sum", labels, histogram.total)
    yield _sample(f"{name}_count", labels, reached[-1])


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
