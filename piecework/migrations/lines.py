"""The lines of revisions: where each lies, and how far it goes."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Line:
    """One room's revisions, numbered from 0001 on, each the child of the one before.

    Attributes:
        name: the room's tables in a word.
        folder: of the revisions' files, `0001_what_it_does.py` and so on.
        remedy: what to do about tables that are no revision's.
    """

    name: str
    folder: Path
    remedy: str = "use another database, or the version that made them"

    @property
    def version_table(self) -> str:
        """The table that says in its one row which revision the database is at."""
        return f"{self.name}_version"

    @property
    def revisions(self) -> list[str]:
        """All revisions, oldest first; from the files' names, because alembic takes a quarter of a second to read the files."""
        return sorted(path.name.partition("_")[0] for path in self.folder.glob("[0-9]*_*.py"))

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.revisions[-1]


MIRROR = Line(
    "mirror",
    HERE / "mirror",
    "use another database, or drop everything whose name begins with mirror_: it is mirrored anew from the chain",
)
"""What the indexer writes."""

COORDINATOR = Line("coordinator", HERE / "coordinator")
"""What the backend writes."""


def version(connection: Connection, line: Line) -> str | None:
    """The revision that a line's tables are at; None where nobody has said yet."""
    if not inspect(connection).has_table(line.version_table):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {line.version_table}")).scalar_one_or_none()
    return found
