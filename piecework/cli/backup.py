"""`piecework backup` and `piecework restore`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from piecework.backup.backup import backup as write
from piecework.backup.restore import restore as put_back
from piecework.domain.errors import Conflict
from piecework.sql import database_url
from piecework.stack.state import DEFAULT_DATA, State, running_stack

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the marketplace; by default PIECEWORK_DATA, else .piecework.", show_default=False),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="By default PIECEWORK_DATABASE_URL, else what was last started from --data, else a SQLite file in it.",
        show_default=False,
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what is in the database.")]


def backup(folder: Path, data: DataOption = None, database: DatabaseOption = None) -> None:
    """Write database and content into a new folder, while everything runs.

    Not in it: keys, a devnet's chain, and content in an object store, which has versions of its own.

    Example: piecework backup backups/2026-11-26
    """
    place = _data(data)
    manifest = write(_database(place, database), place, folder.resolve())
    print(f"{folder} holds {len(manifest.files)} files, tables at revisions {' and '.join(manifest.revisions.values())}.")


def restore(folder: Path, data: DataOption = None, database: DatabaseOption = None, force: ForceOption = False) -> None:
    """Put a backup back; into an empty place, or with --force over what is there. Stop what runs first.

    Example: piecework restore backups/2026-11-26 --data /srv/piecework
    """
    place = _data(data)
    if running_stack(place):
        raise Conflict(f"A marketplace runs from {place}; stop it first with 'piecework down'.")
    manifest = put_back(folder.resolve(), _database(place, database), place, force)
    print(f"What was backed up at {manifest.created_at} is in {place}.")


def _data(data: Path | None) -> Path:
    return (data or Path(os.environ.get("PIECEWORK_DATA", DEFAULT_DATA))).resolve()


def _database(data: Path, database: str | None) -> str:
    named = database or os.environ.get("PIECEWORK_DATABASE_URL")
    state = None if named else State.load(data)
    known = state.settings.database_url if state and state.settings else f"sqlite:///{data / 'database.sqlite'}"
    return database_url(named) if named else known
