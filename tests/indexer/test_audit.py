"""The independent comparison: it agrees with a true mirror, and notices every kind of fault that is planted in one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from indexer.audit import Audit, audit
from piecework.chain.build import ROOT
from piecework.domain.errors import Invalid, Unavailable
from tests.indexer.bench import Bench, bench, eventually, is_level, process
from tests.indexer.workshop import Workshop
from tests.support.devnet import free_port
from tests.support.nursery import nursery
from tests.support.proxy import proxy


def look(engine: Engine, workshop: Workshop, first: int = 0, last: int | None = None) -> Audit:
    return audit(engine, workshop.deployment, workshop.rpc, first, workshop.head() if last is None else last)


@pytest.fixture
def mirror(busy_workshop: Workshop, database_url: str) -> Iterator[Bench]:
    """A true mirror of a chain on which everything has happened."""
    with bench(database_url, busy_workshop) as opened:
        yield opened.catch_up()


def test_a_true_mirror_is_equal(busy_workshop: Workshop, mirror: Bench) -> None:
    logs = busy_workshop.rpc.call("eth_getLogs", {"address": busy_workshop.deployment.escrow, "fromBlock": "0x0"})
    steps: list[int] = []
    d = busy_workshop.deployment
    found = audit(mirror.engine, d, busy_workshop.rpc, 0, busy_workshop.head(), steps.append)
    assert found == Audit(d.start_block, busy_workshop.head(), len(logs), ())
    assert sum(steps) == busy_workshop.head() - d.start_block + 1


FAULTS = {
    "a lost log": ("DELETE FROM mirror_event WHERE name = 'Deposited'", "is missing from mirror_event"),
    "changed data": ("UPDATE mirror_event SET data = topics WHERE name = 'Tipped'", "is missing from mirror_event, or differs"),
    "another index": ("UPDATE mirror_event SET log_index = log_index + 900 WHERE name = 'JobClosed'", "that the chain doesn't have"),
    "a row of a dead block": (
        "UPDATE mirror_tip SET transaction_hash = '0x" + "ab" * 32 + "'",
        "mirror_tip has a row of log",
    ),
    "a row of no log": ("UPDATE mirror_job_word SET log_index = log_index + 700", "mirror_job_word has a row of log"),
    "a dead block": ("UPDATE mirror_block SET hash = parent_hash WHERE log_count > 0", "a dead block: the chain has"),
    "a lost block": ("DELETE FROM mirror_block WHERE log_count > 0", "is missing from mirror_block"),
    "a wrong count": ("UPDATE mirror_block SET log_count = log_count + 1", "as mirror_block says"),
    "a lost row": ("DELETE FROM mirror_withdrawal", "mirror_withdrawal doesn't say of log"),
    "a wrong value": ("UPDATE mirror_job SET closes_at = closes_at + 1", "mirror_job doesn't say of log"),
    "wrong money": ("UPDATE mirror_ledger_entry SET credit = debit WHERE reason = 'deposited'", "mirror_ledger_entry doesn't say"),
    "another worker": ("UPDATE mirror_worker_payment SET worker = '0x" + "12" * 20 + "'", "mirror_slot_payment doesn't say that slot"),
    "too many slots": ("UPDATE mirror_worker_payment SET slots = slots + 1", "has other workers or slots"),
    "a cursor elsewhere": ("UPDATE mirror_deployment SET head_hash = genesis_hash", "but the chain has"),
    "a cursor above the head": (
        "UPDATE mirror_deployment SET head_number = head_number + 5",
        "which is above the chain's head",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, busy_workshop: Workshop, mirror: Bench) -> None:
    statement, sentence = FAULTS[name]
    with mirror.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    differences = look(mirror.engine, busy_workshop).differences
    assert any(sentence in difference for difference in differences), differences


def test_only_the_blocks_that_were_asked_for_are_compared(busy_workshop: Workshop, mirror: Bench) -> None:
    with mirror.engine.begin() as connection:
        connection.execute(text("DELETE FROM mirror_event WHERE name = 'JobPosted'"))
    posted = busy_workshop.rpc.call("eth_getLogs", {"address": busy_workshop.deployment.escrow, "fromBlock": "0x0"})
    first = min(int(log["blockNumber"], 16) for log in posted)
    assert look(mirror.engine, busy_workshop, 0, first - 1).differences == ()
    assert len(look(mirror.engine, busy_workshop).differences) > 1


def test_what_is_not_mirrored_yet_is_not_compared(busy_workshop: Workshop, mirror: Bench) -> None:
    with pytest.raises(Invalid, match=f"the mirror has 1 to {busy_workshop.head()}"):
        look(mirror.engine, busy_workshop, 0, busy_workshop.head() + 1)
    with pytest.raises(Invalid, match="There are no blocks 5 to 4"):
        look(mirror.engine, busy_workshop, 5, 4)


def test_a_chain_that_is_reorganised_meanwhile_is_said(workshop: Workshop, database_url: str) -> None:
    workshop.mine(100)
    with bench(database_url, workshop) as mirror, proxy(workshop.rpc.url) as node:
        mirror.catch_up()
        tampered = []

        def reorganise(method: str, params: list[object], result: object) -> object:
            if method == "eth_getLogs" and not tampered:
                tampered.append(workshop.rpc.call("anvil_reorg", 90, []))
            return result

        node.tamper = reorganise
        rpc = type(workshop.rpc)(node.url)
        with pytest.raises(Unavailable, match="was reorganised at block"):
            audit(mirror.engine, workshop.deployment, rpc, 0, workshop.head())


def test_a_reorg_that_the_indexer_has_followed_leaves_no_difference(workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.everything()
        mirror.catch_up()
        workshop.rpc.call("anvil_reorg", 4, [])
        assert look(mirror.engine, workshop).differences != ()
        mirror.catch_up()
        assert look(mirror.engine, workshop).differences == ()


# ------------------------------------------------------------------------------------------ the command


def piecework(
    folder: Path, database_url: str, workshop: Workshop, *arguments: str, forked: bool = True, **settings: object
) -> subprocess.CompletedProcess[str]:
    """`piecework index` with these arguments; it has ended. Where it isn't forked, it was a process that begins with nothing."""
    path = folder / "audited.json"
    workshop.deployment.save(path)
    given = {"database_url": database_url, "rpc_url": workshop.rpc.url, "deployment": path} | settings
    environment = os.environ | {f"PIECEWORK_{name.upper()}": str(value) for name, value in given.items()}
    command = ["piecework.cli", "index", *arguments, "--data", str(folder / "none")]
    if forked:
        return nursery().run(*command, environment=environment)
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_verify_says_equal_different_or_unseen_by_its_exit_code(busy_workshop: Workshop, mirror: Bench, tmp_path: Path) -> None:
    url = mirror.engine.url.render_as_string(hide_password=False)
    head = str(busy_workshop.head())
    equal = piecework(tmp_path, url, busy_workshop, "--verify", "0", head, forked=False)
    assert (equal.returncode, equal.stderr) == (0, ""), equal.stderr
    assert f"The tables are what blocks 1 to {head} of the chain say" in equal.stdout
    with mirror.engine.begin() as connection:
        connection.execute(text("DELETE FROM mirror_event WHERE name = 'Tipped'"))
    different = piecework(tmp_path, url, busy_workshop, "--verify", "0", head)
    assert different.returncode == 1
    assert "is missing from mirror_event" in different.stdout and "differences between the tables and blocks" in different.stdout
    told = json.loads(piecework(tmp_path, url, busy_workshop, "--verify", "0", head, "--json").stdout)
    assert (told["equal"], len(told["differences"]) > 0) == (False, True)
    for place, settings in ((url, {"rpc_url": "http://127.0.0.1:1"}), (str(tmp_path / "nothing.db"), {})):
        unseen = piecework(tmp_path, place, busy_workshop, "--verify", "0", head, **settings)
        assert unseen.returncode == 2
        assert unseen.stderr.count("\n") == 1 and "Traceback" not in unseen.stderr
    assert not (tmp_path / "nothing.db").exists()


