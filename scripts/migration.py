"""Writes the revision that takes a database from the newest one to the models: python -m scripts.migration NAME

NAME says in a few words what changes. Each line whose models differ from what its revisions make gets a revision, to be read and
mended by hand: a renamed column looks like one that went and one that came, and only people know what old rows shall hold.
"""

import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ExecuteSQLOp
from sqlalchemy import MetaData, Table
from sqlmodel.sql.sqltypes import AutoString

from backend.store.tables import OWN_TABLES
from indexer import tables
from piecework.migrations.lines import COORDINATOR, MIRROR, Line
from piecework.migrations.revise import configure
from piecework.migrations.schema import views
from piecework.migrations.upgrade import upgrade
from piecework.sql import Instant, Uint256, open_engine

PLAIN = {Uint256: "UINT256", Instant: "INSTANT"}
"""Types of ours by their names in `script.py.mako`, which says what they mean in words that stay what they are."""

VIEWS = {MIRROR.name: tables.VIEWS, COORDINATOR.name: {}}

MODELS: dict[str, Iterable[Table]] = {
    MIRROR.name: [model.__table__ for model in tables.TABLES],  # type: ignore[attr-defined]
    COORDINATOR.name: OWN_TABLES,
}


def models(line: Line) -> MetaData:
    """The tables that a line is to end at, alone."""
    metadata = MetaData()
    for table in MODELS[line.name]:
        table.to_metadata(metadata)
    return metadata


def write(line: Line, wanted: MetaData, name: str, selects: Mapping[str, str] | None = None) -> Path | None:
    """Writes a line's next revision, to these tables and views; its path, or None where nothing has changed."""
    engine = open_engine("sqlite://")
    if line.revisions:
        upgrade(engine, line)
    number = f"{len(line.revisions) + 1:04d}"
    with engine.begin() as connection:
        process = partial(only_changes, views(connection), selects or {})
        config = configure(line, connection=connection, target_metadata=wanted, render_item=plain, process=process)
        script: Any = command.revision(config, name, autogenerate=True, rev_id=number)
    engine.dispose()
    return _tidied(Path(script.path)) if script else None


def _tidied(path: Path) -> Path:
    """Indents what alembic doesn't, and takes its remarks out."""
    lines = [line for line in path.read_text().splitlines() if "# ###" not in line]
    text = "\n".join(f"    {line}" if line.startswith("    sa.") else line for line in lines)
    text = re.sub(r"op\.execute\('(CREATE VIEW .*)'\)", _wrapped, text)
    path.write_text(re.sub(r"\n{4,}", "\n\n\n", text).rstrip() + "\n")
    return path


def _wrapped(found: re.Match[str]) -> str:
    lines = textwrap.wrap(found[1], 116)
    return "op.execute(\n" + "\n".join(f'        "{line} "' for line in lines[:-1]) + f'\n        "{lines[-1]}"\n    )'


def plain(kind: str, item: Any, context: AutogenContext) -> str | bool:
    """A type of ours in plain words; False leaves it to alembic."""
    if isinstance(item, AutoString):
        return f"sa.String({item.length or ''})"
    return PLAIN.get(type(item), False) if kind == "type" else False


def only_changes(before: Mapping[str, str], selects: Mapping[str, str], _: Any, __: Any, directives: list[Any]) -> None:
    """No file for no change. Views are made anew with every change: SQLite alters no table that a view looks at."""
    upgrade_ops = directives[0].upgrade_ops
    after = {name: created(name, selects[name]) for name in selects}
    if upgrade_ops.is_empty() and after == before:
        return directives.clear()
    upgrade_ops.ops[:0] = [ExecuteSQLOp(f"DROP VIEW {name}") for name in before]
    upgrade_ops.ops += [ExecuteSQLOp(statement) for statement in after.values()]


def created(name: str, statement: str) -> str:
    """The statement that makes a view."""
    return f"CREATE VIEW {name} AS {' '.join(statement.split())}"


def main(arguments: list[str]) -> int:
    name = " ".join(arguments)
    if not name:
        print("Say in a few words what changes: make migration NAME='the bond of a coordinator'", file=sys.stderr)
        return 2
    written = [path for line in (MIRROR, COORDINATOR) if (path := write(line, models(line), name, VIEWS[line.name]))]
    print("\n".join(map(str, written)) or "The revisions make exactly what the models say; there is nothing to write.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
