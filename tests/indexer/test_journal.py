"""What the indexer logs, for people and for machines."""

import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from piecework.chain.build import ROOT
from piecework.operation.journal import JsonLine
from tests.indexer.bench import eventually, is_level, process
from tests.indexer.workshop import Workshop


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def test_every_line_is_an_object_with_time_level_event_and_values(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, workshop.rpc.url, log_format="json") as running:
        eventually(lambda: is_level(database_url, workshop), running)
        eventually(lambda: '"level"' in running.said, running)
        assert running.stop() == 0
        said = lines(running.said)
    assert all({"time", "level", "event", "message"} <= line.keys() for line in said)
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in said)
    by_event = {line["event"]: line for line in said}
    assert {"mirroring", "level", "stopped"} <= by_event.keys()
    begun = by_event["mirroring"]
    assert (begun["chain_id"], begun["escrow"]) == (31337, workshop.deployment.escrow)
    assert begun["block"] == workshop.deployment.start_block
    assert by_event["level"]["block"] == workshop.head()


def test_settings_that_are_wrong_are_said_in_the_same_format(workshop: Workshop, tmp_path: Path) -> None:
    settings = {"log_format": "json", "finality_blocks": "many"}
    with process(tmp_path, "", workshop.deployment, workshop.rpc.url, **settings) as running:
        assert running.ended() == 1
        (line,) = lines(running.said)
    assert (line["level"], line["event"]) == ("error", "ended")
    assert "PIECEWORK_FINALITY_BLOCKS" in line["message"]


def test_an_error_that_nobody_expected_is_one_line_too() -> None:
    code = "from indexer import journal; journal.start('json'); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = lines(done.stderr)
    assert (line["level"], line["event"]) == ("critical", "fell")
    assert "ZeroDivisionError" in line["traceback"]


def test_a_value_that_json_does_not_know_is_said_in_words() -> None:
    record = logging.makeLogRecord({"msg": "at %s", "args": ("x",), "levelname": "INFO", "path": Path("/somewhere"), "event": "e"})
    said = json.loads(JsonLine().format(record))
    assert (said["message"], said["path"], said["event"]) == ("at x", "/somewhere", "e")


def test_whom_a_stop_meets_in_the_middle_has_nothing_to_say() -> None:
    """SQLAlchemy's pool logs whatever a connection's closing raises, even what isn't its business; other errors it still does."""
    code = """
import logging, os, signal, sqlite3, threading
from sqlalchemy import create_engine
from indexer import journal, stop

class MetWhileClosing(sqlite3.Connection):
    def close(self):
        signal.raise_signal(signal.SIGTERM)

class Failing(sqlite3.Connection):
    def close(self):
        raise sqlite3.OperationalError("disk I/O error")

def close(factory):
    engine = create_engine("sqlite://", connect_args={"factory": factory})
    engine.connect().close()
    engine.dispose()

journal.start("json")
stop.listen(threading.Event())
close(Failing)
try:
    close(MetWhileClosing)
except stop.Stopped:
    try:
        raise OSError("cut off")
    except OSError:
        logging.getLogger("library").exception("cut off in the middle")
    logging.info("ended")
stop.leave(0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    failed, ended = lines(done.stderr)
    assert "disk I/O error" in failed["traceback"]
    assert ended["message"] == "ended"
