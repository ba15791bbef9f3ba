"""One life of the indexer: `python -m indexer` from its start until it is level with a chain that stands still."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from piecework.chain.build import ROOT
from piecework.domain.errors import Unavailable
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.database import Database, empty_database
from scripts.bench.indexer.process import Speed, cpu_seconds, resident_mb

PAUSE_SECONDS = 0.02
CURSOR = "SELECT head_number FROM mirror_deployment"
LACKING = "SELECT count(*) FROM mirror_deferred_index"
"""Indexes that a first backfill has still to make; it isn't over before that."""
EVENTS = "SELECT sum(log_count) FROM mirror_block"


@dataclass(frozen=True)
class Sample:
    """How far a run was at some time."""

    seconds: float
    head: int
    """-1 where there is no cursor yet."""
    resident_mb: float


@dataclass(frozen=True)
class Run(Speed):
    """What a run took, from the start of the process to its being level."""

    samples: Sequence[Sample]

    @property
    def start_seconds(self) -> float:
        """Until its cursor was in the database."""
        return self._reading[0].seconds

    @property
    def reading_seconds(self) -> float:
        """From then until it was level; all of its life where it was level when it was looked at again."""
        return self.seconds - self.start_seconds or self.seconds

    @property
    def peak_mb(self) -> float:
        """The most resident memory that was seen."""
        return max(sample.resident_mb for sample in self.samples)

    @property
    def growth_mb(self) -> float:
        """Resident memory in the last third of the way, less that in the first; 0 where it was that quick that nobody saw the first."""
        head = self.samples[-1].head
        first = [sample.resident_mb for sample in self._reading if sample.head <= head / 3]
        last = [sample.resident_mb for sample in self._reading if sample.head >= head * 2 / 3]
        return statistics.median(last) - statistics.median(first) if first else 0

    @property
    def _reading(self) -> Sequence[Sample]:
        """Since there was a cursor."""
        return [sample for sample in self.samples if sample.head >= 0]


@contextmanager
def indexer(chain: Chain, database: Database, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process for as long as the block runs, with its own defaults; what it says is in `folder`."""
    deployment = folder / "deployment.json"
    chain.deployment.save(deployment)
    given = {"DATABASE_URL": database.url, "RPC_URL": chain.rpc.url, "DEPLOYMENT": str(deployment)}
    environment = os.environ | {f"PIECEWORK_{name}": value for name, value in given.items()}
    with (folder / "indexer.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "indexer"], cwd=ROOT, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def run(chain: Chain, kind: str, wanted: Mapping[str, int] | None = None) -> Run:
    """One life in an empty database.

    Args:
        chain: what is mirrored.
        kind: of the database.
        wanted: queries and what they must answer in the end; by default that all events are there.

    Raises:
        Unavailable: the process ended before it was level, or a query answers something else.
    """
    with tempfile.TemporaryDirectory() as name, empty_database(kind, folder := Path(name)) as database:
        before, began, samples = database.cpu_seconds(), time.perf_counter(), list[Sample]()
        with database.reading() as integer, indexer(chain, database, folder) as process:
            while not samples or samples[-1].head < chain.head or integer(LACKING):
                if process.poll() is not None:
                    raise Unavailable(f"The indexer ended by itself:\n{(folder / 'indexer.log').read_text()}")
                time.sleep(PAUSE_SECONDS)
                memory, head, now = resident_mb(process.pid), integer(CURSOR), time.perf_counter()
                samples.append(Sample(now - began, -1 if head is None else head, memory))
            cpu = cpu_seconds(process.pid) + database.cpu_seconds() - before
            for query, number in (wanted or {EVENTS: chain.events}).items():
                if (answer := integer(query)) != number:
                    raise Unavailable(f"The indexer is level, but {query} is {answer}, not {number}.")
        return Run(chain.events, samples[-1].seconds, cpu, samples)
