"""Webhooks of an account: where its notices are posted."""

import base64
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.outward import check_url
from backend.store import notices, webhooks
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound

MOST = 10
"""Webhooks of one account."""


class Webhooks:
    """Registers webhooks and reads their log.

    Args:
        store: where they are kept.
        anywhere: whether private addresses and plain HTTP are allowed.
        clock: the time, aware.
    """

    def __init__(self, store: Store, anywhere: bool, clock: Callable[[], datetime]) -> None:
        self._store, self._anywhere, self._clock = store, anywhere, clock

    async def add(self, account: str, url: str, kinds: Sequence[str]) -> tuple[str, str]:
        """A new webhook's id and the secret that its messages are signed with.

        Raises:
            Invalid: no address that may be posted to, or an unknown kind.
            Conflict: the account has as many as it may.
        """
        check_url(url, self._anywhere)
        unknown = sorted(set(kinds) - set(notices.KINDS))
        if unknown or not kinds:
            raise Invalid(f"kinds must name some of {', '.join(notices.KINDS)}.")
        id, secret = "0x" + secrets.token_hex(16), "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        row = {"id": id, "account": account, "url": url, "secret": secret, "kinds": json.dumps(sorted(set(kinds)))}

        def work(connection: Connection) -> None:
            if len(webhooks.of(connection, account)) >= MOST:
                raise Conflict(f"An account has at most {MOST} webhooks; remove one first.")
            webhooks.add(connection, row | {"created_at": self._clock()})

        await self._store.write(work)
        return id, secret

    def mine(self, account: str) -> Sequence[Row[Any]]:
        """An account's webhooks."""
        with self._store.read() as connection:
            return webhooks.of(connection, account)

    def find(self, id: str, account: str) -> Row[Any]:
        """One of an account's.

        Raises:
            NotFound: it has no such webhook.
        """
        for row in self.mine(account):
            if row.id == id:
                return row
        raise NotFound("There is no such webhook of yours.")

    async def remove(self, id: str, account: str) -> None:
        """Forgets a webhook and its log."""
        self.find(id, account)
        await self._store.write(lambda c: webhooks.remove(c, id))

    async def enable(self, id: str, account: str) -> None:
        """Posts again to one that was disabled."""
        self.find(id, account)
        await self._store.write(lambda c: webhooks.change(c, id, disabled=None, failing_since=None))

    async def ping(self, id: str, account: str) -> None:
        """Queues a message of kind ping."""
        self.find(id, account)
        now, message = self._clock(), f"msg_ping_{secrets.token_hex(8)}"
        await self._store.write(lambda c: webhooks.send(c, id, message, "ping", {}, now, now))

    def deliveries(self, id: str, account: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """A webhook's log."""
        self.find(id, account)
        with self._store.read() as connection:
            return webhooks.page(connection, id, cursor, limit)
