"""Whoever stands still while the chain moves is noticed, and begins anew."""

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexer.standing import Point, Standing
from indexer.watchdog import Watchdog
from tests.indexer.asking import Asker
from tests.indexer.bench import eventually, is_level, process
from tests.indexer.workshop import Workshop
from tests.support import postgres
from tests.support.holding import held
from tests.support.proxy import Refusal, proxy

SECONDS = 2.0


def test_a_mirror_that_stands_still_is_said_and_begins_anew(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """The loop hangs in a transaction; what holds it up is over later."""
    settings = {"indexer_port": 0, "stall_seconds": SECONDS, "log_format": "json"}
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, **settings) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        with held(database_url, "mirror_deployment"):
            workshop.everything()
            eventually(lambda: asker.status()["stalled"], running)
            code, said = asker.ask("/health")
            assert (code, said["alive"]) == (503, False)
            assert "No block was mirrored for" in said["detail"]
            assert asker.ask("/ready")[0] == 503
        eventually(lambda: is_level(database_url, workshop), running, 60)
        eventually(asker.ready, running)
        assert asker.ask("/health")[0] == 200
        (stall, *_) = [line for line in map(json.loads, running.said.splitlines()) if line["event"] == "stalled"]
        assert (stall["level"], stall["seconds"] >= SECONDS) == ("error", True)
        assert running.stop() == 0


def test_a_silent_loop_is_not_called_alive(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    settings = {"indexer_port": 0, "health_seconds": 1}
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, **settings) as running:
        asker = Asker(running)
        eventually(asker.ready, running)
        with held(database_url, "mirror_deployment"):
            workshop.everything()
            eventually(lambda: asker.ask("/health")[0] == 503, running)
            assert "silent" in asker.ask("/health")[1]["detail"]
        eventually(lambda: asker.ask("/health")[0] == 200, running, 60)


def test_connections_that_lead_nowhere_are_replaced(workshop: Workshop, tmp_path: Path) -> None:
    """A wire that swallows everything: nobody is told that the connection is gone, and the server keeps its session and its locks."""
    url = postgres.server().database()
    with swallowing(url) as (wire, through):
        settings = {"indexer_port": 0, "stall_seconds": SECONDS}
        with process(tmp_path, through, workshop.deployment, workshop.rpc.url, **settings) as running:
            asker = Asker(running)
            eventually(asker.ready, running)
            wire.swallow()
            workshop.everything()
            eventually(lambda: is_level(url, workshop), running, 60)
            assert "Beginning anew" in running.said
            assert running.stop() == 0


class Wire:
    """A TCP proxy; after `swallow` the connections of before carry nothing any more, new ones do."""

    def __init__(self, target: str) -> None:
        self._target, self._dead = target, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = [self._listener]
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        dead, self._dead = self._dead, threading.Event()
        dead.set()

    def close(self) -> None:
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._ends += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(*ends, self._dead), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, dead: threading.Event) -> None:
        try:
            while piece := source.recv(65_536):
                if not dead.is_set():
                    sink.sendall(piece)
            if not dead.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def swallowing(database_url: str) -> Iterator[tuple[Wire, str]]:
    """A wire to a PostgreSQL server, and the database's URL through it."""
    name, _, folder = database_url.partition("@/")[2].partition("?host=")
    wire = Wire(f"{folder}/.s.PGSQL.5432")
    try:
        yield wire, f"postgresql+psycopg://postgres@127.0.0.1:{wire.port}/{name}"
    finally:
        wire.close()


@pytest.fixture
def standing(workshop: Workshop) -> Standing:
    """Of an indexer that is level with the chain."""
    found = Standing(workshop.deployment)
    found.cursor = Point(workshop.head(), "0xa", 0)
    return found


def watch(standing: Standing, *urls: str) -> tuple[Watchdog, list[str]]:
    """A watchdog that is told to look, and what it has said so far."""
    said: list[str] = []
    return Watchdog(standing, urls, 10, lambda: said.append(str(standing.stalled))), said


def test_a_quiet_chain_is_no_stall(workshop: Workshop, standing: Standing) -> None:
    dog, said = watch(standing, workshop.rpc.url)
    for now in range(0, 100, 5):
        dog.look(now)
    assert (said, standing.stalled) == ([], None)


def test_a_block_that_comes_after_a_long_quiet_is_no_stall(workshop: Workshop, standing: Standing) -> None:
    dog, said = watch(standing, workshop.rpc.url)
    for now in range(0, 100, 5):
        dog.look(now)
    workshop.mine(1)
    for now in (100, 105, 109):
        dog.look(now)
    assert said == []
    dog.look(110)
    assert said == [f"No block was mirrored for 10 s: the mirror is at block {workshop.head() - 1}, the chain at {workshop.head()}."]


def test_a_mirror_that_moves_is_no_stall_however_far_behind(workshop: Workshop, standing: Standing) -> None:
    dog, said = watch(standing, workshop.rpc.url)
    workshop.mine(50)
    for number, now in enumerate(range(0, 100, 5)):
        standing.cursor = Point(number, hex(number), 0)
        dog.look(now)
    assert said == []


def test_blocks_that_wait_for_confirmations_are_no_stall(workshop: Workshop, standing: Standing) -> None:
    standing.confirmations = 2
    dog, said = watch(standing, workshop.rpc.url)
    workshop.mine(2)
    for now in range(0, 100, 5):
        dog.look(now)
    assert said == []
    workshop.mine(1)
    for now in range(100, 115, 5):
        dog.look(now)
    assert len(said) == 1


def test_nodes_that_do_not_answer_are_no_stall_of_ours(workshop: Workshop, standing: Standing) -> None:
    with proxy(workshop.rpc.url) as node:
        workshop.mine(5)
        dog, said = watch(standing, node.url, "http://127.0.0.1:1")
        answers: list[Any] = [Refusal(-32000, "no"), None, "what?", [], {}]
        for now, answer in zip(range(0, 100, 5), itertools.cycle(answers), strict=False):
            node.tamper = lambda method, params, result: answer  # noqa: B023  # used at once
            dog.look(now)
        assert said == []


def test_it_is_said_again_as_long_as_it_lasts_and_forgotten_when_it_is_over(workshop: Workshop, standing: Standing) -> None:
    dog, said = watch(standing, workshop.rpc.url)
    workshop.mine(1)
    for now in range(0, 40, 5):
        dog.look(now)
    assert len(said) == 3
    standing.wrote(Point(workshop.head(), "0xb", 0), 1, 0, 0.1)
    dog.look(40)
    assert standing.stalled is None


def test_a_halt_is_no_stall(workshop: Workshop, standing: Standing) -> None:
    standing.halted = "The chain was reorganised too deep."
    dog, said = watch(standing, workshop.rpc.url)
    workshop.mine(1)
    for now in range(0, 40, 5):
        dog.look(now)
    assert said == []
