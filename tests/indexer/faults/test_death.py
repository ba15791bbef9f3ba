"""kill -9 at the moments that matter, and in the middle of a rollback."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.indexer.bench import eventually, is_level, process
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.workshop import Workshop, worker
from tests.support import postgres
from tests.support.relay import COMMITTED, Relay, relay, to_postgres


def slots(workshop: Workshop, settlements: int) -> None:
    """Settlements of a thousand slots, each in a block of its own."""
    terms = workshop.terms()
    workshop.post(terms, settlements * 1_000)
    table = [worker(number).address for number in range(100)]
    places = bytes(1 + number % 100 for number in range(1_000))
    for at in range(settlements):
        workshop.settle(terms, workshop.batch(terms, at * 1_000, table, places), push_gas=0)


def extend(workshop: Workshop) -> None:
    workshop.everything()


def reorganise(workshop: Workshop) -> None:
    workshop.rpc.call("anvil_reorg", 6, [])


def before_it_arrives(wire: Relay, kill: Callable[[], None]) -> None:
    wire.before = (b"COMMIT", lambda: (kill(), wire.cut()))


def on_its_way(wire: Relay, kill: Callable[[], None]) -> None:
    wire.before = (b"COMMIT", kill)


def after_it_was_made(wire: Relay, kill: Callable[[], None]) -> None:
    wire.lose = COMMITTED


@pytest.mark.parametrize("moment", [before_it_arrives, on_its_way, after_it_was_made])
@pytest.mark.parametrize("change", [extend, reorganise])
def test_killed_around_its_commit_it_goes_on_as_if_nothing_had_been(
    moment: Callable[[Relay, Callable[[], None]], None],
    change: Callable[[Workshop], None],
    workshop: Workshop,
    tmp_path: Path,
) -> None:
    database_url = postgres.server().database()
    connect, at = to_postgres(database_url)
    workshop.mine(8)
    workshop.everything()
    with relay(connect) as wire:
        with process(tmp_path, at(wire.port), workshop.deployment, workshop.rpc.url) as running:
            eventually(lambda: is_level(database_url, workshop), running)
            moment(wire, running.process.kill)
            change(workshop)
            eventually(lambda: wire.lost or running.process.poll() is not None, running)
            running.kill()
        with process(tmp_path, at(wire.port), workshop.deployment, workshop.rpc.url) as running:
            eventually(lambda: "mirroring" in running.said and is_level(database_url, workshop), running)
            assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_it_rolls_back_it_rolls_back_again(
    seed: int, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """Thousands of rows go and come with each reorg, so that a kill at a moment by chance falls into it."""
    moments = random.Random(seed)
    workshop.deposit(workshop.chain.requester, 9)
    slots(workshop, 4)
    for _ in range(3):
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, poll_seconds=0.005) as running:
            eventually(lambda: "mirroring" in running.said and is_level(database_url, workshop), running)  # noqa: B023
            slots(workshop, 2)
            eventually(lambda: is_level(database_url, workshop), running)
            workshop.rpc.call("anvil_reorg", moments.randint(2, 6), [])
            time.sleep(moments.uniform(0, 0.15))  # this is the moment, not a wait for anything
            running.kill()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: "mirroring" in running.said and is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)
