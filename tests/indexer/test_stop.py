"""Asked to end, the indexer is gone within five seconds, whatever it is doing, and the next one goes on where it was."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.indexer.bench import Process, bench, dump, eventually, is_level, process
from tests.indexer.workshop import Workshop
from tests.support.holding import held
from tests.support.proxy import Proxy, proxy

MOST_SECONDS = 5.0


@pytest.fixture
def node(workshop: Workshop) -> Iterator[Proxy]:
    """A proxy before the workshop's chain."""
    with proxy(workshop.rpc.url) as opened:
        yield opened


def require_quick_end(running: Process) -> None:
    began = time.monotonic()
    assert running.stop() == 0, running.said
    assert time.monotonic() - began < MOST_SECONDS
    assert "Traceback" not in running.said


def require_rest(workshop: Workshop, database_url: str, folder: Path) -> None:
    """Another indexer brings the mirror to where one that was never stopped has it."""
    with process(folder, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
    assert mirrored(database_url, workshop) == mirrored(f"sqlite:///{folder}/uninterrupted.db", workshop)


def mirrored(database_url: str, workshop: Workshop) -> dict[str, Any]:
    with bench(database_url, workshop) as mirror:
        return dump(mirror.catch_up().engine)


@contextmanager
def hanging(node: Proxy) -> Iterator[threading.Event]:
    """A node that takes questions and doesn't answer; the event is set when it has taken one."""
    taken, over = threading.Event(), threading.Event()

    def wait(method: str, params: list[Any], result: Any) -> Any:
        taken.set()
        over.wait(60)
        return result

    node.tamper = wait
    try:
        yield taken
    finally:
        over.set()
        node.tamper = None


def slow_logs(method: str, params: list[Any], result: Any) -> Any:
    """A node that takes long over events, so that a backfill isn't over before it is seen."""
    if method == "eth_getLogs":
        time.sleep(2)
    return result


def asks_nothing(node: Proxy) -> bool:
    """Whether the indexer, which polls ten times a second, is busy with something else."""
    before = node.calls.total()
    time.sleep(0.5)
    return node.calls.total() == before


def test_while_the_node_hangs(workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    with process(tmp_path, database_url, workshop.deployment, node.url, rpc_timeout_seconds=60) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        with hanging(node) as taken:
            eventually(taken.is_set, running)
            require_quick_end(running)
    require_rest(workshop, database_url, tmp_path)


def test_while_it_has_never_reached_the_node(workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path) -> None:
    with hanging(node) as taken:
        with process(tmp_path, database_url, workshop.deployment, node.url, rpc_timeout_seconds=60) as running:
            eventually(taken.is_set, running)
            require_quick_end(running)


def test_while_it_waits_before_trying_again(workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path) -> None:
    with process(tmp_path, database_url, workshop.deployment, node.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        node.fault = "error"
        eventually(lambda: "Trying again" in running.said, running)
        require_quick_end(running)
    require_rest(workshop, database_url, tmp_path)


def test_in_the_middle_of_a_transaction_that_the_database_holds_up(
    workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    """On SQLite the driver waits where no signal is heard."""
    with process(tmp_path, database_url, workshop.deployment, node.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        with held(database_url, "mirror_deployment"):
            workshop.everything()
            eventually(lambda: asks_nothing(node), running)
            require_quick_end(running)
    require_rest(workshop, database_url, tmp_path)


def test_while_it_waits_to_make_its_tables(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with bench(database_url, workshop):
        pass
    with held(database_url, "mirror_deployment"):
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as running:
            eventually(lambda: "listening" in running.said, running)
            require_quick_end(running)
    require_rest(workshop, database_url, tmp_path)


def test_in_a_backfill(workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path) -> None:
    workshop.everything(rounds=8)
    workshop.mine(3_000)
    node.tamper = slow_logs
    with process(tmp_path, database_url, workshop.deployment, node.url) as running:
        eventually(lambda: "once the mirror is level" in running.said, running)
        assert "level with the chain" not in running.said
        require_quick_end(running)
    require_rest(workshop, database_url, tmp_path)


def test_while_it_is_halted(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.mine(30)
    settings = {"finality_blocks": 5, "indexer_port": 0}
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, **settings) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        workshop.rpc.call("anvil_reorg", 9, [])
        eventually(lambda: "halted" in running.said, running)
        require_quick_end(running)
