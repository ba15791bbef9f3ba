"""Webhooks of an account: where its notices are posted, or mailed to an address that was confirmed."""

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.mail import SCHEME, Mailer
from backend.services.operators import derive
from backend.services.outward import check_url
from backend.store import notices, webhooks
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, NotFound

MOST = 10
"""Webhooks of one account."""
CODE_DIGITS, MOST_CODES = 8, 5
MOST_ASKED = 3
"""Letters a day that ask one address for its word, from whichever accounts."""
CONFIRM_WITHIN = timedelta(days=1)


class Webhooks:
    """Registers webhooks and reads their log.

    Args:
        store: where they are kept.
        anywhere: whether private addresses and plain HTTP are allowed.
        mailer: says whether an address may be written to.
        service_key: 32 secret bytes; codes come from it, so a database that leaks tells none.
        clock: the time, aware.
    """

    def __init__(
        self, store: Store, anywhere: bool, mailer: Mailer, service_key: bytes, clock: Callable[[], datetime]
    ) -> None:
        self._store, self._anywhere, self._mailer, self._clock = store, anywhere, mailer, clock
        self._service_key = service_key

    async def add(self, account: str, url: str, kinds: Sequence[str]) -> tuple[str, str]:
        """A new webhook's id and the secret that its messages are signed with. For mailto: the address is first asked for its word.

        Raises:
            Invalid: no address that may be posted to, or an unknown kind.
            Conflict: the account has as many as it may, or the address was asked often enough.
        """
        by_mail = url.startswith(SCHEME)
        if by_mail:
            self._mailer.check(url.removeprefix(SCHEME))
        else:
            check_url(url, self._anywhere)
        unknown = sorted(set(kinds) - set(notices.KINDS))
        if unknown or not kinds:
            raise Invalid(f"kinds must name some of {', '.join(notices.KINDS)}.")
        id, secret = "0x" + secrets.token_hex(16), "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        row = {"id": id, "account": account, "url": url, "secret": secret, "kinds": json.dumps(sorted(set(kinds)))}

        def work(connection: Connection) -> None:
            if len(webhooks.of(connection, account)) >= MOST:
                raise Conflict(f"An account has at most {MOST} webhooks; remove one first.")
            now = self._clock()
            if by_mail and webhooks.unconfirmed(connection, url) >= MOST_ASKED:
                raise Conflict("This address was asked for its word often enough; wait a day, or confirm what it was sent.")
            webhooks.add(connection, row | {"created_at": now, "wrong_codes": 0 if by_mail else None})
            if by_mail:
                webhooks.send(connection, id, f"msg_confirm_{secrets.token_hex(8)}", "confirm", {}, now, now)

        await self._store.write(work)
        return id, secret

    @property
    def sends_mail(self) -> bool:
        """Whether this installation has a mail server."""
        return self._mailer.sends

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

    async def confirm(self, id: str, account: str, code: str) -> None:
        """Takes the code that was mailed; from then on notices are. Again is fine.

        Raises:
            NotFound: it has no such webhook.
            Invalid: another code, or one after too many wrong ones.
        """
        self.find(id, account)
        if not await self._store.write(lambda c: self._confirm(c, id, code)):
            raise Invalid(f"That is not the code that was mailed; after {MOST_CODES} wrong ones add the address again, tomorrow.")

    def _confirm(self, connection: Connection, id: str, code: str) -> bool:
        row = webhooks.one(connection, id)
        if row is None or row.wrong_codes is None:
            return row is not None
        right = hmac.compare_digest(code_of(self._service_key, id).encode(), code.encode("utf-8", "replace"))
        if right and row.wrong_codes < MOST_CODES:
            webhooks.change(connection, id, wrong_codes=None)
            return True
        webhooks.change(connection, id, wrong_codes=min(row.wrong_codes + 1, MOST_CODES))
        return False

    async def unsubscribe(self, id: str, token: str) -> None:
        """Forgets an address at the word of whoever has a letter to it; again is fine.

        Raises:
            NotFound: that isn't what its letters say.
        """
        if not hmac.compare_digest(unsubscribe_token(self._service_key, id).encode(), token.encode("utf-8", "replace")):
            raise NotFound("There is nothing to unsubscribe from at this address.")
        await self._store.write(lambda c: webhooks.remove(c, id))

    async def remove(self, id: str, account: str) -> None:
        """Forgets a webhook and its log.

        Raises:
            Conflict: an address that was asked for its word today and hasn't given it; else it could be asked again and again.
        """
        if self.find(id, account).wrong_codes is not None:
            raise Conflict("An address that isn't confirmed is forgotten by itself, a day after it was asked.")
        await self._store.write(lambda c: webhooks.remove(c, id))

    async def enable(self, id: str, account: str) -> None:
        """Posts again to one that was disabled."""
        self.find(id, account)
        await self._store.write(lambda c: webhooks.change(c, id, disabled=None, failing_since=None))

    async def ping(self, id: str, account: str) -> None:
        """Queues a message of kind ping.

        Raises:
            Conflict: to an address that isn't confirmed.
        """
        if self.find(id, account).wrong_codes is not None:
            raise Conflict("Confirm the address first, with the code that was mailed.")
        now, message = self._clock(), f"msg_ping_{secrets.token_hex(8)}"
        await self._store.write(lambda c: webhooks.send(c, id, message, "ping", {}, now, now))

    def deliveries(self, id: str, account: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
        """A webhook's log."""
        self.find(id, account)
        with self._store.read() as connection:
            return webhooks.page(connection, id, cursor, limit)


def code_of(service_key: bytes, id: str) -> str:
    """The code that confirms an address, digits."""
    return str(int.from_bytes(derive(service_key, f"mail code {id}", 16)) % 10**CODE_DIGITS).zfill(CODE_DIGITS)


def unsubscribe_token(service_key: bytes, id: str) -> str:
    """What a letter's link proves that one has the letter by."""
    return derive(service_key, f"mail unsubscribe {id}", 16).hex()
