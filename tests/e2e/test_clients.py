"""Programs for Mechanical Turk, unchanged, from PyPI, each in an environment of its own, against a running marketplace.

Their environments are kept outside of the tree, in PIECEWORK_CLIENTS or the user's cache, so that they are made once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.e2e.conftest import PIECEWORK, Marketplace

DRIVERS = Path(__file__).with_name("clients")
CLIENTS = {
    "psiturk": (["psiturk==3.3.1"], ["boto3==1.40.0"]),
    "dallinger": (["dallinger==12.4.0"],),
    "mephisto": (
        ["--no-deps", "mephisto==1.1.1"],
        ["boto3==1.40.0", "click<8", "hydra-core<2", "prometheus-client<0.14", "requests<3", "rich<13", "sh<2", "tornado<7", "tqdm", "websockets<11", "xmltodict<0.13"],
    ),
    "otree": (["otree==6.0.15"],),
}
"""Each program, pinned, as pip takes it, step by step. psiTurk's own boto3 of 2019 doesn't import on Python 3.10 and newer; Mephisto would
bring five gigabytes of PyTorch for a check of written tips."""


def cache() -> Path:
    """Where the environments are kept."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PIECEWORK_CLIENTS") or base / "piecework" / "clients")


def environment_of(name: str) -> Path:
    """The Python of a program's environment, which is made where it isn't there yet."""
    mark = hashlib.sha256(repr((sys.version_info[:2], CLIENTS[name])).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{mark}"
    stamp = folder / "installed"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for wanted in (["setuptools<81"], *CLIENTS[name]):
            pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        stamp.touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def sns() -> Iterator[str]:
    """An SNS, for Dallinger talks to one itself."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_program_runs_unchanged(name: str, market: Marketplace, sns: str, tmp_path: Path) -> None:
    python = environment_of(name)
    key = market.said["mturk"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))} | {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(DRIVERS),
        "PIECEWORK": PIECEWORK,
        "PIECEWORK_MARKET": str(market.data),
        "AWS_ENDPOINT_URL_SNS": sns,
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
    }
    command = [PIECEWORK, "run", "--data", str(market.data), "--", str(python), str(DRIVERS / f"{name}_life.py")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0 and f"{name} lives" in done.stdout, done.stdout[-3000:] + done.stderr[-6000:]
