"""What tables are made of, as a database itself says it; to tell one version's from another's."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.engine import Inspector

Schema = dict[str, Mapping[str, str]]
"""Table → column, key or index → all about it in words."""

VIEW: Mapping[str, str] = {"kind": "view"}
"""All that is said of a view here; the databases tell its text in words of their own (`views`)."""


def schema(connection: Connection, tables: Iterable[str], within: str | None = None) -> Schema:
    """These tables of a database's default schema, or of the one named `within`."""
    inspector = inspect(connection)
    return {name: _columns(inspector, name, within) | _keys(inspector, name, within) for name in tables}


def views(connection: Connection) -> dict[str, str]:
    """The text of each view of the default schema."""
    inspector = inspect(connection)
    return {name: " ".join(inspector.get_view_definition(name).split()) for name in inspector.get_view_names()}


def difference(wanted: Schema, found: Schema) -> str:
    """The first thing in which two schemas differ, in words; empty where there is none."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            return f"it lacks {name}"
        own, other = wanted.get(name, {}), found[name]
        for part in sorted(own.keys() | other.keys()):
            if own.get(part) != other.get(part):
                return f"in {name} {part} is {other.get(part, 'missing')}, not {own.get(part, 'there')}"
    return ""


def _columns(inspector: Inspector, table: str, within: str | None) -> dict[str, str]:
    return {f"column {column['name']}": _column(column) for column in inspector.get_columns(table, within)}


def _column(column: Any) -> str:
    """A default is only said to be there: the words of a sequence's name its schema."""
    null = "NULL" if column["nullable"] else "NOT NULL"
    return f"{column['type']!r} {null}{'' if column['default'] is None else ' with a default'}"


def _keys(inspector: Inspector, table: str, within: str | None) -> dict[str, str]:
    primary = inspector.get_pk_constraint(table, within)["constrained_columns"]
    unique = [constraint["column_names"] for constraint in inspector.get_unique_constraints(table, within)]
    indexes = {f"index {index['name']}": _index(index) for index in inspector.get_indexes(table, within)}
    return {"primary key": str(primary), "unique": str(sorted(unique))} | indexes


def _index(index: Any) -> str:
    condition = [str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")]
    return f"{'unique ' if index['unique'] else ''}{index['column_names']} {' '.join(condition)}".strip()
