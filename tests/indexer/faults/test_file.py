"""What a file can do to its writer: be full, or be held by somebody else."""

import resource
import sqlite3
from pathlib import Path
from typing import Any

from piecework.sql import open_engine
from tests.indexer.bench import dump, eventually, is_level, process
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.workshop import Workshop, worker


def dumped(database_url: str) -> dict[str, Any]:
    """All rows, over a connection of its own."""
    engine = open_engine(database_url)
    try:
        return dump(engine)
    finally:
        engine.dispose()


def test_a_full_disk_is_tried_again_and_nothing_is_half_written(workshop: Workshop, tmp_path: Path) -> None:
    """No file of the process may grow; then it may again."""
    path = tmp_path / "mirror.db"
    database_url = f"sqlite:///{path}"
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        before, pid = dumped(database_url), running.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, hard))
        terms = workshop.terms()
        workshop.post(terms, 5_000)
        table = [worker(number).address for number in range(100)]
        workshop.settle(terms, workshop.batch(terms, 0, table, bytes(1 + n % 100 for n in range(5_000))), push_gas=0)
        eventually(lambda: "database doesn't answer" in running.said, running)
        held = dumped(database_url)
        assert held["mirror_worker_payment"] == before["mirror_worker_payment"]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


def test_a_file_that_somebody_else_writes_is_waited_for(workshop: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "mirror.db"
    database_url = f"sqlite:///{path}"
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        workshop.everything()
        (head,) = other.execute("SELECT head_number FROM mirror_deployment").fetchone()
        assert head < workshop.head()
        other.execute("ROLLBACK")
        other.close()
        eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
        assert "Traceback" not in running.said
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)
