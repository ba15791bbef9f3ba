"""Two indexers on one database, one of them asleep; clocks that jump; a stop while the database is held."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from piecework.chain.build import ROOT
from tests.conftest import deployed
from tests.indexer.bench import bench, dump, eventually, is_level, process
from tests.indexer.faults.test_reorganised import held
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.test_refusals import refused
from tests.indexer.workshop import Workshop, worker
from tests.support import postgres
from tests.support.devnet import anvil


def test_while_the_writer_sleeps_a_second_one_is_refused_and_the_first_goes_on_when_it_wakes(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as sleeper:
        eventually(lambda: is_level(database_url, workshop), sleeper)
        sleeper.process.send_signal(signal.SIGSTOP)
        workshop.everything()
        said = refused(tmp_path, database_url, workshop.deployment, workshop.rpc.url)
        assert "Another indexer already writes" in said
        sleeper.process.send_signal(signal.SIGCONT)
        eventually(lambda: is_level(database_url, workshop), sleeper)
        assert sleeper.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_writer_that_slept_while_another_took_over_writes_nothing_when_it_wakes(
    workshop: Workshop, tmp_path: Path
) -> None:
    """PostgreSQL ends the sleeper's session, and with it the lock; the other follows a reorg meanwhile."""
    database_url = postgres.server().database()
    name = database_url.partition("@/")[2].partition("?")[0]
    workshop.mine(8)
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as sleeper:
        workshop.deposit(workshop.chain.requester, 1)
        eventually(lambda: is_level(database_url, workshop), sleeper)
        sleeper.process.send_signal(signal.SIGSTOP)
        postgres.server().execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        workshop.rpc.call("anvil_reorg", 3, [])
        workshop.everything()
        with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as other:
            eventually(lambda: is_level(database_url, workshop), other)
            sleeper.process.send_signal(signal.SIGCONT)
            eventually(lambda: sleeper.process.poll() is not None, sleeper)
            assert sleeper.ended() == 1
            assert "Another indexer" in sleeper.said
            workshop.everything()
            eventually(lambda: is_level(database_url, workshop), other)
            assert other.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


JUMPING = """
import random, time
_time = time.time
time.time = lambda: _time() + random.choice([-1, 1]) * random.uniform(0, 10**9)
"""


def test_a_clock_that_jumps_makes_no_difference(
    workshop: Workshop, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process' clock is another one at each look; and many of the chain's blocks have one time."""
    (tmp_path / "sitecustomize.py").write_text(JUMPING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        workshop.rpc.call("anvil_setBlockTimestampInterval", 0)
        for _ in range(6):
            workshop.deposit(workshop.chain.requester, 1)
        assert workshop.now() == int(workshop.rpc.call("eth_getBlockByNumber", hex(workshop.head() - 5), False)["timestamp"], 16)
        workshop.rpc.call("anvil_removeBlockTimestampInterval")
        workshop.rpc.call("anvil_reorg", 3, [])
        workshop.everything()  # which jumps by a month
        eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
    monkeypatch.delenv("PYTHONPATH")
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_told_to_stop_while_the_database_is_held_it_ends_and_loses_nothing(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """In the middle of a backfill of thousands of slots."""
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        terms = workshop.terms()
        workshop.post(terms, 15_000)
        table = [worker(number).address for number in range(100)]
        places = bytes(1 + number % 100 for number in range(5_000))
        with held(database_url):
            for at in range(3):
                workshop.settle(terms, workshop.batch(terms, at * 5_000, table, places), push_gas=0)
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 5
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: "mirroring" in running.said and is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_devnet_that_begins_again_without_its_past_is_refused(database_url: str, tmp_path: Path) -> None:
    """The same chain id and the same first block, but nothing on it: the rows stay."""
    same = ("--timestamp", "1700000000")
    with anvil(*same) as rpc:
        workshop = Workshop(deployed(rpc))
        workshop.everything()
        with bench(database_url, workshop) as mirror:
            before = dump(mirror.catch_up().engine)
        with anvil(*same) as empty:
            assert empty.call("eth_getBlockByNumber", "0x0", False)["hash"] == workshop.deployment.genesis_hash
            said = refused(tmp_path, database_url, workshop.deployment, empty.url)
        assert "There is no contract" in said
        with bench(database_url, workshop) as mirror:
            assert dump(mirror.engine) == before


EARLY = """
import os, signal, sys
plain = signal.signal

def at_once(number, handler):
    plain(number, handler)
    os.kill(os.getpid(), signal.SIGTERM)

signal.signal = at_once
from indexer.__main__ import main
sys.exit(main())
"""


def test_told_to_stop_in_the_moment_in_which_it_begins_to_listen_it_stops() -> None:
    done = subprocess.run([sys.executable, "-c", EARLY], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "stopped" in done.stderr
