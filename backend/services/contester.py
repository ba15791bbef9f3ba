"""The contester: what a requester rejected, and its worker opened on the chain all the same, is contested in the operator's name.

Without it the requester's rejection would come to nothing wherever a program rejects and nobody watches the chain. The reason is what the
worker was told when it was rejected; it stands under its hash as evidence. The deposit comes from the requester's ledger, within the
operator's allowance; where either doesn't cover it nothing is contested, and the worker is paid when the review window is over.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.evidence import document_of
from backend.services.leadership import Leadership
from backend.services.rounds import Rounds
from backend.store import contests, evidence, mirror, outbox
from backend.store.database import Store
from piecework.domain.keccak import keccak256

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
MOST_FAILURES = 3
NO_REASON = "The requester rejected this answer and gave no reason."


@dataclass(frozen=True, slots=True)
class Objection:
    """What of one opening is contested for one reason: `hash` of the evidence `document` that says it, and how many slots."""

    hash: str
    document: str
    slots: int


class Contester(Rounds):
    """Looks every second at the openings whose review window isn't over.

    Args:
        store: where answers, mirror and outbox are.
        clock: the time, aware.
        wake: tells whoever carries the operators' lanes.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], wake: Callable[[], None]) -> None:
        super().__init__(store, "contester", self._step_once, clock, PAUSE_SECONDS)
        self._store, self._clock, self._wake = store, clock, wake
        self._since, self._poor = 0, frozenset[str]()

    def _step_once(self, leadership: Leadership) -> bool:
        with self._store.read() as connection:
            now = self._now(connection)
            rows = contests.openings(connection, self._since)
            live = [row for row in rows if row.opened_at + row.review_window > now]
            # What is before the first opening that can still be contested needn't be looked at again, however many those are.
            self._since = min((row.block_number for row in live), default=max((row.block_number for row in rows), default=self._since))
            due = [(row, found) for row in live for found in self._found(connection, row)]
        for row, objection in due:
            self._store.write_now(lambda connection, of=row, what=objection: self._object(connection, leadership, of, what))
        return False

    def _now(self, connection: Connection) -> int:
        head = mirror.head(connection)
        return int(self._clock().timestamp() if head is None else head.timestamp_at.timestamp())

    def _found(self, connection: Connection, row: Row[Any]) -> list[Objection]:
        """An opening's rejected answers by the reasons that their workers were told."""
        if contests.is_final(connection, row.opening):
            return []
        by_reason: dict[str, int] = {}
        for answer in contests.rejected(connection, row.number, row.opening):
            text = reason_of(answer)
            by_reason[text] = by_reason.get(text, 0) + 1
        documents = {text: document_of(row.requester, "opening", row.opening, text, ()) for text in by_reason}
        found = [Objection("0x" + keccak256(documents[text]).hex(), documents[text].decode(), count) for text, count in by_reason.items()]
        return [one for one in found if self._is_new(connection, one)]

    def _is_new(self, connection: Connection, objection: Objection) -> bool:
        if outbox.is_under_way(connection, "contest", objection.hash):
            return False
        return outbox.failures(connection, "contest", objection.hash) < MOST_FAILURES

    def _object(self, connection: Connection, leadership: Leadership, row: Row[Any], objection: Objection) -> None:
        """Queues a contest, if the money for its deposit is there."""
        leadership.require(connection)
        if not self._can_pay(connection, row, objection):
            return
        now = self._clock()
        evidence.save(connection, objection.hash, row.requester, objection.document, now)
        outbox.queue(connection, "contest", objection.hash, now, row.operator)
        log.info("contesting %d rejected answers of opening %s", objection.slots, row.opening, extra={"event": "contesting"})
        self._wake()

    def _can_pay(self, connection: Connection, row: Row[Any], objection: Objection) -> bool:
        deposit = objection.slots * row.contest_deposit
        allowance, expires_at = mirror.allowance(connection, row.requester, row.operator, row.token)
        usable = allowance if expires_at > self._clock().timestamp() else 0
        if min(mirror.balance(connection, row.requester, row.token), usable) >= deposit:
            return True
        if objection.hash not in self._poor:
            log.warning("opening %s isn't contested: a deposit of %d base units isn't there, or not allowed", row.opening, deposit)
            self._poor |= {objection.hash}
        return False


def reason_of(answer: Row[Any]) -> str:
    """What a worker was told when its answer was rejected."""
    return str(answer.reason or answer.reason_code or NO_REASON)


def about(document: str) -> str:
    """The opening that a contest's evidence is about."""
    return str(json.loads(document)["about"]["id"])


def text_of(document: str) -> str:
    """What a contest's evidence says."""
    return str(json.loads(document)["text"])
