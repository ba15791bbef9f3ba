"""`python -m indexer`, started, stopped, killed and started again."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.indexer.bench import bench, dump, eventually, is_level, process, require_balances
from tests.indexer.workshop import Workshop, worker
from tests.support import postgres
from tests.support.devnet import anvil
from tests.support.proxy import proxy


def fresh(workshop: Workshop, folder: Path) -> dict[str, Any]:
    """The tables of a mirror that was never interrupted."""
    with bench(f"sqlite:///{folder}/uninterrupted.db", workshop) as mirror:
        return dump(mirror.catch_up().engine)


def mirrored(workshop: Workshop, database_url: str) -> dict[str, Any]:
    with bench(database_url, workshop) as mirror:
        require_balances(mirror.engine, workshop)
        return dump(mirror.engine)


def test_it_follows_the_chain_and_stops_when_it_is_told_to(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    workshop.everything()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        workshop.everything()
        eventually(lambda: is_level(database_url, workshop), running)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 5
        assert "stopped" in running.said
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_time_it_goes_on_as_if_nothing_had_been(
    seed: int, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """Six lives, each cut off while there are thousands of slots to write, while the chain goes on and reorganises."""
    moments = random.Random(seed)
    terms = workshop.terms()
    workshop.post(terms, 6 * 5_000)
    for life in range(6):
        table = [worker(number).address for number in range(100)]
        places = bytes(1 + number % 100 for number in range(5_000))
        workshop.settle(terms, workshop.batch(terms, life * 5_000, table, places), push_gas=0)
        workshop.everything()
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, poll_seconds=0.005) as running:
            eventually(lambda: "mirroring" in running.said, running)  # noqa: B023  # called at once
            if life % 3 == 2:
                time.sleep(0.3)
                workshop.rpc.call("anvil_reorg", moments.randint(1, 8), [])
            time.sleep(moments.uniform(0, 0.25))
            running.kill()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: "mirroring" in running.said and is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_node_that_goes_away_and_comes_back_is_followed_again(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with (
        proxy(workshop.rpc.url) as node,
        process(tmp_path, database_url, workshop.deployment, node.url, rpc_timeout_seconds=1) as running,
    ):
        eventually(lambda: is_level(database_url, workshop), running)
        for fault in ("error", "hang", "cut"):
            node.fault = fault
            workshop.deposit(workshop.chain.requester, 100)
            eventually(lambda: running.said.count("Trying again") >= 1, running)
            node.fault = None
            eventually(lambda: is_level(database_url, workshop), running)
        assert "it works again" in running.said
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_it_waits_for_a_node_that_is_not_there_yet(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with proxy(workshop.rpc.url) as node:
        node.fault = "error"
        with process(tmp_path, database_url, workshop.deployment, node.url) as running:
            eventually(lambda: "is not a chain" in running.said, running)
            node.fault = None
            eventually(lambda: is_level(database_url, workshop), running)


def test_it_stops_within_two_seconds_while_the_node_hangs(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with (
        proxy(workshop.rpc.url) as node,
        process(tmp_path, database_url, workshop.deployment, node.url, rpc_timeout_seconds=60) as running,
    ):
        eventually(lambda: is_level(database_url, workshop), running)
        node.fault = "hang"
        time.sleep(0.3)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 5


def test_a_second_indexer_ends_with_a_sentence_and_the_first_goes_on(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as first:
        eventually(lambda: is_level(database_url, workshop), first)
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as second:
            assert second.ended() == 1
            assert "Another indexer already writes into this database" in second.said
        workshop.everything()
        eventually(lambda: is_level(database_url, workshop), first)
        assert first.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_an_indexer_takes_over_from_one_that_was_killed(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as first:
        eventually(lambda: is_level(database_url, workshop), first)
        first.kill()
        workshop.deposit(workshop.chain.requester, 5)
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as second:
            eventually(lambda: is_level(database_url, workshop), second)


def test_a_database_that_restarts_is_written_on(workshop: Workshop, tmp_path: Path) -> None:
    server = postgres.start()
    try:
        database_url = server.database()
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
            eventually(lambda: is_level(database_url, workshop), running)
            server.stop()
            workshop.everything()
            eventually(lambda: "database doesn't answer" in running.said, running)
            server.start()
            eventually(lambda: is_level(database_url, workshop), running)
            assert running.stop() == 0
        assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)
    finally:
        server.remove()


def test_a_devnet_that_was_started_anew_is_refused_while_following(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    workshop.everything()
    with (
        proxy(workshop.rpc.url) as node,
        process(tmp_path, database_url, workshop.deployment, node.url) as running,
        anvil("--timestamp", "1700000000") as other,
    ):
        eventually(lambda: is_level(database_url, workshop), running)
        node.upstream = other.url
        assert running.ended() == 1
        assert "a devnet was started anew" in running.said
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_reorg_too_deep_ends_it_with_a_sentence(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    workshop.mine(30)
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, finality_blocks=5) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        workshop.rpc.call("anvil_reorg", 9, [])
        assert running.ended() == 1
        assert "deeper than 5 blocks" in running.said
        assert "Traceback" not in running.said
