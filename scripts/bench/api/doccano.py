"""doccano on the same machine: its own server and database as `doccano webserver` runs them, and annotators that label and confirm.

pip installs it once, outside of the repository. What stands in its database before the first annotator comes (users, a project, its
examples) is put there by its own models.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from piecework.domain.errors import Unavailable
from scripts.bench.indexer.process import cpu_seconds
from tests.support.devnet import free_port

PACKAGES = ("doccano==1.8.4", "marshmallow<4", "setuptools<80", "numpy<2")
"""doccano, and what of its dependencies has moved away from it since."""
ANNOTATORS = 8
"""More only make it slower: its workers are synchronous, two a processor and one."""
FILL = """
import os, sys
import environs, django, config
folder = os.path.dirname(os.path.dirname(config.__file__))
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("create_roles", verbosity=0)
from examples.models import Example
from label_types.models import CategoryType
from projects.models import Member, ProjectType, TextClassificationProject
from rest_framework.authtoken.models import Token
from roles.models import Role
units, annotators = map(int, sys.argv[1:])
owner = User.objects.create_user("owner")
project = TextClassificationProject.objects.create(name="bench", project_type=ProjectType.DOCUMENT_CLASSIFICATION, created_by=owner)
label = CategoryType.objects.create(text="bird", project=project)
Example.objects.bulk_create((Example(text=f"unit {at}", project=project) for at in range(units)), batch_size=1000)
role = Role.objects.get(name="annotator")
print(project.id, label.id)
for at in range(annotators):
    user = User.objects.create_user(f"annotator{at}")
    Member.objects.create(user=user, project=project, role=role)
    print(Token.objects.create(user=user).key)
"""


@dataclass(frozen=True)
class Speed:
    """Complete answers a second, and milliseconds of processor for each."""

    rate: float
    cpu_ms: float


@dataclass(frozen=True)
class Doccano:
    """A server with its data in a folder; its project, its one label, and the annotators' tokens."""

    python: Path
    folder: Path
    project: str
    label: str
    tokens: list[str]

    async def cycles(self, port: int, seconds: float) -> int:
        """How many examples its annotators label and confirm in so long."""
        done, until = 0, time.perf_counter() + seconds
        base = f"http://127.0.0.1:{port}/v1/projects/{self.project}/examples"

        async def work(http: aiohttp.ClientSession) -> None:
            nonlocal done
            while time.perf_counter() < until:
                async with http.get(base, params={"confirmed": "false", "limit": "1"}) as found:
                    found.raise_for_status()
                    example = (await found.json())["results"][0]["id"]
                for path, said in ((f"{base}/{example}/categories", {"label": self.label}), (f"{base}/{example}/states", {})):
                    async with http.post(path, json=said) as written:
                        written.raise_for_status()
                done += 1

        sessions = [aiohttp.ClientSession(headers={"authorization": f"Token {token}"}) for token in self.tokens]
        try:
            await asyncio.gather(*(work(http) for http in sessions))
        finally:
            await asyncio.gather(*(http.close() for http in sessions))
        return done


def installed(folder: Path) -> Path:
    """The Python of an environment that has it, made by pip if nobody did before.

    Raises:
        Unavailable: pip can't.
    """
    home = folder / "doccano"
    python = home / "bin" / "python"
    if (home / "whole").exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    command = [python, "-m", "pip", "--disable-pip-version-check", "-qq", "install", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"pip can't install it: {done.stderr[-300:]}")
    (home / "whole").touch()
    return python


def prepared(python: Path, folder: Path, units: int) -> Doccano:
    """A project of so many examples in a new database.

    Raises:
        Unavailable: it can't be prepared.
    """
    folder.mkdir()
    command = [python, "-c", FILL, str(units), str(ANNOTATORS)]
    done = subprocess.run(command, env=_environment(python, folder), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"It can't be prepared: {done.stderr[-300:]}")
    numbers, *tokens = done.stdout.split("\n")[-ANNOTATORS - 2 : -1]
    project, label = numbers.split()
    return Doccano(python, folder, project, label, tokens)


def measure(doccano: Doccano, warm_seconds: float, seconds: float) -> Speed:
    """Its speed.

    Raises:
        Unavailable: it doesn't serve, or refuses.
    """
    with _serving(doccano) as (pid, port):
        try:
            uvloop.run(doccano.cycles(port, warm_seconds))
            before, began = cpu_seconds(pid), time.perf_counter()
            done = uvloop.run(doccano.cycles(port, seconds))
        except aiohttp.ClientError as error:
            raise Unavailable(f"It refuses: {error}") from None
        took = time.perf_counter() - began
        if not done:
            raise Unavailable(f"Nothing was done in {took:.0f} s.")
        return Speed(done / took, (cpu_seconds(pid) - before) / done * 1000)


@contextmanager
def _serving(doccano: Doccano) -> Iterator[tuple[int, int]]:
    port, environment = free_port(), _environment(doccano.python, doccano.folder)
    program = [doccano.python.with_name("doccano"), "webserver", "--port", str(port)]
    with (doccano.folder / "log").open("wb") as log:
        process = subprocess.Popen(program, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(port, process)
        yield process.pid, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _environment(python: Path, folder: Path) -> dict[str, str]:
    code = next(python.parents[1].glob("lib/python*/site-packages/backend"))
    return os.environ | {
        "PYTHONPATH": str(code),
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "STANDALONE": "True",
        "DOCCANO_HOME": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "MEDIA_ROOT": str(folder / "media"),
    }


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("It didn't begin to serve.") from None
            time.sleep(0.2)
