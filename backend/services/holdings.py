"""The worker's file: everything that it needs to be paid without this service, page by page.

A page is a document of format `piecework-holdings` (docs/recourse.md). Its cursor leads on while there is `more`, and after that
to what is new. What is near the edge is handed out again, because clocks and commits of several processes don't keep one order;
documents merge by key, so that does no harm.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row

from backend.services.postings import terms_of
from backend.store import holdings
from backend.store.database import Store
from piecework.domain.errors import Invalid
from piecework.domain.holdings import head
from piecework.domain.typed_data import Domain

OVERLAP = timedelta(seconds=90)
REORG_BLOCKS = 256
"""A reorg may bring a job into an earlier block than the one that is known."""
_CURSOR = re.compile(r"([0-9]{1,14})\.([0-9]{1,14})\.([rb])\.((?:0x[0-9a-f]{1,64})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: changes from `since` on; those after `until` are for the next round (milliseconds of Unix time)."""

    since: int
    until: int
    part: str
    after: str

    def __str__(self) -> str:
        return f"{self.since}.{self.until}.{self.part}.{self.after}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """A cursor as it was handed out.

        Raises:
            Invalid: it wasn't.
        """
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Invalid("cursor must be what the last document said.")
        return cls(int(match[1]), int(match[2]), match[3], match[4])


class WorkersFiles:
    """Hands out workers' files.

    Args:
        store: where receipts and batches are.
        domain: the escrow's signing domain.
        clock: the time, aware.
    """

    def __init__(self, store: Store, domain: Domain, clock: Callable[[], datetime]) -> None:
        self._store, self._domain, self._clock = store, domain, clock

    def page(self, worker: str, cursor: str | None, most: int) -> dict[str, Any]:
        """One document of a worker's: at most `most` receipts or batches, with the jobs that they are of.

        Raises:
            Invalid: the cursor is none of ours.
        """
        at = Cursor.read(cursor) if cursor else Cursor(0, 0, "r", "")
        if not at.until:
            at = Cursor(at.since, int((self._clock() - OVERLAP).timestamp() * 1000), "r", "")
        since = datetime.fromtimestamp(at.since / 1000, UTC)
        receipts: Sequence[Row[Any]] = []
        batches: Sequence[Row[Any]] = []
        with self._store.read() as connection:
            if at.part == "r":
                receipts = holdings.receipts(connection, worker, since, at.after, most + 1)
            if len(receipts) <= most:
                after = at.after if at.part == "b" else ""
                batches = holdings.batches(connection, worker, since, after, most + 1 - len(receipts))
            more = len(receipts) + len(batches) > most
            receipts = receipts[:most]
            batches = batches[: most - len(receipts)]
            numbers = {row.posting for row in (*receipts, *batches)}
            jobs = holdings.jobs(connection, sorted(numbers))
        names = {row.number: row.job for row, _ in jobs}
        following = _following(at, receipts, batches) if more else Cursor(at.until, 0, "r", "")
        return head(self._domain.chain_id, self._domain.escrow, worker) | {
            "jobs": [_job(row, block) for row, block in jobs],
            "receipts": [_receipt(names[row.posting], row) for row in receipts],
            "batches": [_batch(row) for row in batches],
            "cursor": str(following),
            "more": more,
        }


def _following(at: Cursor, receipts: Sequence[Row[Any]], batches: Sequence[Row[Any]]) -> Cursor:
    if batches:
        return Cursor(at.since, at.until, "b", batches[-1].digest)
    return Cursor(at.since, at.until, "r", receipts[-1].id)


def _job(row: Row[Any], block: int | None) -> dict[str, Any]:
    since = None if block is None else max(0, block - REORG_BLOCKS)
    return {"id": row.job, "terms": terms_of(row).as_json(), "since_block": since}


def _receipt(job: str, row: Row[Any]) -> dict[str, Any]:
    return {
        "job": job,
        "slot": row.slot,
        "commitment": row.commitment,
        "signature": row.receipt,
        "salt": row.salt,
        "answer": msgspec.Raw(b"null" if row.answer is None else row.answer.encode()),
        "assignment": row.id,
    }


def _batch(row: Row[Any]) -> dict[str, Any]:
    return {
        "digest": row.digest,
        "job": row.job,
        "first_slot": row.first_slot,
        "workers": json.loads(row.workers),
        "places": "0x" + row.places.hex(),
        "answer_root": row.answer_root,
        "signature": row.signature,
        "slots": row.slots,
        "amount": str(row.amount),
        "approval": row.approval,
    }
