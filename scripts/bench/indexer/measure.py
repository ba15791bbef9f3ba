"""Every figure of `python -m scripts.bench indexer`."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from piecework.domain.errors import Unavailable
from scripts.bench.indexer.chain import FOLDER, Chain, built_chain
from scripts.bench.indexer.database import KINDS
from scripts.bench.indexer.floor import floor, quickest_reach
from scripts.bench.indexer.head import head_delay
from scripts.bench.indexer.ponder import VERSIONS, installed, ponder
from scripts.bench.indexer.run import Run, run
from scripts.bench.indexer.slots import large_settlements, slots_rate
from scripts.bench.indexer.usual import usual_rate
from scripts.bench.rows import Row
TARGETS = {"Ponder 0.16": 30}
"""How many times as quick as a peer the indexer has to be."""


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        events: of the chain.
        kinds: of databases.
        runs: of which the median counts, after one that doesn't count.
        usual_seconds: how long the usual way runs.
        settlements: of 10,000 slots each, on a chain of their own.
        head_blocks: that are followed, one a second.
        ponder: versions of it.
        folder: where the chain and Ponder are kept for the next time.
    """

    events: int = 1_000_000
    kinds: Sequence[str] = KINDS
    runs: int = 3
    usual_seconds: float = 10
    settlements: int = 300
    head_blocks: int = 30
    ponder: Sequence[str] = VERSIONS
    folder: Path = FOLDER


def measure(extent: Extent) -> list[Row]:
    """The rows."""
    with told("building the chain", extent.events) as tell, built_chain(extent.events, tell, extent.folder) as chain:
        rows = _throughput(chain, extent)
    with told("building settlements of 10,000 slots", 2 * extent.settlements) as tell:
        with large_settlements(extent.settlements, tell) as chain:
            rows += [_slots(chain, kind, extent) for kind in extent.kinds]
    return rows + [_head(kind, extent) for kind in extent.kinds]


def _throughput(chain: Chain, extent: Extent) -> list[Row]:
    """Floor, indexer and the usual way in turns, after one of each that isn't counted; Ponder once behind them."""
    floors: list[float] = []
    runs: dict[str, list[Run]] = {kind: [] for kind in extent.kinds}
    usuals: dict[str, list[float]] = {kind: [] for kind in extent.kinds}
    with told("floor, indexer and the usual way in turns", (extent.runs + 1) * len(runs)) as tell:
        reach = quickest_reach(chain)
        for _ in range(extent.runs + 1):
            for kind in extent.kinds:
                floors.append(floor(chain, reach))
                runs[kind].append(run(chain, kind))
                usuals[kind].append(usual_rate(chain, kind, extent.usual_seconds))
                tell(len(floors))
    given = statistics.median(floors[len(runs) :])
    peers = dict(_ponders(chain, extent))
    rows = [Row(f"floor: {chain.events:,} events, {reach} blocks a call, two connections", given, "events/s")]
    rows += [Row(f"{name}, a row an event, on PostgreSQL", rate, "events/s") for name, rate in peers.items()]
    for kind in extent.kinds:
        rows += _rows(kind, runs[kind][1:], given, statistics.median(usuals[kind][1:]), peers)
    return rows


def _ponders(chain: Chain, extent: Extent) -> Iterator[tuple[str, float]]:
    """Name and events a second of every version that could be installed and that ran."""
    console = Console(stderr=True)
    for version in extent.ponder:
        with told(f"Ponder {version}", 1):
            home = installed(version, extent.folder)
            done = None
            try:
                done = ponder(chain, home) if home else None
            except Unavailable as error:
                console.print(error.sentence)
        if done:
            yield f"Ponder {done.version}", done.rate
        else:
            console.print(f"Ponder {version} isn't measured" + ("." if home else ": npm can't install it here."))


def _rows(kind: str, runs: Sequence[Run], given: float, usual: float, peers: Mapping[str, float]) -> list[Row]:
    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(map(value, runs))

    rate = median(lambda run: run.rate)
    rows = [
        Row(f"{kind}: indexer", rate, "events/s"),
        Row(f"{kind}: of which until the first rows", median(lambda run: run.first_written.seconds), "s"),
        Row(f"{kind}: share of the floor", rate / given, "", 0.2, at_least=True),
        Row(f"{kind}: web3.py and SQLModel, on the first events", usual, "events/s"),
        Row(f"{kind}: times that", rate / usual, "times", 40, at_least=True),
    ]
    for name, peer in peers.items():
        rows.append(Row(f"{kind}: times {name}", rate / peer, "times", TARGETS.get(name[:11]), at_least=True))
    return rows + [
        Row(f"{kind}: processor, database included", median(lambda run: run.cpu_us), "µs an event", 15),
        Row(f"{kind}: resident memory at most", max(run.peak_mb for run in runs), "MB", 250),
        Row(f"{kind}: its growth from the first to the last third", median(lambda run: run.growth_mb), "MB"),
    ]


def _slots(chain: Chain, kind: str, extent: Extent) -> Row:
    rates = [slots_rate(chain, kind, extent.settlements) for _ in range(extent.runs + 1)]
    name = f"{kind}: slots of settlements of 10,000 into rows"
    return Row(name, statistics.median(rates[1:]), "slots/s", 500_000, at_least=True)


def _head(kind: str, extent: Extent) -> Row:
    with told(f"following the head, {kind}", extent.head_blocks) as tell:
        delay = head_delay(kind, extent.head_blocks, tell)
    return Row(f"{kind}: from a block's being served to its event in SQL, median of {extent.head_blocks}", delay, "ms", 100)


@contextmanager
def told(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on the terminal's error stream, gone when it is done; its function takes how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
