"""API keys: made by a signed-in account for its programs, each with a name, a fixed list of scopes, and an end."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select
from sqlmodel import col

from backend.services.sessions import CACHE_SECONDS, CACHED, NoSession, Session, hash_of
from backend.store.database import Store
from backend.store.tables import ApiKey
from piecework.domain.errors import Conflict, Invalid, NotFound

PREFIX = "pwk_"
"""How a key's secret begins, so that a leaked one is recognised and no look-up is wasted on the wrong table."""
SCOPES = ("jobs:read", "jobs:write", "review", "assignments", "payments", "people", "notices", "webhooks")
MOST_KEYS = 50
"""Of one account."""
LONGEST_DAYS = 366

_FIND = select(ApiKey.account, ApiKey.scopes, ApiKey.expires_at).where(
    col(ApiKey.token_hash) == bindparam("token_hash")
)
_OF = select(ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.created_at, ApiKey.expires_at).where(
    col(ApiKey.account) == bindparam("account")
)
_COUNT = select(func.count()).select_from(ApiKey).where(col(ApiKey.account) == bindparam("account"))
_REVOKE = delete(ApiKey).where(col(ApiKey.id) == bindparam("given"), col(ApiKey.account) == bindparam("owner"))


class Keys:
    """Makes, finds and revokes API keys.

    Args:
        store: where their hashes are kept.
        clock: the time, aware.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._cache: dict[str, tuple[Session, datetime]] = {}

    async def make(self, account: str, name: str, scopes: Sequence[str], days: int) -> tuple[str, dict[str, Any]]:
        """Makes a key; returns its secret, which is kept nowhere, and its row.

        Raises:
            Invalid: a name, scope or number of days that no key has.
            Conflict: the account has as many keys as it may have.
        """
        _check(name, scopes, days)
        now, secret = self._clock(), PREFIX + secrets.token_urlsafe(32)
        kept = " ".join(scope for scope in SCOPES if scope in scopes)
        row = {"id": "0x" + secrets.token_hex(16), "account": account, "name": name, "scopes": kept, "created_at": now}
        row |= {"expires_at": now + timedelta(days=days), "token_hash": hash_of(secret)}

        def work(connection: Connection) -> None:
            if connection.execute(_COUNT, {"account": account}).scalar_one() >= MOST_KEYS:
                raise Conflict(f"An account has at most {MOST_KEYS} API keys; revoke one first.")
            connection.execute(insert(ApiKey), row)

        await self._store.write(work)
        return secret, row

    def of(self, account: str) -> Sequence[Row[Any]]:
        """An account's keys, oldest first, without their secrets."""
        with self._store.read() as connection:
            return connection.execute(_OF.order_by(col(ApiKey.created_at), col(ApiKey.id)), {"account": account}).all()

    async def revoke(self, account: str, id: str) -> None:
        """Ends a key: at once in this process, within CACHE_SECONDS in others.

        Raises:
            NotFound: the account has no such key.
        """

        def work(connection: Connection) -> None:
            if not connection.execute(_REVOKE, {"given": id, "owner": account}).rowcount:
                raise NotFound("You have no such API key.")

        await self._store.write(work)
        self._cache.clear()

    def session(self, secret: str) -> Session:
        """What a key's bearer may do, as whom.

        Raises:
            NoSession: there is no such key, or it is over.
        """
        now, token_hash = self._clock(), hash_of(secret)
        entry = self._cache.get(token_hash)
        found = entry[0] if entry is not None and entry[1] > now else self._look_up(token_hash, now)
        if found is None or found.expires_at <= now:
            raise NoSession("The API key is unknown, revoked or over; make a new one.")
        return found

    def _look_up(self, token_hash: str, now: datetime) -> Session | None:
        with self._store.read() as connection:
            row = connection.execute(_FIND, {"token_hash": token_hash}).one_or_none()
        if row is None:
            self._cache.pop(token_hash, None)
            return None
        if len(self._cache) >= CACHED:
            self._cache.clear()
        found = Session(row.account, row.expires_at, frozenset(row.scopes.split()))
        self._cache[token_hash] = found, now + timedelta(seconds=CACHE_SECONDS)
        return found


def forget_over(connection: Connection, now: datetime) -> None:
    """Drops keys that are over."""
    connection.execute(delete(ApiKey).where(col(ApiKey.expires_at) <= now))


def _check(name: str, scopes: Sequence[str], days: int) -> None:
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid("name must have 1 to 100 characters, all printable.")
    if not scopes or any(scope not in SCOPES for scope in scopes):
        raise Invalid(f"scopes must name at least one of {', '.join(SCOPES)}, and nothing else.")
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"days must be 1 to {LONGEST_DAYS}.")
