"""What a request does is done once, however often its caller sends it: its Idempotency-Key is written with what it did."""

from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlmodel import col

from backend.store.tables import IdempotencyKey
from piecework.domain.errors import Conflict

_FIND = select(
    IdempotencyKey.fingerprint, IdempotencyKey.status, IdempotencyKey.answer, IdempotencyKey.media_type
).where(col(IdempotencyKey.account) == bindparam("of"), col(IdempotencyKey.key) == bindparam("named"))
_ANSWERED = (
    update(IdempotencyKey)
    .where(col(IdempotencyKey.account) == bindparam("of"), col(IdempotencyKey.key) == bindparam("named"))
    .values(status=bindparam("status"), answer=bindparam("answer"), media_type=bindparam("media_type"))
)
REPEATED = "A request with this Idempotency-Key is being carried out; repeat it in a moment."


class Claim:
    """One request's key, and whether it stands in the database yet."""

    def __init__(self, account: str, key: str, fingerprint: str, now: datetime) -> None:
        self.account, self.key, self.fingerprint, self._now = account, key, fingerprint, now
        self.claimed = False

    def write(self, connection: Connection) -> None:
        """Claims the key in the transaction of what it protects.

        Raises:
            Conflict: another request has claimed it.
        """
        if found(connection, self.account, self.key) is not None:
            raise Conflict(REPEATED)
        row = {"account": self.account, "key": self.key, "fingerprint": self.fingerprint, "created_at": self._now}
        connection.execute(insert(IdempotencyKey), row)

    def answered(self, connection: Connection, status: int, answer: bytes, media_type: str) -> None:
        """Keeps the answer for who asks again."""
        if not self.claimed:
            if found(connection, self.account, self.key) is not None:
                return  # another request was quicker, and its answer counts
            self.write(connection)
        values = {"of": self.account, "named": self.key, "status": status, "answer": answer, "media_type": media_type}
        connection.execute(_ANSWERED, values)


claim: ContextVar[Claim | None] = ContextVar("claim", default=None)
"""The key of the request that is being carried out, if it brought one."""


def found(connection: Connection, account: str, key: str) -> Row[Any] | None:
    """What is known of a key."""
    return connection.execute(_FIND, {"of": account, "named": key}).one_or_none()


def forget_before(connection: Connection, then: datetime) -> None:
    """Drops keys that are older."""
    connection.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created_at) <= then))
