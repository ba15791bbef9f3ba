"""What a running indexer says of itself to those who ask its port."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from piecework.sql import open_engine
from tests.indexer.asking import Asker
from tests.indexer.bench import Process, dump, eventually, is_level, process
from tests.indexer.workshop import Workshop
from tests.support.devnet import anvil
from tests.support.proxy import Proxy, Refusal, proxy

NONE: frozenset[tuple[str, str]] = frozenset()


@pytest.fixture
def node(workshop: Workshop) -> Iterator[Proxy]:
    """A proxy before the workshop's chain."""
    with proxy(workshop.rpc.url) as opened:
        yield opened


def depth(blocks: int) -> frozenset[tuple[str, str]]:
    return frozenset({("depth", str(blocks))})


def tables_of(database_url: str) -> dict[str, Any]:
    engine = open_engine(database_url)
    try:
        return dump(engine)
    finally:
        engine.dispose()


def test_it_is_ready_when_it_is_level_and_says_all_it_knows(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        assert asker.ask("/health") == (200, {"alive": True, "detail": "All is well."})
        said = asker.status()
        assert (said["chain_id"], said["escrow"]) == (31337, workshop.deployment.escrow)
        newest = workshop.rpc.call("eth_getBlockByNumber", "latest", False)
        assert (said["cursor"]["number"], said["cursor"]["hash"]) == (workshop.head(), newest["hash"])
        assert (said["head"], said["lag_blocks"], said["lag_seconds"]) == (workshop.head(), 0, 0)
        assert (said["finality_blocks"], said["pid"]) == (16, running.process.pid)
        assert (said["halted"], said["stalled"], said["trouble"]) == (None, None, None)
        assert [endpoint["name"] for endpoint in said["endpoints"]] == [workshop.rpc.url.removeprefix("http://")]
        assert running.stop() == 0


def test_prometheus_reads_what_it_counts(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        before = asker.metrics()
        logs = workshop.rpc.call("eth_getLogs", {"address": workshop.deployment.escrow, "fromBlock": "0x0"})
        assert before["events_total", NONE] == len(logs)
        assert before["blocks_total", NONE] == workshop.head() - workshop.deployment.start_block + 1
        assert (before["up", NONE], before["ready", NONE], before["halted", NONE]) == (1, 1, 0)
        assert (before["lag_blocks", NONE], before["lag_seconds", NONE], before["queue_blocks", NONE]) == (0, 0, 0)
        assert before["commit_seconds_count", NONE] == before["commit_seconds_bucket", frozenset({("le", "+Inf")})] >= 1
        workshop.rpc.call("anvil_reorg", 3, [])
        eventually(lambda: is_level(database_url, workshop), running)
        eventually(lambda: asker.metrics().get(("reorgs_total", depth(3))) == 1, running)
        assert asker.metrics()["commit_seconds_count", NONE] > before["commit_seconds_count", NONE]


def test_a_mirror_that_is_behind_is_not_ready_but_alive(
    workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, node.url, indexer_port=0, ready_blocks=2) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        node.tamper = lambda method, _, result: Refusal(-32000, "no") if method == "eth_getLogs" else result
        workshop.mine(2)
        eventually(lambda: asker.status()["lag_blocks"] == 2, running)
        assert asker.ready()
        workshop.mine(1)
        eventually(lambda: asker.status()["lag_blocks"] == 3, running)
        assert asker.ask("/ready") == (503, {"ready": False, "detail": "The mirror is 3 blocks behind the chain."})
        assert asker.metrics()["lag_seconds", NONE] >= 0
        assert asker.ask("/health")[0] == 200
        node.tamper = None
        eventually(asker.ready, running)


def test_it_is_not_ready_before_a_node_has_answered(
    workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    node.fault = "error"
    with process(tmp_path, database_url, workshop.deployment, node.url, indexer_port=0) as running:
        asker = Asker(running)
        eventually(lambda: asker.status()["trouble"], running)
        code, said = asker.ask("/ready")
        assert (code, "is not a chain" in said["detail"]) == (503, True)
        assert asker.ask("/health")[0] == 200, "the node's trouble is no reason to restart the indexer"
        node.fault = None
        eventually(asker.ready, running)


def test_a_reorg_too_deep_halts_it_loudly_and_touches_nothing(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    workshop.mine(30)
    settings = {"finality_blocks": 5, "indexer_port": 0}
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, **settings) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        before = tables_of(database_url)
        workshop.rpc.call("anvil_reorg", 9, [])
        require_halt(running, asker, "deeper than 5 blocks")
        workshop.mine(3)
        assert tables_of(database_url) == before


def test_a_chain_that_was_started_anew_halts_it(workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path) -> None:
    workshop.everything()
    with ExitStack() as last:
        running = last.enter_context(process(tmp_path, database_url, workshop.deployment, node.url, indexer_port=0))
        asker = Asker(running)
        eventually(asker.ready, running)
        before = tables_of(database_url)
        node.upstream = last.enter_context(anvil("--timestamp", "1700000000")).url
        require_halt(running, asker, "a devnet was started anew")
        assert tables_of(database_url) == before


def require_halt(running: Process, asker: Asker, why: str) -> None:
    """It stays up to say why it does nothing, and ends when it is asked to."""
    eventually(lambda: asker.status()["halted"], running)
    assert why in asker.status()["halted"]
    code, said = asker.ask("/ready")
    assert (code, why in said["detail"]) == (503, True)
    assert asker.ask("/health")[0] == 200, "no restart mends it"
    assert asker.metrics()["halted", NONE] == 1
    assert "ERROR halted: " in running.said and "Traceback" not in running.said
    assert running.stop() == 0


def test_who_asks_and_never_listens_holds_nobody_up(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as running, ExitStack() as idle:
        asker = Asker(running)
        host, port = asker.url.removeprefix("http://").split(":")
        for number in range(40):
            client = idle.enter_context(socket.create_connection((host, int(port))))
            client.sendall(b"GET /metrics HTTP/1.1\r\n" * (number % 2))
        workshop.everything()
        eventually(lambda: is_level(database_url, workshop), running)
        assert asker.ready()
        assert running.stop() == 0


def test_what_it_does_not_serve_is_said(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as running:
        asker = Asker(running)
        with socket.create_connection(tuple(asker.url.removeprefix("http://").split(":"))) as client:  # type: ignore[arg-type]
            client.sendall(b"GET /wrong HTTP/1.0\r\n\r\n")
            said = client.makefile("rb").read().decode()
        assert " 404 " in said.splitlines()[0] and "/health, /ready, /status and /metrics" in said


def test_a_port_that_is_taken_is_refused_in_a_sentence(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=port) as running:
            assert running.ended() == 1
            assert f"Port {port} on 127.0.0.1 can't be used" in running.said
            assert "PIECEWORK_INDEXER_PORT" in running.said and "Traceback" not in running.said


def test_without_a_port_nothing_listens(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        assert "listening" not in running.said


def test_a_second_indexer_ends_even_where_it_could_stay_up_to_say_why(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """The first one is at work: there is nothing to look at."""
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as first:
        eventually(lambda: is_level(database_url, workshop), first)
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, indexer_port=0) as second:
            assert second.ended() == 1
            assert "Another indexer already writes" in second.said
