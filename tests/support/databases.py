"""Empty databases of both kinds; `from tests.support.databases import database_url` in a conftest makes the fixture known."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from piecework.migrations.lines import COORDINATOR, MIRROR, Line
from piecework.migrations.upgrade import upgrade
from piecework.sql import open_engine
from tests.support import postgres

_TABLES = "SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace LIMIT 1"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of an empty database; a test that takes it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/piecework.db"
    return postgres.server().database()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same for the tests of a module that share a marketplace."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database')}/piecework.db"
    return postgres.server().database()


def prepare(url: str, *lines: Line) -> None:
    """Gives an empty database this version's tables (of these lines; of both where none is named) by copying one that has them, as a
    service would make them at its start.

    Twenty revisions one after the other are half of what the start of a service costs; `tests/migrations` runs them.
    """
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        if target.database and not os.path.exists(target.database):
            shutil.copyfile(_sqlite_template(lines), target.database)
    elif target.query.get("host") == str(postgres.server().folder) and not postgres.server().execute(_TABLES, target.database):
        postgres.server().copy(_postgres_template(lines), target.database)


@cache
def _sqlite_template(lines: tuple[Line, ...]) -> Path:
    path = Path(tempfile.mkdtemp(prefix="piecework-template-")) / "piecework.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    _upgrade(f"sqlite:///{path}", lines)
    return path


@cache
def _postgres_template(lines: tuple[Line, ...]) -> str:
    url = postgres.server().database()
    _upgrade(url, lines)
    return str(make_url(url).database)


def _upgrade(url: str, lines: tuple[Line, ...]) -> None:
    engine = open_engine(url)
    upgrade(engine, *(lines or (MIRROR, COORDINATOR)))
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # all of it into the one file that is copied
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
