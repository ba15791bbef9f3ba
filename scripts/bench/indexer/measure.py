"""Every figure of `python -m scripts.bench indexer`."""

import statistics
from collections.abc import Iterator

from scripts.bench.indexer.chain import built_chain
from scripts.bench.indexer.extent import Extent
from scripts.bench.indexer.head import head_delays
from scripts.bench.indexer.progress import told
from scripts.bench.indexer.slots import large_settlements, slots_rate
from scripts.bench.indexer.throughput import throughput
from scripts.bench.rows import Row


def measure(extent: Extent) -> list[Row]:
    """The rows of all parts."""
    rows: list[Row] = []
    if {"indexer", "usual", "ponder"} & set(extent.parts):
        with told("building the chain", extent.events) as tell, built_chain(extent.events, tell, extent.folder) as chain:
            rows += throughput(chain, extent)
    if "slots" in extent.parts:
        rows += _slots(extent)
    if "head" in extent.parts:
        rows += [row for kind in extent.kinds for row in _head(kind, extent)]
    return rows


def _slots(extent: Extent) -> Iterator[Row]:
    """Large settlements alone, the databases in turns, after one life that isn't counted."""
    rates: dict[str, list[float]] = {kind: [] for kind in extent.kinds}
    with told("building settlements of 10,000 slots", 2 * extent.settlements) as tell:
        with large_settlements(extent.settlements, tell) as chain:
            for _ in range(extent.runs + 1):
                for kind, done in rates.items():
                    done.append(slots_rate(chain, kind, extent.settlements))
    for kind, done in rates.items():
        name = f"{kind}: slots of settlements of 10,000 into rows"
        yield Row(name, statistics.median(done[1:]), "slots/s", 500_000, at_least=True)


def _head(kind: str, extent: Extent) -> list[Row]:
    with told(f"following the head, {kind}", extent.head_blocks) as tell:
        delays = head_delays(kind, extent.head_blocks, tell)
    return [
        Row(f"{kind}: from a block's being served to its event in SQL, median of {len(delays)}", statistics.median(delays), "ms", 100),
        Row(f"{kind}: the slowest of them", max(delays), "ms"),
    ]
