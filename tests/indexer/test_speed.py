"""The bench of the indexer measures what it says, on a chain of the events that it says."""

from pathlib import Path

import pytest

from piecework.chain.escrow import SignedBatch, encode_settle
from piecework.domain.errors import Unavailable
from piecework.domain.terms import Batch, Terms
from piecework.domain.units import NATIVE
from scripts.bench.indexer import Extent, measure
from scripts.bench.indexer.calldata import Settle
from scripts.bench.indexer.chain import built_chain
from scripts.bench.indexer.run import EVENTS as EVERYTHING
from scripts.bench.indexer.run import Run, Sample, run

EVENTS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the chain is kept from one test to the next."""
    return tmp_path_factory.mktemp("bench")


def test_a_settlement_encoded_by_hand_is_what_the_general_encoder_says() -> None:
    workers = ("0x" + "11" * 20, "0x" + "22" * 20)
    terms = Terms(workers[0], NATIVE, NATIVE, 5, 0, workers[1], NATIVE, b"court", 1, 2, 3, 4, 5, b"\1" * 32, b"\2" * 32)
    parts = [(Batch(b"\3" * 32, first, workers, bytes((1, 2, 0) * 15), b"\4" * 32), bytes(64) + b"\x1c") for first in (0, 45)]
    batches = [SignedBatch(batch, signature, b"") for batch, signature in parts]
    general = encode_settle(terms, batches, frozenset(workers[:1]), 9_000)
    assert "0x" + Settle(terms).encode(parts, 0b10, 9_000).hex() == general


def test_a_chain_that_was_kept_has_the_same_logs(folder: Path) -> None:
    found = []
    for _ in range(2):
        with built_chain(EVENTS, lambda made: None, folder) as chain:
            logs = chain.rpc.call("eth_getLogs", {"address": chain.deployment.escrow, "fromBlock": "0x0", "toBlock": "latest"})
            assert EVENTS <= chain.events == len(logs)
            found.append(logs)
    assert found[0] == found[1]


def test_a_life_that_leaves_rows_out_is_no_figure(folder: Path) -> None:
    with built_chain(EVENTS, lambda made: None, folder) as chain:
        with pytest.raises(Unavailable, match=f"is {chain.events}, not {chain.events + 1}"):
            run(chain, "sqlite", {EVERYTHING: chain.events + 1})


def test_a_life_seen_only_at_its_end_has_figures_too() -> None:
    seen = Run(10, 2.0, 1.0, [Sample(1.0, -1, 50), Sample(2.0, 9, 60)])
    assert (seen.growth_mb, seen.peak_mb, seen.reading_seconds) == (0, 60, 2.0)
    watched = Run(10, 2.0, 1.0, [Sample(0.5, 0, 50), Sample(1.0, 4, 55), Sample(2.0, 9, 60)])
    assert (watched.growth_mb, watched.start_seconds, watched.reading_seconds) == (10, 0.5, 1.5)


@pytest.mark.parametrize(
    ("part", "figure", "target"),
    [
        ("usual", "sqlite: times that", 40),
        ("slots", "sqlite: slots of settlements of 10,000 into rows", 500_000),
        ("head", "sqlite: from a block's being served to its event in SQL, median of 2", 100),
    ],
)
def test_every_part_of_the_bench_has_its_figures(folder: Path, part: str, figure: str, target: float) -> None:
    extent = Extent(EVENTS, ["sqlite"], [part], runs=1, usual_seconds=0, settlements=3, head_blocks=2, folder=folder)
    rows = {row.name: row for row in measure(extent)}
    assert all(row.value > 0 for name, row in rows.items() if "growth" not in name)
    assert rows[figure].target == target
