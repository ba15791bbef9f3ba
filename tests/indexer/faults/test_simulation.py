"""The first seeds of the simulation, on both databases in turns."""

import pytest

from scripts.simulate.workers import databases, simulate

SEEDS = 50


@pytest.mark.timeout(900)
def test_fifty_seeds_come_out_as_the_chain_has_it() -> None:
    todo = [(seed, database) for seed in range(1, SEEDS + 1) for database in databases("turns", seed)]
    reports = list(simulate(todo, at_once=2))
    assert [f"seed {report.seed} on {report.database}: {report.flaw}" for report in reports if report.flaw] == []
    assert len(reports) == SEEDS
