"""What SQLite should believe of the mirror's tables before there is anything in them.

Without statistics it takes every row of a chain for one of ten, and finds the newest row of a job by reading the table backwards
instead of looking into the index. PostgreSQL counts for itself.
"""

from sqlalchemy import Connection, inspect, text

ROWS = 1_000_000
SHARED = {"chain_id": ROWS, "escrow": ROWS, "token": ROWS // 10, "block_number": 50}
BYTES = "mirror_byte"
"""The one table whose size never changes."""
FEW = 20
"""Rows that share a value of a column: so many of those above, and few of any other."""


def guess(connection: Connection) -> None:
    """Writes statistics as of a large mirror; for SQLite alone."""
    if connection.dialect.name != "sqlite":
        return
    connection.execute(text("ANALYZE sqlite_schema"))  # makes the table of statistics
    connection.execute(text("DELETE FROM sqlite_stat1 WHERE tbl LIKE 'mirror\\_%' ESCAPE '\\'"))
    for table in inspect(connection).get_table_names():
        if table.startswith("mirror_"):
            for _, index, unique, *_ in connection.execute(text(f"PRAGMA index_list({table})")).all():
                columns = [row[2] for row in connection.execute(text(f"PRAGMA index_info({index})"))]
                values = {"table": table, "index": index, "statistics": _of(columns, bool(unique))}
                connection.execute(text("INSERT INTO sqlite_stat1 VALUES (:table, :index, :statistics)"), values)
    connection.execute(text(f"UPDATE sqlite_stat1 SET stat = '256 1' WHERE tbl = '{BYTES}'"))
    connection.execute(text("ANALYZE sqlite_schema"))  # reads them anew


def _of(columns: list[str], unique: bool) -> str:
    """How many rows there are, and how many share the first column, the first two, and so on."""
    shared, found = ROWS, [ROWS]
    for column in columns:
        more = SHARED.get(column, FEW)
        shared = min(shared, more) if shared == ROWS else max(1, min(shared // 2, more))
        found.append(shared)
    return " ".join(map(str, [*found[:-1], 1] if unique else found))
