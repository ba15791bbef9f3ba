"""The mirror with a clock beside it."""

import time

from sqlalchemy import Engine, select

from indexer import tables
from indexer.chain import Span
from indexer.mirror import Cursor, Mirror
from indexer.standing import Point, Standing
from piecework.chain.deployment import Deployment
from piecework.sql import reading


class MeteredMirror(Mirror):
    """A mirror that tells `standing` of every transaction.

    Args:
        engine, deployment, window: as a mirror's.
        standing: hears where the mirror stands, now and after every transaction.
    """

    def __init__(self, engine: Engine, deployment: Deployment, window: int, standing: Standing) -> None:
        super().__init__(engine, deployment, window)
        self._standing = standing
        standing.cursor = stored_point(engine, deployment)

    def write(self, span: Span, before: Cursor) -> Cursor:
        began = time.monotonic()
        after = super().write(span, before)
        point = Point(after.head_number, after.head_hash, span.head.timestamp)
        self._standing.wrote(point, len(span.headers), len(span.logs), time.monotonic() - began)
        return after

    def _indexes_left(self, count: int) -> None:
        self._standing.indexing(count)


def stored_point(engine: Engine, deployment: Deployment) -> Point | None:
    """The last block that a database has mirrored of a deployment; None where it knows nothing of it."""
    table = tables.Deployment
    query = select(table.head_number, table.head_hash, table.head_timestamp_at).where(  # type: ignore[call-overload]
        table.chain_id == deployment.chain_id, table.escrow == deployment.escrow
    )
    with reading(engine).begin() as connection:
        row = connection.execute(query).one_or_none()
    return row and Point(row.head_number, row.head_hash, row.head_timestamp_at.timestamp())
