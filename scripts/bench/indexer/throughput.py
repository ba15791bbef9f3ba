"""How quickly a long past becomes rows: the indexer beside the floor, the usual way and Ponder."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from piecework.domain.errors import Unavailable
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.extent import Extent
from scripts.bench.indexer.floor import floor, quickest_reach
from scripts.bench.indexer.ponder import installed, ponder
from scripts.bench.indexer.process import Speed
from scripts.bench.indexer.progress import CONSOLE, told
from scripts.bench.indexer.run import Run, run
from scripts.bench.indexer.usual import usual
from scripts.bench.rows import Row

TARGETS = {"Ponder 0.16": 30}
"""How many times as quick as a peer the indexer has to be."""


@dataclass
class Turns:
    """What was measured on one kind of database, turn by turn; the first turn only warms up."""

    floors: list[float] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    usuals: list[Speed] = field(default_factory=list)

    def median(self, value: Callable[[Run], float]) -> float:
        """Over the indexer's runs."""
        return statistics.median(map(value, self.runs[1:]))

    def times(self, others: Sequence[float]) -> float:
        """The indexer's speed over another of the same turn, because a machine is quicker in one minute than in the next."""
        return statistics.median(run.rate / other for run, other in zip(self.runs[1:], others[1:], strict=True))


def throughput(chain: Chain, extent: Extent) -> list[Row]:
    """The rows of a chain that stands still."""
    turns = {kind: Turns() for kind in extent.kinds}
    with told("floor, indexer and the usual way in turns", extent.runs + 1) as tell:
        reach = quickest_reach(chain)
        for turn in range(extent.runs + 1):
            for kind, done in turns.items():
                done.floors.append(floor(chain, reach))
                done.runs.append(run(chain, kind))
                if "usual" in extent.parts:
                    done.usuals.append(usual(chain, kind, extent.usual_seconds))
            tell(turn + 1)
    peers = dict(_ponders(chain, extent)) if "ponder" in extent.parts else {}
    given = statistics.median(rate for done in turns.values() for rate in done.floors[1:])
    rows = [Row(f"floor: {chain.events:,} events, {reach} blocks a call, two connections", given, "events/s")]
    for name, peer in peers.items():
        rows.append(Row(f"{name}, a row an event, on PostgreSQL", peer.rate, "events/s"))
        rows.append(Row(f"{name}, processor", peer.cpu_us, "µs an event"))
    for kind, done in turns.items():
        rows += [*_own(kind, done), *_beside(kind, done, peers)]
    return rows


def _own(kind: str, done: Turns) -> list[Row]:
    return [
        Row(f"{kind}: indexer, the start of its process included", done.median(lambda run: run.rate), "events/s"),
        Row(f"{kind}: until it begins to read", done.median(lambda run: run.start_seconds), "s"),
        Row(f"{kind}: share of the floor", done.times(done.floors), "", 0.2, at_least=True),
        Row(f"{kind}: processor, database included", done.median(lambda run: run.cpu_us), "µs an event", 15),
        Row(f"{kind}: resident memory at most", max(run.peak_mb for run in done.runs), "MB", 250),
        Row(f"{kind}: its growth from the first to the last third", done.median(lambda run: run.growth_mb), "MB"),
    ]


def _beside(kind: str, done: Turns, peers: Mapping[str, Speed]) -> Iterator[Row]:
    rate, cpu_us = done.median(lambda run: run.rate), done.median(lambda run: run.cpu_us)
    if done.usuals:
        rates = [speed.rate for speed in done.usuals]
        usual_us = statistics.median(speed.cpu_us for speed in done.usuals[1:])
        yield Row(f"{kind}: web3.py and SQLModel, measured on the first events", statistics.median(rates[1:]), "events/s")
        yield Row(f"{kind}: times that", done.times(rates), "times", 40, at_least=True)
        yield Row(f"{kind}: times that, in processor time", usual_us / cpu_us, "times")
    for name, peer in peers.items():
        yield Row(f"{kind}: times {name}", rate / peer.rate, "times", TARGETS.get(name[:11]), at_least=True)
        yield Row(f"{kind}: times {name}, in processor time", peer.cpu_us / cpu_us, "times")


def _ponders(chain: Chain, extent: Extent) -> Iterator[tuple[str, Speed]]:
    """Every version that can be installed and that runs, by its name."""
    for version in extent.ponder:
        with told(f"Ponder {version}", 1):
            try:
                yield ponder(chain, installed(version, extent.folder))
            except Unavailable as error:
                CONSOLE.print(f"Ponder {version} isn't measured: {error.sentence}")
