"""Every figure of `python -m scripts.bench indexer`."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.bench.indexer.chain import FOLDER, Chain, built_chain
from scripts.bench.indexer.database import KINDS
from scripts.bench.indexer.floor import floor, quickest_reach
from scripts.bench.indexer.run import Run, run
from scripts.bench.rows import Row

@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        events: of the chain.
        kinds: of databases.
        runs: of which the median counts, after one that doesn't count.
        folder: where the chain is kept for the next time.
    """

    events: int = 1_000_000
    kinds: Sequence[str] = KINDS
    runs: int = 3
    folder: Path = FOLDER


def measure(extent: Extent) -> list[Row]:
    """The rows."""
    with told("building the chain", extent.events) as tell, built_chain(extent.events, tell, extent.folder) as chain:
        return _throughput(chain, extent)


def _throughput(chain: Chain, extent: Extent) -> list[Row]:
    """Floor and indexer in turns, after one of each that isn't counted."""
    floors: list[float] = []
    runs: dict[str, list[Run]] = {kind: [] for kind in extent.kinds}
    with told("floor and indexer in turns", (extent.runs + 1) * len(runs)) as tell:
        reach = quickest_reach(chain)
        for _ in range(extent.runs + 1):
            for kind, done in runs.items():
                floors.append(floor(chain, reach))
                done.append(run(chain, kind))
                tell(len(floors))
    given = statistics.median(floors[len(runs) :])
    rows = [Row(f"floor: {chain.events:,} events, {reach} blocks a call, two connections", given, "events/s")]
    for kind, done in runs.items():
        rows += _rows(kind, done[1:], given)
    return rows


def _rows(kind: str, runs: Sequence[Run], given: float) -> list[Row]:
    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(map(value, runs))

    rate = median(lambda run: run.rate)
    return [
        Row(f"{kind}: indexer", rate, "events/s"),
        Row(f"{kind}: indexer, of which until the first rows", median(lambda run: run.start_seconds), "s"),
        Row(f"{kind}: share of the floor", rate / given, "", 0.2, at_least=True),
        Row(f"{kind}: processor, database included", median(lambda run: run.cpu_us), "µs an event", 15),
        Row(f"{kind}: resident memory at most", max(run.peak_mb for run in runs), "MB", 250),
        Row(f"{kind}: its growth from the first to the last third", median(lambda run: run.growth_mb), "MB"),
    ]


@contextmanager
def told(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on the terminal's error stream, gone when it is done; its function takes how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
