"""Locks pin everything by hash and name no place to get it from, so that every registry serves them."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from piecework.chain.build import ROOT

PYTHON_LOCKS = sorted(ROOT.glob("requirements*.lock"))
ADDRESS = re.compile(r"://|\bindex-url\b|\bfind-links\b|\btrusted-host\b", re.IGNORECASE)


def entries(lock: str) -> list[str]:
    """The requirements of a Python lock, each with its hashes, without comments."""
    text = re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def python_faults(lock: str) -> list[str]:
    """Requirements without hash or exact version, and addresses."""
    loose = [entry for entry in entries(lock) if "--hash=sha256:" not in entry or not re.match(r"[a-z0-9._\[\],-]+==\S+", entry)]
    return loose + ADDRESS.findall(lock)


def npm_faults(lock: str) -> list[str]:
    """Packages without a hash, and addresses of where they came from."""
    packages = {name: package for name, package in json.loads(lock)["packages"].items() if name and not package.get("inBundle")}
    loose = [name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")]
    return loose + [name for name, package in packages.items() if "resolved" in package]


@pytest.mark.parametrize("path", PYTHON_LOCKS, ids=lambda path: path.name)
def test_a_python_lock_holds_hashes_and_no_address(path: Path) -> None:
    assert len(entries(path.read_text())) > 10
    assert python_faults(path.read_text()) == []


def test_the_npm_lock_holds_hashes_and_no_address() -> None:
    assert npm_faults((ROOT / "package-lock.json").read_text()) == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text()


def test_the_lock_has_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["test"] + project["dependency-groups"]["install"]
    locked = {re.split(r"[=\[]", entry)[0] for entry in entries((ROOT / "requirements.lock").read_text())}
    names = {re.split(r"[<>=~\[ ]", requirement)[0].lower() for requirement in wanted}
    assert names - locked == set()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("--index-url https://pypi.example/simple\n", ""),
        ("typer @ https://files.example/typer.whl --hash=sha256:00\n", ""),
        ("typer==1.0\n", "typer==1.0 \\\n    --hash=sha256:00\n    # via piecework\n"),
        ("typer>=1.0 --hash=sha256:00\n", "typer==1.0 ; python_version < '4' \\\n    --hash=sha256:00\n"),
    ],
)
def test_a_fault_in_a_python_lock_is_noticed(wrong: str, right: str) -> None:
    assert python_faults(wrong) != []
    assert python_faults(right) == []


@pytest.mark.parametrize("wrong", [{}, {"integrity": "sha1-00"}, {"integrity": "sha512-00", "resolved": "https://registry.example/x.tgz"}])
def test_a_fault_in_the_npm_lock_is_noticed(wrong: dict[str, str]) -> None:
    assert npm_faults(json.dumps({"packages": {"": {}, "node_modules/x": wrong}})) == ["node_modules/x"]
    assert npm_faults(json.dumps({"packages": {"": {}, "node_modules/x": {"integrity": "sha512-00"}}})) == []
