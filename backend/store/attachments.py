"""Files that workers attach to answers, in SQL; their bytes lie in the content store, those of equal files once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, select, text, update
from sqlmodel import col

from backend.store.tables import Assignment, Attachment, Blob

_BLOB = select(Blob).where(col(Blob.sha256) == bindparam("hash"))
_TOUCH = update(Blob).where(col(Blob.sha256) == bindparam("b_hash")).values(created_at=bindparam("b_now"))
_OF = (
    select(Attachment, Blob.size, Blob.content)
    .join(Blob, col(Blob.sha256) == col(Attachment.sha256))
    .where(col(Attachment.assignment) == bindparam("of"))
    .order_by(col(Attachment.created_at), col(Attachment.sha256))
)
_NAME = update(Attachment).where(
    col(Attachment.assignment) == bindparam("b_of"), col(Attachment.sha256).in_(bindparam("hashes", expanding=True))
).values(named=True)
_LOOSE = (
    select(Attachment.assignment, Attachment.sha256)
    .join(Assignment, col(Assignment.id) == col(Attachment.assignment))
    .where(text("NOT named"), col(Attachment.created_at) < bindparam("before"))  # the words of its partial index
    .where(col(Assignment.state).not_in(("reserved", "committed")))
    .limit(500)
)
_REMOVE = delete(Attachment).where(col(Attachment.assignment) == bindparam("b_of"), col(Attachment.sha256) == bindparam("b_hash"))
_UNUSED = (
    select(Blob.sha256, Blob.content)
    .where(col(Blob.created_at) < bindparam("before"), ~exists().where(col(Attachment.sha256) == col(Blob.sha256)))
    .limit(500)
)


def place(connection: Connection, sha256: str, fresh: str, size: int, now: datetime) -> str:
    """Where a file's bytes lie or shall lie: `fresh` if it is new here. Either way it isn't taken for unused for a day."""
    row = connection.execute(_BLOB, {"hash": sha256}).one_or_none()
    if row is not None:
        connection.execute(_TOUCH, {"b_hash": sha256, "b_now": now})
        return str(row.content)
    connection.execute(insert(Blob), {"sha256": sha256, "content": fresh, "size": size, "created_at": now})
    return fresh


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Writes an attachment, unless the assignment has it already."""
    key = {"b_of": row["assignment"], "b_hash": row["sha256"]}
    statement = update(Attachment).where(col(Attachment.assignment) == bindparam("b_of"), col(Attachment.sha256) == bindparam("b_hash"))
    if not connection.execute(statement.values(media_type=row["media_type"]), key).rowcount:
        connection.execute(insert(Attachment), row | {"named": False})


def of(connection: Connection, assignment: str) -> Sequence[Row[Any]]:
    """An assignment's files, by age, with their sizes (bytes) and places."""
    return connection.execute(_OF, {"of": assignment}).all()


def name(connection: Connection, assignment: str, hashes: Sequence[str]) -> int:
    """Keeps files for good, because the answer names them; how many of them there are."""
    return connection.execute(_NAME, {"b_of": assignment, "hashes": list(hashes)}).rowcount


def forget(connection: Connection, before: datetime) -> list[str]:
    """Forgets files older than `before` that no answer names or will name, and those that nothing refers to any more; the places of the
    latter, to be cleared afterwards. A file that comes again gets another place, so nothing is cleared under its feet."""
    loose: Any = connection.execute(_LOOSE, {"before": before}).all()
    if loose:
        connection.execute(_REMOVE, [{"b_of": row.assignment, "b_hash": row.sha256} for row in loose])
    unused: Any = connection.execute(_UNUSED, {"before": before}).all()
    if unused:
        connection.execute(delete(Blob).where(col(Blob.sha256).in_([row.sha256 for row in unused])))
    return [row.content for row in unused]
