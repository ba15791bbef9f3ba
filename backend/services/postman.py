"""The postman: tells what the mirror has new (accounts by notices, the aggregator of contests), numbers every notice, and hands it to the
account's webhooks.

One process at a time, so that numbers become visible in their order and whoever reads by them misses nothing. A fact that a reorg
moves is told once: the postman looks again as far back as a reorg may reach, and what was told has its words in `notice`.
"""

import json
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from backend.services.aggregator import reweigh
from backend.services.leadership import Leadership
from backend.services.rounds import Rounds
from backend.store import facts, mirror, notices, recounts, spendable, webhooks
from backend.store.database import Store

MOST_BLOCKS = 2_000
"""Blocks looked through at once."""


class Postman(Rounds):
    """Numbers and derives.

    Args:
        store: where notices and mirror are.
        token: that operators spend.
        finality_blocks: how far back a reorg may reach.
        clock: the time, aware.
    """

    def __init__(self, store: Store, token: str, finality_blocks: int, clock: Callable[[], datetime]) -> None:
        super().__init__(store, "postman", self._step_once, clock)
        self._store, self._token, self._finality_blocks, self._clock = store, token, finality_blocks, clock
        self._seen = ""

    def _step_once(self, leadership: Leadership) -> bool:
        with self._store.read() as connection:
            head = mirror.head(connection)
            waiting = bool(notices.unnumbered(connection))
        more = False
        if head is not None and head.hash != self._seen:
            more = bool(self._store.write_now(lambda c: self._derive(c, leadership, head.number)))
            self._seen = "" if more else head.hash
            waiting = True
        if waiting:
            self._store.write_now(lambda c: self._number(c, leadership))
        return more

    def _derive(self, connection: Connection, leadership: Leadership, head: int) -> bool:
        """Tells what is new; True if there are more blocks to look through."""
        leadership.require(connection)
        cursor = notices.cursor(connection, "chain")
        behind = head if cursor is None else min(cursor, head)
        last = min(head, behind + MOST_BLOCKS)
        rows = facts.between(connection, behind - self._finality_blocks, last)
        notices.tell_once(connection, rows, self._clock())
        for key in spendable.touched(connection, behind - self._finality_blocks, last):
            spendable.look(connection, key, self._token, self._clock())
        for posting in recounts.changed(connection, behind - self._finality_blocks, last):
            reweigh(connection, posting, self._clock())
        notices.move_cursor(connection, last, "chain")
        return last < head

    def _number(self, connection: Connection, leadership: Leadership) -> None:
        leadership.require(connection)
        rows = notices.unnumbered(connection)
        if not rows:
            return
        numbers, now = notices.number(connection, rows), self._clock()
        hooks = webhooks.listening(connection, {row.account for row in rows})
        for row in rows:
            for hook in hooks.get(row.account, []):
                if row.kind in json.loads(hook.kinds):
                    subject = json.loads(row.subject)
                    webhooks.send(connection, hook.id, f"msg_{numbers[row.id]}", row.kind, subject, row.created_at, now)