def test_status_says_where_the_mirror_is_and_whether_an_indexer_runs(
    busy_workshop: Workshop, mirror: Bench, tmp_path: Path
) -> None:
    url = mirror.engine.url.render_as_string(hide_password=False)
    still = piecework(tmp_path, url, busy_workshop, "--status", forked=False)
    assert still.returncode == 3
    assert "Indexer   does not run" in still.stdout and f"at block {busy_workshop.head()}" in still.stdout
    port = free_port()
    with process(tmp_path, url, busy_workshop.deployment, busy_workshop.rpc.url, indexer_port=port) as running:
        eventually(lambda: "level with the chain" in running.said, running)
        told = piecework(tmp_path, url, busy_workshop, "--status", indexer_port=port)
        assert (told.returncode, told.stderr) == (0, "")
        assert f"Indexer   runs (process {running.process.pid}): all is well." in told.stdout
        found = json.loads(piecework(tmp_path, url, busy_workshop, "--status", "--json", indexer_port=port).stdout)
        assert (found["running"], found["lag_blocks"]) == (True, 0)
        assert found["indexer"]["cursor"]["number"] == found["cursor"]["number"] == busy_workshop.head()
        assert found["deployments"] == [{"chain_id": 31337, "escrow": busy_workshop.deployment.escrow, "block": busy_workshop.head()}]
        assert running.stop() == 0


def test_index_without_options_is_the_indexer(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    path, log = tmp_path / "deployment.json", tmp_path / "log"
    workshop.deployment.save(path)
    given = {"DATABASE_URL": database_url, "RPC_URL": workshop.rpc.url, "DEPLOYMENT": str(path)}
    environment = os.environ | {f"PIECEWORK_{name}": value for name, value in given.items()}
    command = [sys.executable, "-m", "piecework.cli", "index", "--data", str(tmp_path / "none")]
    with log.open("wb") as file, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file) as running:
        try:
            eventually(lambda: is_level(database_url, workshop))
            running.terminate()
            assert running.wait(5) == 0
        finally:
            running.kill()
    assert "stopped" in log.read_text()


def test_settings_that_are_missing_are_said_in_a_sentence(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PIECEWORK_")}
    command = [sys.executable, "-m", "piecework.cli", "index", "--status", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "PIECEWORK_DATABASE_URL: Field required" in done.stderr and "Traceback" not in done.stderr
