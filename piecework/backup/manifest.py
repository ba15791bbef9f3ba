"""What a backup says of itself; written last, so that a backup without one is none."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from piecework.domain.errors import Invalid
from piecework.migrations.lines import COORDINATOR, MIRROR, version

FORMAT, VERSION = "piecework-backup", 1
LINES = (MIRROR, COORDINATOR)


@dataclass(frozen=True, slots=True)
class Home:
    """The escrow whose coordinator it is a backup of."""

    chain_id: int
    genesis_hash: str
    escrow: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of manifest.json.

    Attributes:
        dialect: sqlite or postgresql; a backup of one doesn't go into the other.
        revisions: of the tables, by line.
        home: None for a database that nobody has claimed yet.
        files: path within the backup → SHA-256, hex.
    """

    created_at: str
    dialect: str
    revisions: dict[str, str]
    home: Home | None
    files: dict[str, str]

    def save(self, folder: Path) -> None:
        """Writes it."""
        document = {"format": FORMAT, "version": VERSION, **asdict(self)}
        (folder / "manifest.json").write_text(json.dumps(document, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Reads it, and looks whether the backup is whole and this version's to restore.

        Raises:
            Invalid: it isn't; nothing was changed.
        """
        try:
            document = json.loads((folder / "manifest.json").read_text())
            if document.pop("format") != FORMAT or document.pop("version") != VERSION:
                raise Invalid(f"{folder} is a backup of another version of Piecework; use that one.")
            home = document.pop("home")
            found = cls(home=None if home is None else Home(**home), **document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Invalid(f"{folder} has no manifest.json that can be read: it is no backup, or one that was never finished.") from None
        found._require_known()
        found._require_whole(folder)
        return found

    def _require_known(self) -> None:
        for line in LINES:
            if self.revisions.get(line.name) not in line.revisions:
                raise Invalid(
                    f"The backup's {line.name} tables are at revision {self.revisions.get(line.name)}, and this Piecework knows none "
                    f"after {line.head}: use the version that made the backup, or a newer one."
                )

    def _require_whole(self, folder: Path) -> None:
        for name, digest in self.files.items():
            path = folder / name
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise Invalid(f"The backup names a file outside of itself: {name}.")
            if not path.is_file() or digest_of(path) != digest:
                raise Invalid(f"The backup's file {name} is missing or not what it was; use another backup.")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def revisions_of(connection: Connection) -> dict[str, str]:
    """The revisions that a database is at.

    Raises:
        Invalid: not this version's newest.
    """
    found = {line.name: version(connection, line) for line in LINES}
    if any(found[line.name] != line.head for line in LINES):
        raise Invalid("The database's tables aren't this version's; start this version once, or back up with the one that runs.")
    return {name: str(revision) for name, revision in found.items()}


def home_of(connection: Connection) -> Home | None:
    """Whose database it is."""
    row = connection.execute(text("SELECT chain_id, genesis_hash, escrow FROM coordinator_home")).first()
    return None if row is None else Home(row.chain_id, row.genesis_hash, row.escrow)
