"""A backup made under load goes into an empty place, and everything that was acknowledged before it is there."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piecework.backup.backup import backup
from piecework.backup.restore import restore
from piecework.cli.app import main
from piecework.domain.errors import Conflict, Invalid
from tests.backend.workshop import Works, call, new_key, quick_job, sign_in
from tests.support import postgres


def empty_like(url: str, folder: Path) -> str:
    return f"sqlite:///{folder}/restored.db" if url.startswith("sqlite") else postgres.server().database()


class Load:
    """A worker that accepts and gives back until it is told to stop; `acknowledged` has what it was answered."""

    def __init__(self, market: Works, job: str) -> None:
        self.market, self.job, self.acknowledged = market, job, list[str]()
        self.token, self._ending = sign_in(market, new_key()), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            taken = call(self.market, "POST", f"/v1/jobs/{self.job}/assignments", {}, self.token)
            assert taken.status == 201, taken
            self.acknowledged.append(taken.body["id"])
            call(self.market, "POST", f"/v1/assignments/{taken.body['id']}/return", {}, self.token)


def test_what_was_acknowledged_before_a_backup_is_restored_and_goes_on(running: Works, tmp_path: Path) -> None:
    _, job = quick_job(running, [("one", 3), ("two", 3)])
    data = tmp_path / "elsewhere"
    with Load(running, job["id"]) as load:
        while len(load.acknowledged) < 20:
            pass
        before = list(load.acknowledged)
        backup(running.database_url, running.data, tmp_path / "copy")
    url = empty_like(running.database_url, tmp_path)
    manifest = restore(tmp_path / "copy", url, data)
    assert manifest.home is not None and manifest.home.escrow == running.chain.deployment.escrow
    for name in ("backend", "indexer"):
        running.stop(name)
    again = Works(running.chain, url, data, running.rpc_url)
    try:
        again.start("backend")
        again.start("indexer")
        there = {row.id for row in again.rows("SELECT id FROM assignment")}
        assert there >= set(before)
        taken = call(again, "POST", f"/v1/jobs/{job['id']}/assignments", {}, sign_in(again, new_key()))
        assert taken.status == 201 and taken.body["content"] in ("one", "two")
        quick_job(again, [("three", 1)])
    finally:
        for name in list(again.processes):
            again.kill(name)


@pytest.fixture
def copy(running: Works, tmp_path: Path) -> Iterator[tuple[Works, Path]]:
    backup(running.database_url, running.data, tmp_path / "copy")
    yield running, tmp_path / "copy"


def test_what_does_not_fit_is_refused_and_changes_nothing(copy: tuple[Works, Path], tmp_path: Path) -> None:
    running, folder = copy
    url, data = empty_like(running.database_url, tmp_path), tmp_path / "elsewhere"
    manifest = json.loads((folder / "manifest.json").read_text())

    def refused(**changed: object) -> str:
        (folder / "manifest.json").write_text(json.dumps(manifest | changed))
        with pytest.raises(Invalid) as said:
            restore(folder, url, data)
        assert not data.exists()
        return said.value.sentence

    assert "knows none after" in refused(revisions=manifest["revisions"] | {"coordinator": "9999"})
    assert "another version" in refused(version=2)
    assert "name one of that kind" in refused(dialect="sqlite" if manifest["dialect"] != "sqlite" else "postgresql")
    assert "outside of itself" in refused(files={"../x": "00"})
    assert "no manifest.json" in refused(files=None, home={"moon": 1})
    name = next(name for name in manifest["files"] if name != "deployment.json")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if whole else b"x")
    assert f"file {name} is missing or not what it was" in refused()
    (folder / name).write_bytes(whole)
    data.mkdir()
    (data / "deployment.json").write_text(json.dumps({"chain_id": 1, "genesis_hash": "0x", "escrow": "0x"}))
    with pytest.raises(Invalid, match="another deployment's"):
        restore(folder, url, data)
    shutil.rmtree(data)
    restore(folder, url, data)
    with pytest.raises(Conflict, match="isn't empty"):
        restore(folder, url, data)
    restore(folder, url, data, force=True)


def test_a_backup_overwrites_nothing(copy: tuple[Works, Path], capsys: pytest.CaptureFixture[str]) -> None:
    running, folder = copy
    with pytest.raises(Invalid, match="isn't empty"):
        backup(running.database_url, running.data, folder)
    with pytest.raises(Invalid, match="no database|can't be"):
        backup(f"sqlite:///{folder}/nowhere.db", running.data, folder.parent / "other")


def test_the_commands_take_folder_and_database(
    running: Works, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, folder = empty_like(running.database_url, tmp_path), str(tmp_path / "typed")
    for command, place, database in (("backup", running.data, running.database_url), ("restore", tmp_path / "new", url)):
        monkeypatch.setattr("sys.argv", ["piecework", command, folder, "--data", str(place), "--database", database])
        assert main() == 0, capsys.readouterr()
    assert (tmp_path / "new" / "deployment.json").exists()
