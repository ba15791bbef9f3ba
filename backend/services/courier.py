"""The courier: posts what waits to webhooks, signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.leadership import Leadership
from backend.services.outward import post
from backend.services.rounds import Rounds
from backend.store import webhooks
from backend.store.database import Store
from piecework.domain.errors import PieceworkError

AT_ONCE = 16
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 4 * 3600


class Courier(Rounds):
    """Delivers at least once; a receiver tells repetitions by their id.

    Args:
        store: where deliveries are.
        anywhere: whether private addresses and plain HTTP are allowed.
        hours: how long one is tried.
        clock: the time, aware.
    """

    def __init__(self, store: Store, anywhere: bool, hours: float, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "courier", self._step_once, clock)
        self._store, self._anywhere, self._clock = store, anywhere, clock
        self._patience = timedelta(hours=hours)
        self._pool = ThreadPoolExecutor(AT_ONCE, "courier")

    def _step_once(self, leadership: Leadership) -> bool:
        with self._store.read() as connection:
            rows = webhooks.due(connection, self._clock(), AT_ONCE)
        if not rows:
            return False
        outcomes = list(self._pool.map(self._try, rows))

        def work(connection: Connection) -> None:
            for row, (delivered, said) in zip(rows, outcomes, strict=True):
                self._note(connection, row, delivered, said)

        self._store.write_now(work)
        return len(rows) == AT_ONCE

    def _try(self, row: Row[Any]) -> tuple[bool, str]:
        at, body = int(self._clock().timestamp()), row.body.encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "Piecework",
            "webhook-id": row.message,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(row.secret, row.message, at, body),
        }
        try:
            status = post(row.url, body, headers, self._anywhere)
        except PieceworkError as error:
            return False, error.sentence
        return 200 <= status < 300, f"HTTP {status}"

    def _note(self, connection: Connection, row: Row[Any], delivered: bool, said: str) -> None:
        now, attempts = self._clock(), row.attempts + 1
        if delivered:
            webhooks.tried(connection, row.id, state="delivered", attempts=attempts, said=said)
            webhooks.change(connection, row.webhook, failing_since=None)
            return
        pause = timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2**row.attempts, LONGEST_PAUSE_SECONDS))
        state = "failed" if now + pause > row.created_at + self._patience else "waiting"
        webhooks.tried(connection, row.id, state=state, attempts=attempts, said=said, next_at=now + pause)
        since = row.failing_since or now
        webhooks.change(connection, row.webhook, failing_since=since)
        if state == "failed" and now - min(since, row.created_at) >= self._patience * 0.9:
            word = f"Nothing was taken since {since:%Y-%m-%d %H:%M} UTC ({said}); mend the receiver and enable it again."
            webhooks.give_up(connection, row.webhook, word)


def signature(secret: str, message: str, at: int, body: bytes) -> str:
    """The header, after the Standard Webhooks specification: version 1, HMAC-SHA256 of id, time (Unix seconds) and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
