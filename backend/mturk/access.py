"""Access keys: who sends a call, and what it may spend at most.

An access key belongs to an account and stands for one operator, to which the account gives an allowance on the chain; so whoever finds
the key can spend at most that. Its secret is derived from the service's own key and the access key's id, so no database holds it.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.mturk.errors import Refused
from backend.services.operators import Operators, derive
from backend.store.database import Store
from backend.store.tables.mturk import MTurkKey
from piecework.domain.errors import Invalid, NotFound

REGION = "us-east-1"
MOST_KEYS = 100
LONGEST_NAME = 100
LONGEST = timedelta(days=366)
CACHE_SECONDS = 5

_FIND = select(MTurkKey).where(col(MTurkKey.access_key_id) == bindparam("id"))
_OF = select(MTurkKey).where(col(MTurkKey.account) == bindparam("account")).order_by(col(MTurkKey.created_at))
_REVOKE = (
    update(MTurkKey)
    .where(
        col(MTurkKey.access_key_id) == bindparam("id"),
        col(MTurkKey.account) == bindparam("of"),
        col(MTurkKey.revoked_at).is_(None),
    )
    .values(revoked_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a call."""

    access_key_id: str
    account: str
    operator: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A new access key, as its owner sees it once."""

    access_key_id: str
    secret_access_key: str
    operator: str
    name: str
    expires_at: datetime


class Access:
    """Issues, finds and revokes access keys.

    Args:
        store: where they are kept.
        operators: make and have the keys that act for accounts.
        service_key: 32 secret bytes, the same in every process of this service.
        clock: the time, aware.
    """

    def __init__(self, store: Store, operators: Operators, service_key: bytes, clock: Callable[[], datetime]) -> None:
        self._store, self._operators, self._service_key, self._clock = store, operators, service_key, clock
        self._known: dict[str, tuple[Row[tuple[MTurkKey]], datetime]] = {}

    async def issue(self, account: str, name: str, expires_at: datetime) -> Issued:
        """A new access key. It can spend nothing until the account gives its operator an allowance on the chain.

        Raises:
            Invalid: a name or a time that can't be, or too many keys.
        """
        now, id = self._clock(), _new_id()
        if not name.strip() or len(name) > LONGEST_NAME:
            raise Invalid(f"Name the key, in 1 to {LONGEST_NAME} characters.")
        if not now < expires_at <= now + LONGEST:
            raise Invalid("A key ends in the future, within a year.")

        def work(connection: Connection) -> Issued:
            if len(connection.execute(_OF, {"account": account}).all()) >= MOST_KEYS:
                raise Invalid(f"An account has at most {MOST_KEYS} access keys; revoke one first.")
            operator = self._operators.add(connection, account, f"Mechanical Turk key {id}").address
            row = {"access_key_id": id, "account": account, "operator": operator, "name": name}
            connection.execute(insert(MTurkKey), row | {"created_at": now, "expires_at": expires_at})
            return Issued(id, self.secret(id), operator, name, expires_at)

        issued: Issued = await self._store.write(work)
        return issued

    def of(self, account: str) -> list[Row[tuple[MTurkKey]]]:
        """An account's keys, the oldest first, without secrets."""
        with self._store.read() as connection:
            return list(connection.execute(_OF, {"account": account}))

    async def revoke(self, account: str, access_key_id: str) -> None:
        """Ends a key at once; the allowance of its operator is the account's to take back on the chain.

        Raises:
            NotFound: the account has no such key.
        """
        values = {"id": access_key_id, "of": account, "now": self._clock()}

        def work(connection: Connection) -> None:
            if connection.execute(_REVOKE, values).rowcount:
                return
            row = connection.execute(_FIND, {"id": access_key_id}).one_or_none()
            if row is None or row.account != account:
                raise NotFound("You have no such access key.")

        await self._store.write(work)
        self._known.pop(access_key_id, None)

    def find(self, access_key_id: str) -> tuple[Caller, str]:
        """The caller that an access key stands for, and its secret.

        Raises:
            Refused: there is none, or it was revoked, or it is over.
        """
        now = self._clock()
        row, until = self._known.get(access_key_id, (None, now))
        if row is None or until <= now:
            row = self._look_up(access_key_id, now)
        if row is None or row.revoked_at is not None or row.expires_at <= now:
            raise Refused("UnrecognizedClientException", "The access key is unknown, revoked or over: issue a new one.")
        return Caller(row.access_key_id, row.account, row.operator), self.secret(access_key_id)

    def secret(self, access_key_id: str) -> str:
        """The secret access key: 40 characters."""
        return base64.b64encode(self._derive("secret", access_key_id, 30)).decode()

    def token_key(self) -> bytes:
        """What pagination tokens are signed with."""
        return self._derive("tokens", "", 32)

    def _derive(self, purpose: str, id: str, length: int) -> bytes:
        return derive(self._service_key, f"mturk {purpose} {id}", length)

    def _look_up(self, access_key_id: str, now: datetime) -> Row[tuple[MTurkKey]] | None:
        with self._store.read() as connection:
            row = connection.execute(_FIND, {"id": access_key_id}).one_or_none()
        if row is not None:
            if len(self._known) >= 10_000:
                self._known.clear()
            self._known[access_key_id] = row, now + timedelta(seconds=CACHE_SECONDS)
        return row


def mark_of(operation: str, invocation: str) -> str:
    """What a repeated call is recognised by."""
    return hashlib.sha256(f"{operation}\0{invocation}".encode()).hexdigest()


def _new_id() -> str:
    return "PKIA" + base64.b32encode(secrets.token_bytes(10)).decode()  # 20 characters, as long as those of AWS
