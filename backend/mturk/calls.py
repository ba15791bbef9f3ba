"""One call: who asks what, and how its changes are made once even if it arrives twice."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import col

from backend.mturk.access import Caller
from backend.mturk.errors import invalid
from backend.store.database import Store
from backend.store.tables.mturk import MTurkCall

Answer = dict[str, Any]

_SEEN = select(MTurkCall.body_hash, MTurkCall.answer).where(
    col(MTurkCall.access_key_id) == bindparam("key"), col(MTurkCall.mark) == bindparam("of")
)


@dataclass(frozen=True, slots=True)
class Call:
    """A verified call.

    Attributes:
        caller: who sends it.
        operation: its name.
        given: its members, read by the model.
        mark: by which the same call is recognised: the SDK's invocation id, or else the signature. Not both: two calls of one second
            that want the same have the same signature, and the id, which the SDK doesn't sign, tells them apart. So only TLS keeps
            others from sending a call again.
        body_hash: so that another call under the same mark isn't taken for it.
        now: the time of arrival, aware.
    """

    caller: Caller
    operation: str
    given: dict[str, Any]
    mark: str
    body_hash: str
    now: datetime

    @property
    def requester(self) -> str:
        """The account whose HITs these are, lower-case hex."""
        return self.caller.account

    def change(self, store: Store, work: Callable[[Connection], Answer]) -> Any:
        """Runs `work` and keeps its answer in the same transaction; a call that arrives again gets the answer of the first.
        Await it."""
        return store.write(lambda connection: self._once(connection, work))

    def _once(self, connection: Connection, work: Callable[[Connection], Answer]) -> Answer:
        seen = connection.execute(_SEEN, {"key": self.caller.access_key_id, "of": self.mark}).one_or_none()
        if seen is not None:
            return self._same(seen.body_hash, seen.answer)
        answer = work(connection)
        connection.execute(
            insert(MTurkCall),
            {
                "access_key_id": self.caller.access_key_id,
                "mark": self.mark,
                "body_hash": self.body_hash,
                "answer": json.dumps(answer),
                "created_at": self.now,
            },
        )
        return answer

    def _same(self, body_hash: str, answer: str) -> Answer:
        if body_hash != self.body_hash:
            raise invalid("This amz-sdk-invocation-id was used for another request already.")
        found: Answer = json.loads(answer)
        return found


def body_hash(body: bytes) -> str:
    """What a body is recognised by."""
    return hashlib.sha256(body).hexdigest()
