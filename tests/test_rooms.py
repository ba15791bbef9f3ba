"""Imports run one way: each room may open only the doors named here."""

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from piecework.chain.build import ROOT

PACKAGES = ("piecework", "indexer", "backend", "scripts")

GROUND = ("piecework.domain",)
MIRROR = ("indexer.tables", "piecework.sql", "piecework.migrations", *GROUND)
SERVICES = ("backend.services", "backend.store", "backend.settings", "piecework.quality", "piecework.chain", "piecework.operation", *MIRROR)

DOORS: dict[str, tuple[str, ...]] = {
    "piecework.domain": (),
    "piecework.sql": GROUND,
    "piecework.operation": GROUND,
    "piecework.migrations": ("piecework.sql", *GROUND),
    "piecework.chain": GROUND,
    "piecework.backup": ("piecework.sql", "piecework.migrations", *GROUND),
    "piecework.quality": GROUND,
    "piecework.client": ("piecework.chain", *GROUND),
    "indexer.tables": ("piecework.sql", *GROUND),
    "indexer": ("piecework.chain", "piecework.operation", *MIRROR),
    "backend.settings": GROUND,
    "backend.store": ("piecework.operation", *MIRROR),
    "backend.services": SERVICES,
    "backend.api": SERVICES,
    "backend.web": ("backend.api", *SERVICES),
    "backend.mturk": ("backend.api", *SERVICES),
    "backend": ("backend.web", "backend.mturk", "backend.api", *SERVICES),  # app and __main__, where the coordinator is put together
    "piecework.replay": ("piecework.quality", "piecework.client", "piecework.chain", *MIRROR, "backend.store"),
    "piecework.stack": ("piecework.client", "piecework.chain", *MIRROR, "indexer"),  # indexer.prepare: the tables are made before anything runs
    "piecework.shim": GROUND,
    "piecework.batch": GROUND,
    "piecework.importing": ("piecework.batch", "piecework.client", *GROUND),
    "piecework.crowd": ("piecework.client", *GROUND),
    "piecework.cli": (
        "piecework.backup", "piecework.quality", "piecework.shim", "piecework.crowd", "piecework.batch", "piecework.importing", "piecework.stack", "piecework.replay", "piecework.client",
        "piecework.chain", *MIRROR, "indexer",
    ),
    "piecework": (),
}
"""Each room, and the rooms that it may import from, itself aside. A module is in the room with the longest name that fits."""
DOORS["scripts"] = tuple(DOORS)

SURROUNDINGS = {"os", "time", "random", "secrets", "socket", "subprocess", "urllib3", "aiohttp", "sqlalchemy", "sqlmodel", "pathlib"}
"""What the pure domain may not know of: the clock, chance, the network, the disk and the database."""


def room(module: str) -> str:
    """The room that a module is in."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next(name for name in names if name in DOORS)


Statements = tuple[ast.Import | ast.ImportFrom, ...]


def modules(root: Path) -> dict[str, Statements]:
    """What every module of ours imports anywhere in it, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = _statements(path.read_text())
    return found


@cache
def _statements(source: str) -> Statements:
    return tuple(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom))


def imports(name: str, known: dict[str, Statements]) -> Iterator[str]:
    """What a module imports, ours by the module's full name."""
    for node in known[name]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            assert node.level == 0 and node.module, f"{name} has a relative import in line {node.lineno}"
            yield from (full if (full := f"{node.module}.{alias.name}") in known else node.module for alias in node.names)


def trespasses(root: Path) -> list[str]:
    """Imports through a wall, as sentences."""
    known = modules(root)
    return [
        f"{name} imports {target}"
        for name in known
        for target in imports(name, known)
        if target.partition(".")[0] in PACKAGES and room(target) not in (room(name), *DOORS[room(name)])
    ]


def knots(root: Path) -> list[list[str]]:
    """Modules that import one another in a circle."""
    known = modules(root)
    edges = {name: {target for target in imports(name, known) if target in known} for name in known}
    done: set[str] = set()
    circles: list[list[str]] = []

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            circles.append(way[way.index(name) :] + [name])
        elif name not in done:
            for target in sorted(edges[name]):
                visit(target, [*way, name])
            done.add(name)

    for name in sorted(edges):
        visit(name, [])
    return circles


def test_imports_run_one_way() -> None:
    assert trespasses(ROOT) == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert knots(ROOT) == []


@pytest.mark.parametrize("pure", ["piecework.domain", "piecework.quality"])
def test_a_pure_room_knows_nothing_of_its_surroundings(pure: str) -> None:
    known = modules(ROOT)
    domain = [name for name in known if room(name) == pure]
    seen = [(name, target) for name in domain for target in imports(name, known)]
    assert domain
    assert [pair for pair in seen if pair[1].partition(".")[0] in SURROUNDINGS] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("piecework/domain/units.py", "from piecework.chain.rpc import Rpc"),
        ("piecework/sql.py", "import piecework.chain.rpc"),
        ("piecework/migrations/revise.py", "from indexer import tables"),
        ("piecework/client/market.py", "from backend.settings import Settings"),
        ("indexer/follow.py", "from backend.store import database"),
        ("indexer/tables/bonds.py", "from indexer.decode import *"),
        ("backend/store/tables/__init__.py", "import backend.services"),
        ("backend/services/settler.py", "def later():\n    from backend.api import problems"),
        ("backend/services/settler.py", "from indexer.follow import Follower"),
        ("backend/api/views.py", "from backend.web import grid"),
        ("piecework/stack/process.py", "from piecework.cli import app"),
    ],
)
def test_a_wrong_import_is_noticed(tmp_path: Path, file: str, line: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / file
    path.write_text(f"{path.read_text()}\n{line}\n")
    assert len(trespasses(tmp_path)) == 1


def test_a_circle_is_noticed(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "indexer" / "one.py").write_text("from indexer import two\n")
    (tmp_path / "indexer" / "two.py").write_text("def late():\n    import indexer.one\n")
    assert knots(tmp_path) == [["indexer.one", "indexer.two", "indexer.one"]]
