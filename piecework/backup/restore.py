"""Puts a backup back, where nothing is or where --force says so."""

import json
import os
import shutil
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from piecework.backup.backup import CONTENT, DATABASE, DEPLOYMENT, TABLES
from piecework.backup.manifest import LINES, Manifest
from piecework.domain.errors import Conflict, Invalid
from piecework.sql import open_engine


def restore(source: Path, database_url: str, data: Path, force: bool = False) -> Manifest:
    """Restores database and content; everything is looked at before anything is changed.

    Args:
        force: replaces a database that isn't empty.

    Raises:
        Invalid: the backup is damaged, newer, of another deployment than `data` holds, or of another kind of database.
        Conflict: there is something in the way, and `force` isn't set.
    """
    manifest = Manifest.load(source)
    engine = open_engine(database_url)
    try:
        if engine.dialect.name != manifest.dialect:
            raise Invalid(f"The backup is of {manifest.dialect}, and the database is {engine.dialect.name}; name one of that kind.")
        _require_home(manifest, data)
        if not force:
            _require_empty(engine)
        data.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / CONTENT, data / CONTENT, dirs_exist_ok=True)
        if (source / DEPLOYMENT).exists():
            shutil.copy2(source / DEPLOYMENT, data / DEPLOYMENT)
        _restore_sqlite(engine, source) if manifest.dialect == "sqlite" else _restore_postgresql(engine, source, manifest)
    finally:
        engine.dispose()
    return manifest


def _require_home(manifest: Manifest, data: Path) -> None:
    path, home = data / DEPLOYMENT, manifest.home
    if home is None or not path.exists():
        return
    there = json.loads(path.read_text())
    if any(there.get(name) != getattr(home, name) for name in ("chain_id", "genesis_hash", "escrow")):
        raise Invalid(
            f"The backup is of the escrow {home.escrow} on chain {home.chain_id}, and {data} is another deployment's; use another folder."
        )


def _require_empty(engine: Engine) -> None:
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file is not None:
        full = Path(file).exists() and Path(file).stat().st_size > 0
    else:
        full = bool(inspect(engine).get_table_names())
    if full:
        raise Conflict("The database isn't empty; name another one, or say --force to replace everything in it.")


def _restore_sqlite(engine: Engine, source: Path) -> None:
    """In one rename; what the old file's journal holds would be put into the new one, so it goes first."""
    path = Path(engine.url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.restored")
    shutil.copyfile(source / DATABASE, draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    draft.replace(path)


def _restore_postgresql(engine: Engine, source: Path, manifest: Manifest) -> None:
    """All in one transaction: the tables as their revisions make them, then the rows."""
    from piecework.migrations.revise import advance  # takes a quarter of a second to import

    with engine.begin() as connection:
        _drop(connection)
        for line in LINES:
            advance(connection, line, manifest.revisions[line.name])
        for path in sorted((source / TABLES).glob("*.copy")):
            _fill(connection, path)
        _set_sequences(connection)


def _drop(connection: Connection) -> None:
    inspector = inspect(connection)
    for kind, names in (("VIEW", inspector.get_view_names()), ("TABLE", inspector.get_table_names())):
        for name in names:
            connection.execute(text(f'DROP {kind} IF EXISTS "{name}" CASCADE'))


def _fill(connection: Connection, path: Path) -> None:
    table = path.stem
    if not inspect(connection).has_table(table):
        raise Invalid(f"The backup has a table {table} that is none of Piecework's; back up a database of its own.")
    connection.execute(text(f'DELETE FROM "{table}"'))
    with path.open("rb") as file:
        columns = file.readline().decode().strip()
        cursor = connection.connection.cursor()
        with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as rows:  # type: ignore[attr-defined]
            while part := file.read(1 << 20):
                rows.write(part)


def _set_sequences(connection: Connection) -> None:
    """Numbers go on after the highest that was given."""
    inspector = inspect(connection)
    for table in inspector.get_table_names():
        for column in inspector.get_columns(table):
            if "nextval" in str(column.get("default") or ""):
                name = column["name"]
                statement = f"""SELECT setval(pg_get_serial_sequence('"{table}"', '{name}'), COALESCE(MAX("{name}"), 0) + 1, false) FROM "{table}" """
                connection.execute(text(statement))
