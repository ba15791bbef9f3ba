"""Every figure of `python -m scripts.bench api`."""

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from piecework.domain.errors import Unavailable
from scripts.bench.api import doccano
from scripts.bench.api.load import Crew
from scripts.bench.api.places import KINDS, Place, place
from scripts.bench.api.services import BARE, USUAL, Service, coordinator, handlers
from scripts.bench.indexer.chain import FOLDER
from scripts.bench.indexer.progress import CONSOLE
from scripts.bench.rows import Row
from tests.conftest import Chain, deployed
from tests.support.devnet import anvil


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        kinds: of databases.
        units: of the small and of the large job.
        rounds: of which the median counts; the contestants take turns in each.
        seconds: of each measurement, after `warm_seconds` that don't count.
        soak_seconds: of steady load in which memory is watched; 0 for none.
    """

    kinds: Sequence[str] = KINDS
    units: tuple[int, int] = (10_000, 1_000_000)
    rounds: int = 3
    seconds: float = 4
    warm_seconds: float = 1
    soak_seconds: float = 45


SHORT = Extent(units=(10_000, 100_000), rounds=1, seconds=2, warm_seconds=0.5, soak_seconds=0)
"""While one works on it, on a machine that others use too."""


@dataclass(frozen=True)
class Contestant:
    """One way to serve one job."""

    name: str
    kind: str
    units: int
    processes: int
    module: str | None = None
    """Handlers to compare with; None for the coordinator."""

    @property
    def label(self) -> str:
        return f"{self.kind}, {self.units:,} units, {self.name}, {self.processes} process{'es' if self.processes > 1 else ''}"


@dataclass
class Samples:
    """What the rounds came to; rates a second, milliseconds of processor or of waiting."""

    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    accept_cpu_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


def measure(extent: Extent) -> list[Row]:
    """The rows of all contestants, with how busy the machine was meanwhile."""
    load_before = os.getloadavg()
    with anvil() as rpc, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        chain = deployed(rpc)
        places = {
            (kind, units): stack.enter_context(
                place(kind, units, chain.deployment, chain.coordinator.address, Path(folder))
            )
            for kind in extent.kinds
            for units in extent.units
        }
        samples: dict[Contestant, Samples] = defaultdict(Samples)
        peer, theirs = _doccano(Path(folder), extent), Samples()
        for number in range(extent.rounds):
            for contestant in _contestants(extent):
                CONSOLE.print(f"[dim]round {number + 1} of {extent.rounds}: {contestant.label}[/dim]")
                _measure(chain, contestant, places[contestant.kind, contestant.units], extent, samples[contestant])
            if peer:
                CONSOLE.print(f"[dim]round {number + 1} of {extent.rounds}: doccano[/dim]")
                speed = doccano.measure(peer, extent.warm_seconds, extent.seconds)
                theirs.rate.append(speed.rate)
                theirs.cpu_ms.append(speed.cpu_ms)
        rows = [row for contestant, found in samples.items() for row in _rows(contestant, found)]
        rows += [row for kind in extent.kinds for row in _ratios(kind, extent, samples)]
        if peer:
            rows += _beside_doccano(extent, samples, theirs)
        if extent.soak_seconds:
            rows += [row for kind in extent.kinds for row in _soak(chain, places[kind, extent.units[0]], kind, extent)]
    rows.append(Row("load of the machine before, 1 minute", load_before[0], ""))
    return [*rows, Row("load of the machine after, 1 minute, the bench's own in it", os.getloadavg()[0], "")]


def _contestants(extent: Extent) -> Iterator[Contestant]:
    small, large = extent.units
    for kind in extent.kinds:
        yield Contestant("coordinator", kind, small, 1)
        yield Contestant("coordinator", kind, large, 1)
        yield Contestant("coordinator", kind, small, 2)
        yield Contestant("bare handlers", kind, small, 1, BARE)
        yield Contestant("usual way", kind, small, 1, USUAL)


def _measure(chain: Chain, contestant: Contestant, where: Place, extent: Extent, into: Samples) -> None:
    if contestant.module is None:
        serving = coordinator(chain, where, contestant.processes)
    else:
        serving = handlers(contestant.module, where, chain.coordinator, contestant.processes)
    with serving as service:
        uvloop.run(_rounds(service, extent, into))


async def _rounds(service: Service, extent: Extent, into: Samples) -> None:
    async with Crew(service.place.job, service.hands) as crew:
        await crew.closed_loop(extent.warm_seconds)
        before, began = service.cpu_seconds(), time.perf_counter()
        done = len(await crew.closed_loop(extent.seconds))
        into.rate.append(done / (time.perf_counter() - began))
        into.cpu_ms.append((service.cpu_seconds() - before) / done * 1000)
        took = sorted(await crew.open_loop(into.rate[-1] / 2, extent.seconds))
        into.p50_ms.append(statistics.median(took) * 1000)
        into.p99_ms.append(took[int(len(took) * 0.99)] * 1000)
        before = service.cpu_seconds()
        accepted = len(await crew.closed_loop(extent.seconds / 2, accept_only=True))
        into.accept_cpu_ms.append((service.cpu_seconds() - before) / accepted * 1000)


def _rows(contestant: Contestant, samples: Samples) -> Iterator[Row]:
    ours, label = contestant.module is None, contestant.label
    sqlite = contestant.kind == "sqlite"
    counts = ours and contestant.processes == (1 if sqlite else 2)
    yield Row(f"{label}: cycles", statistics.median(samples.rate), "1/s", (500 if sqlite else 300) if counts else None, True)
    yield Row(f"{label}: processor a cycle", statistics.median(samples.cpu_ms), "ms", 2.5 if counts and sqlite else None)
    yield Row(f"{label}: a cycle at half that rate, median", statistics.median(samples.p50_ms), "ms")
    target = (50 if sqlite else 75) if counts else None
    yield Row(f"{label}: a cycle at half that rate, 99 of 100", statistics.median(samples.p99_ms), "ms", target)
    yield Row(f"{label}: processor an accept", statistics.median(samples.accept_cpu_ms), "ms")


def _ratios(kind: str, extent: Extent, samples: dict[Contestant, Samples]) -> Iterator[Row]:
    """Of medians; the large job's accept against the small one's, and the coordinator against the others."""
    small, large = (statistics.median(samples[Contestant("coordinator", kind, units, 1)].accept_cpu_ms) for units in extent.units)
    yield Row(f"{kind}: processor an accept, {extent.units[1]:,} units to {extent.units[0]:,}", large / small, "times", 1.3)
    ours = statistics.median(samples[Contestant("coordinator", kind, extent.units[0], 1)].rate)
    for name, module in (("bare handlers", BARE), ("usual way", USUAL)):
        theirs = statistics.median(samples[Contestant(name, kind, extent.units[0], 1, module)].rate)
        yield Row(f"{kind}: cycles, the coordinator to {name}", ours / theirs, "times")


def _doccano(folder: Path, extent: Extent) -> doccano.Doccano | None:
    """The peer with as many units as the small job; None, and a word why, where it can't be had."""
    try:
        return doccano.prepared(doccano.installed(FOLDER), folder / "doccano", extent.units[0])
    except Unavailable as error:
        CONSOLE.print(f"doccano isn't measured: {error.sentence}")
        return None


