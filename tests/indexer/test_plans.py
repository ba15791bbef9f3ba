"""On SQLite, which plans without knowing the tables, every look-up goes by an index of its key and never through the rows of a chain."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, Select, text

from backend.store import records
from indexer import store
from indexer.handlers import bonds, ledger, reputation
from indexer.prepare import open_database, prepare_database

LOOK_UPS = {
    f"{module.__name__}.{name}": statement
    for module in (store, bonds, ledger, reputation, records)
    for name, statement in vars(module).items()
    if isinstance(module, ModuleType) and isinstance(statement, Select)
}
WALK = re.compile(r"^SCAN mirror|\((chain_id=\?)?( AND escrow=\?)?\)$")
"""A step of a plan that goes through all rows, or all rows of a chain."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    prepare_database(f"sqlite:///{tmp_path}/mirror.db").dispose()
    opened = open_database(f"sqlite:///{tmp_path}/mirror.db")
    yield opened
    opened.dispose()


def walks(engine: Engine, statement: Select[Any]) -> list[str]:
    """The steps of a statement's plan that go through rows of other keys."""
    query = str(statement.compile(dialect=engine.dialect))
    with engine.begin() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", tuple("x" * query.count("?"))).all()
    return [row[3] for row in plan if WALK.search(row[3])]


def test_every_look_up_goes_by_its_key(engine: Engine) -> None:
    assert len(LOOK_UPS) > 15
    assert {name: found for name, statement in LOOK_UPS.items() if (found := walks(engine, statement))} == {}


def test_what_walks_is_noticed(engine: Engine) -> None:
    """Without the statistics that an upgrade leaves, the newest row of a job is looked for from the chain's end."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM sqlite_stat1"))
        connection.execute(text("ANALYZE sqlite_schema"))
    assert any(walks(engine, statement) for statement in LOOK_UPS.values())
