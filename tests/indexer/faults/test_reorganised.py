"""Reorgs at the wrong moment, jumps, and a node that has forgotten what a rollback needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from indexer.chain import AnswerRefused
from piecework.chain.rpc import Rpc
from piecework.sql import open_engine
from tests.indexer.bench import WINDOW, bench, dump, eventually, is_level, process
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.test_reorg import everything_about_a_job, require_canonical
from tests.indexer.workshop import Workshop
from tests.support.proxy import Proxy


@contextmanager
def held(database_url: str) -> Iterator[None]:
    """Nobody else's transaction that writes gets through."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE mirror_ledger_entry IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


def test_two_reorgs_while_a_commit_waits(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, poll_seconds=0.005) as running:
        workshop.mine(4)
        everything_about_a_job(workshop)
        eventually(lambda: is_level(database_url, workshop), running)
        for _ in range(3):
            with held(database_url):
                workshop.deposit(workshop.chain.requester, 1)
                workshop.rpc.call("anvil_reorg", 3, [])
                workshop.rpc.call("anvil_reorg", 5, [[workshop.raw_deposit(workshop.chain.bystander, 2), 1]])
            eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_reorg_while_the_last_batches_are_in_flight(
    workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    """The node has just put together the range that ends at the head when the head is replaced."""
    workshop.mine(300)
    everything_about_a_job(workshop)
    reorganised: list[int] = []

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and result and len(reorganised) < 2:
            reorganised.append(len(result))
            workshop.rpc.call("anvil_reorg", 4, [])
            workshop.deposit(workshop.chain.bystander, len(reorganised))
        return result

    node.tamper = tamper
    with process(tmp_path, database_url, workshop.deployment, node.url) as running:
        eventually(lambda: len(reorganised) == 2 and is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_head_that_jumps_by_a_thousand_is_caught_up_with(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        workshop.deposit(workshop.chain.requester, 1)
        workshop.mine(1_000)
        workshop.deposit(workshop.chain.requester, 2)
        eventually(lambda: is_level(database_url, workshop), running, 60)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


@pytest.mark.parametrize("by_hash", [False, True])
def test_a_pruned_node_makes_nothing_disappear(
    by_hash: bool, workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    """The blocks have been replaced, and the node gives no logs for the new ones: what there is stays until somebody does."""
    with bench(database_url, workshop, Rpc(node.url)) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        before = dump(mirror.catch_up().engine)
        workshop.rpc.call("anvil_reorg", 4, [[workshop.raw_deposit(workshop.chain.bystander, 3), 0]])

        def pruned(method: str, params: list[Any], result: Any) -> Any:
            return [] if method == "eth_getLogs" and (by_hash or "blockHash" not in params[0]) else result

        node.tamper = pruned
        with pytest.raises(AnswerRefused):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.tamper = None
        require_canonical(mirror.catch_up(), workshop, tmp_path)