def _beside_doccano(extent: Extent, samples: dict[Contestant, Samples], theirs: Samples) -> Iterator[Row]:
    rate, label = statistics.median(theirs.rate), f"doccano on sqlite, {extent.units[0]:,} units"
    yield Row(f"{label}: cycles", rate, "1/s")
    yield Row(f"{label}: processor a cycle", statistics.median(theirs.cpu_ms), "ms")
    for kind in extent.kinds:
        ours = statistics.median(samples[Contestant("coordinator", kind, extent.units[0], 1)].rate)
        yield Row(f"{kind}: cycles, the coordinator to doccano", ours / rate, "times", 5, True)


def _soak(chain: Chain, where: Place, kind: str, extent: Extent) -> Iterator[Row]:
    """Memory after a third of the soak and at its end: the first third fills caches that have an end."""
    with coordinator(chain, where, 1) as service:
        first, last, cycles = uvloop.run(_soaked(service, extent.soak_seconds))
    yield Row(f"{kind}: cycles of the soak", cycles, "")
    yield Row(f"{kind}: memory after a third of it", first, "MB")
    yield Row(f"{kind}: memory at its end to that", last / first, "times", 1.1)


async def _soaked(service: Service, seconds: float) -> tuple[float, float, int]:
    async with Crew(service.place.job, service.hands) as crew:
        done = len(await crew.closed_loop(seconds / 3))
        first = service.resident_mb()
        done += len(await crew.closed_loop(seconds * 2 / 3))
        return first, service.resident_mb(), done
