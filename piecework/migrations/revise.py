"""Alembic at work on one connection: runs revisions, and finds out what tables without a version are."""

import logging
from argparse import Namespace
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from piecework.domain.errors import Invalid
from piecework.migrations.lines import HERE, Line, version
from piecework.migrations.schema import VIEW, Schema, difference, schema
from piecework.migrations.statistics import guess

logging.getLogger("alembic").setLevel(logging.WARNING)  # it reports its every step, to people who only start an indexer


def advance(connection: Connection, line: Line, target: str) -> None:
    """Runs the revisions from where the tables are up to `target`, inside the connection's transaction.

    Raises:
        Invalid: there are tables without a version, and they aren't revision 0001's.
    """
    config = configure(line, connection=connection)
    if version(connection, line) is None and _adopts(connection, line):
        command.stamp(config, line.revisions[0])
    command.upgrade(config, target)
    guess(connection)


def configure(line: Line, **attributes: Any) -> Config:
    """Alembic's settings for a line; `attributes` are for `env.py`."""
    config = Config(cmd_opts=Namespace(quiet=True), attributes={"version_table": line.version_table} | attributes)
    for name, value in {
        "script_location": str(HERE),
        "version_locations": str(line.folder),
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _adopts(connection: Connection, line: Line) -> bool:
    """Whether there are tables already, made before there were revisions.

    Raises:
        Invalid: there are, but others than the first revision makes.
    """
    inspector = inspect(connection)
    tables = inspector.get_table_names()
    if not tables:
        return False
    wanted = first_schema(connection, line)
    there = set(tables) & wanted.keys()
    if not there:
        return False
    views = set(inspector.get_view_names()) & wanted.keys()
    wrong = difference(wanted, schema(connection, sorted(there)) | dict.fromkeys(views, VIEW))
    if wrong:
        raise Invalid(
            f"The database's {line.name} tables were made by another version of Piecework ({wrong}); {line.remedy}."
        )
    return True


def first_schema(connection: Connection, line: Line) -> Schema:
    """What revision 0001 makes on this kind of database. It is made for a look, where nobody sees it."""
    if connection.dialect.name == "sqlite":
        engine = create_engine("sqlite://")
        with engine.begin() as scratch:
            _run_first(scratch, line)
            inspector = inspect(scratch)
            made = schema(scratch, inspector.get_table_names()) | dict.fromkeys(inspector.get_view_names(), VIEW)
        engine.dispose()
        return made
    with connection.begin_nested() as savepoint:
        connection.execute(text("SET LOCAL search_path = pg_temp"))
        _run_first(connection, line)
        hidden = connection.execute(text("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")).scalar_one()
        made = schema(connection, inspect(connection).get_temp_table_names(), hidden)
        views = connection.execute(text("SELECT viewname FROM pg_views WHERE schemaname = :hidden"), {"hidden": hidden})
        made |= dict.fromkeys(views.scalars(), VIEW)
        savepoint.rollback()
    return made


def _run_first(connection: Connection, line: Line) -> None:
    script = ScriptDirectory.from_config(configure(line)).get_revision(line.revisions[0])
    with Operations.context(MigrationContext.configure(connection)):
        script.module.upgrade()
