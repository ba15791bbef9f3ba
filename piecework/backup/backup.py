"""Backs up a coordinator while it runs.

The database is copied first, as of one moment, and content after it: content is written before the row that names it and never
changed, so whatever the copied rows name is there to be copied.
"""

import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from piecework.backup.manifest import Home, Manifest, digest_of, home_of, revisions_of
from piecework.domain.errors import Invalid
from piecework.sql import open_engine, reading

DATABASE, TABLES, CONTENT, DEPLOYMENT = "database.sqlite", "tables", "content", "deployment.json"


def backup(database_url: str, data: Path, target: Path) -> Manifest:
    """Writes a backup of a database and of what lies in `data` into the folder `target`, which must be new or empty.

    Raises:
        Invalid: it isn't empty, or there is no database to back up.
    """
    if target.exists() and any(target.iterdir()):
        raise Invalid(f"{target} isn't empty; name a new folder for each backup.")
    draft = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    engine = _existing(database_url)
    try:
        revisions, home = _copy_sqlite(engine, draft) if engine.dialect.name == "sqlite" else _copy_postgresql(engine, draft)
        dialect = engine.dialect.name
    finally:
        engine.dispose()
    _copy_content(data, draft)
    files = {str(path.relative_to(draft)): digest_of(path) for path in sorted(draft.rglob("*")) if path.is_file()}
    manifest = Manifest(datetime.now(UTC).isoformat(timespec="seconds"), dialect, revisions, home, files)
    manifest.save(draft)
    _sync(draft)
    if target.exists():
        target.rmdir()
    draft.rename(target)
    return manifest


def _existing(database_url: str) -> Engine:
    engine = open_engine(database_url)
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and not Path(file).exists():
        raise Invalid(f"There is no database {file}.")
    return engine


Facts = tuple[dict[str, str], Home | None]
"""Revisions of the tables, and whose they are."""


def _facts(connection: Connection) -> Facts:
    return revisions_of(connection), home_of(connection)


def _copy_sqlite(engine: Engine, draft: Path) -> Facts:
    """By SQLite's own backup, in one step: one state, whoever writes meanwhile."""
    copied = draft / DATABASE
    source, copy = sqlite3.connect(engine.url.database or ""), sqlite3.connect(copied)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        source.close()
        copy.close()
    engine = open_engine(f"sqlite:///{copied}")
    try:
        with reading(engine).begin() as connection:
            facts = _facts(connection)
    finally:
        engine.dispose()
    sqlite3.connect(copied).execute("PRAGMA journal_mode=DELETE").connection.close()
    return facts


def _copy_postgresql(engine: Engine, draft: Path) -> Facts:
    """By COPY, all tables in one snapshot. Not by pg_dump: that must be as new as the server, and here the tables' own revisions make
    the schema anew."""
    folder = draft / TABLES
    folder.mkdir()
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        facts = _facts(connection)
        inspector = inspect(connection)
        for table in inspector.get_table_names():
            columns = ", ".join(f'"{column["name"]}"' for column in inspector.get_columns(table))
            with (folder / f"{table}.copy").open("wb") as file:
                file.write(columns.encode() + b"\n")
                cursor = connection.connection.cursor()
                with cursor.copy(f'COPY "{table}" ({columns}) TO STDOUT') as rows:  # type: ignore[attr-defined]
                    for part in rows:
                        file.write(part)
    return facts


def _copy_content(data: Path, draft: Path) -> None:
    """Without drafts that are being written."""
    (draft / CONTENT).mkdir()
    if (data / CONTENT).exists():
        shutil.copytree(data / CONTENT, draft / CONTENT, ignore=shutil.ignore_patterns("*.tmp"), dirs_exist_ok=True)
    if (data / DEPLOYMENT).exists():
        shutil.copy2(data / DEPLOYMENT, draft / DEPLOYMENT)


def _sync(folder: Path) -> None:
    """Makes all of it durable."""
    for path in [folder, *folder.rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
