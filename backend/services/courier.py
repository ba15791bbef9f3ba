"""The courier: posts what waits to webhooks, signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature), and
mails what waits for addresses."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.lanes import Lanes
from backend.services.leadership import Leadership
from backend.services.mail import SCHEME, Letter, Mailer, written
from backend.services.outward import post
from backend.services.rounds import Rounds
from backend.services.webhooks import code_of, unsubscribe_token
from backend.store import webhooks
from backend.store.database import Store
from piecework.domain.errors import PieceworkError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 4 * 3600
MOST_PAUSES = 13
"""From then on a pause is the longest one."""


class Courier(Rounds):
    """Delivers at least once; a receiver tells repetitions by their id.

    Args:
        store: where deliveries are.
        anywhere: whether private addresses and plain HTTP are allowed.
        hours: how long one is tried.
        mailer: for those that are mailed.
        service_key: what codes and links in letters come from.
        clock: the time, aware.
    """

    def __init__(
        self, store: Store, anywhere: bool, hours: float, mailer: Mailer, service_key: bytes, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(store, "courier", self._step_once, clock)
        self._store, self._anywhere, self._clock = store, anywhere, clock
        self._mailer, self._service_key = mailer, service_key
        self._patience = timedelta(hours=hours)
        self._lanes = Lanes("courier", self._due, lambda row: str(row.account), lambda row: int(row.id), self._carry)

    def stop(self) -> None:
        super().stop()
        self._lanes.close()

    def replan(self) -> None:
        now = self._clock()
        latest = [now, *(now + pause(attempts) for attempts in range(MOST_PAUSES))]
        self._store.write_now(lambda connection: webhooks.replan(connection, now, latest))

    def _step_once(self, leadership: Leadership) -> bool:
        return self._lanes.begin()

    def _due(self, but: Collection[str], most: int) -> Sequence[Row[Any]]:
        with self._store.read() as connection:
            return webhooks.due(connection, self._clock(), but, most)

    def _carry(self, row: Row[Any]) -> None:
        delivered, said = self._try(row)
        self._store.write_now(lambda connection: self._note(connection, row, delivered, said))

    def _try(self, row: Row[Any]) -> tuple[bool, str]:
        try:
            return self._mail(row) if row.url.startswith(SCHEME) else self._post(row)
        except PieceworkError as error:
            return False, error.sentence

    def _mail(self, row: Row[Any]) -> tuple[bool, str]:
        body = json.loads(row.body)
        kind, subject = body["type"], body["data"]
        if kind == "confirm":
            subject = {"code": code_of(self._service_key, row.webhook), "account": row.account}
        stop = f"{self._mailer.url}/unsubscribe/{row.webhook}/{unsubscribe_token(self._service_key, row.webhook)}"
        title, text = written(kind, subject, self._mailer.url, stop)
        self._mailer.send(Letter(row.url.removeprefix(SCHEME), title, text, f"{row.message}.{row.id}", stop, row.created_at))
        return True, "Taken by the mail server."

    def _post(self, row: Row[Any]) -> tuple[bool, str]:
        at, body = int(self._clock().timestamp()), row.body.encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "Piecework",
            "webhook-id": row.message,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(row.secret, row.message, at, body),
        }
        status = post(row.url, body, headers, self._anywhere)
        return 200 <= status < 300, f"HTTP {status}"

    def _note(self, connection: Connection, row: Row[Any], delivered: bool, said: str) -> None:
        now, attempts = self._clock(), row.attempts + 1
        if delivered:
            webhooks.tried(connection, row.id, state="delivered", attempts=attempts, said=said)
            webhooks.change(connection, row.webhook, failing_since=None)
            return
        next_at = now + pause(row.attempts)
        state = "failed" if next_at > row.created_at + self._patience else "waiting"
        webhooks.tried(connection, row.id, state=state, attempts=attempts, said=said, next_at=next_at)
        since = row.failing_since or now
        webhooks.change(connection, row.webhook, failing_since=since)
        if state == "failed" and now - min(since, row.created_at) >= self._patience * 0.9:
            word = f"Nothing was taken since {since:%Y-%m-%d %H:%M} UTC ({said}); mend the receiver and enable it again."
            webhooks.give_up(connection, row.webhook, word)


def pause(attempts: int) -> timedelta:
    """How long a message waits that wasn't taken after so many attempts before."""
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2**attempts, LONGEST_PAUSE_SECONDS))


def signature(secret: str, message: str, at: int, body: bytes) -> str:
    """The header, after the Standard Webhooks specification: version 1, HMAC-SHA256 of id, time (Unix seconds) and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
