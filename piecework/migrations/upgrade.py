"""Brings a database's tables up to this version's."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from piecework.domain.errors import Invalid
from piecework.migrations.deferred import alone, make_all
from piecework.migrations.lines import MIRROR, Line, version
from piecework.sql import reading


def upgrade(engine: Engine, *lines: Line) -> None:
    """Makes the tables of these lines what this version of Piecework expects; a look at their versions if they are that already.

    Safe to call again and from several processes at once: all of it is one transaction under one lock. Tables of the time before
    there were revisions are taken for revision 0001 if they are exactly that.

    Raises:
        Invalid: the tables are a newer version's, or of none that is known.
    """
    with reading(engine).begin() as connection:
        behind = _behind(connection, lines)
    if not behind:
        return
    # Alembic takes a quarter of a second to import, and is needed once in a database's version.
    from piecework.migrations.revise import advance

    with engine.begin() as connection:
        alone(connection)
        if any(line.name == MIRROR.name for line in behind):
            make_all(connection)
        for line in _behind(connection, behind):
            advance(connection, line, line.head)


def _behind(connection: Connection, lines: Sequence[Line]) -> list[Line]:
    """Those that aren't at their newest revision."""
    found = {line: version(connection, line) for line in lines}
    for line, at in found.items():
        if at is not None and at not in line.revisions:
            raise Invalid(
                f"The database's {line.name} tables are at revision {at}, and this Piecework knows none after {line.head}: a newer "
                "one was here. Use that one, or another database."
            )
    return [line for line, at in found.items() if at != line.head]
