"""Batches: approved answers cut into what one signature of the requester settles."""

import json
from asyncio import Lock, to_thread
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services.postings import Job, Postings, terms_of
from backend.services.signatures import signed_by
from backend.store import batches, outbox
from backend.store.database import Store
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Conflict, Invalid, NotFound
from piecework.domain.terms import MAX_SLOTS, MAX_WORKERS, Batch, cut_batch
from piecework.domain.typed_data import Domain, Key

Holder = tuple[int, str, bytes]
"""A slot, its worker, and the commitment to the answer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch that is not signed yet; batches of one `roster` share a growing worker table."""

    roster: int
    batch: Batch


class Batches:
    """Cuts, signs and takes approvals.

    Args:
        store: where they are kept.
        postings: the jobs.
        rpc: asked about contract accounts' approvals.
        domain: the escrow's signing domain.
        key: the coordinator's.
        clock: the time, aware.
        wake: tells the settler that there is something to carry.
    """

    def __init__(
        self,
        store: Store,
        postings: Postings,
        rpc: Rpc,
        domain: Domain,
        key: Key,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._postings, self._rpc = store, postings, rpc
        self._domain, self._key, self._clock, self._wake = domain, key, clock, wake
        self._cutting = Lock()

    async def cut(self, job: Job) -> Sequence[Row[Any]]:
        """Puts every approved answer that is in no batch into one, and returns all batches that wait for an approval."""
        async with self._cutting:
            while not await to_thread(self._cut, job):
                pass  # an answer was approved while the batches were being cut: cut again with it
        return self.page(job, -1, 1_000_000, waiting=True)

    def _cut(self, job: Job) -> bool:
        with self._store.read() as connection:
            holders = batches.approved(connection, job.number)
            last = batches.last(connection, job.number)
        if not holders:
            return True
        if job.coordinator != self._key.address:
            raise Conflict("The job names another coordinator, whose key isn't here.")
        price = terms_of(self._postings.row(job.id)).price
        number = last.number if last else -1
        cuts = cut(bytes.fromhex(job.id[2:]), holders, last.roster if last else 0, json.loads(last.workers) if last else [])
        rows = [self._row(job, number + at, one, price) for at, one in enumerate(cuts, 1)]
        try:
            self._store.write_now(lambda c: _add(c, job.number, holders, rows, cuts))
        except (_Changed, Conflict):  # Conflict: another process cut at the same moment
            return False
        return True

    def _row(self, job: Job, number: int, cut: Cut, price: int) -> dict[str, Any]:
        batch, digest = cut.batch, self._domain.batch_digest(cut.batch)
        return {
            "digest": "0x" + digest.hex(),
            "posting": job.number,
            "number": number,
            "roster": cut.roster,
            "first_slot": batch.first_slot,
            "workers": json.dumps(batch.workers),
            "places": batch.places,
            "answer_root": "0x" + batch.answer_root.hex(),
            "signature": "0x" + self._key.sign(digest).hex(),
            "slots": batch.named,
            "amount": batch.named * price,
            "created_at": self._clock(),
        }

    async def approve(self, digest: str, signature: bytes) -> None:
        """Takes the requester's approval and queues the settlement with it. The first one stays; the same again is fine.

        Raises:
            NotFound: no such batch.
            Invalid: it isn't the requester's approval of this batch.
        """
        row = self.find(digest)
        if not await to_thread(self._approved_by, row, signature):
            raise Invalid("The signature is not the requester's approval of this batch, its slots and its amount.")
        now = self._clock()

        def work(connection: Connection) -> None:
            if batches.approve(connection, digest, "0x" + signature.hex(), now):
                outbox.queue(connection, "settlement", f"{row.posting}:{row.roster}", now)

        await self._store.write(work)
        self._wake()

    def _approved_by(self, row: Row[Any], signature: bytes) -> bool:
        digest = self.approval_digest(row)
        return any(
            signed_by(self._rpc, account, digest, signature)
            for account in (row.requester, row.operator)
            if int(account, 16)
        )

    def find(self, digest: str) -> Row[Any]:
        """A batch with what became of it.

        Raises:
            NotFound: no such batch.
        """
        with self._store.read() as connection:
            row = batches.one(connection, digest)
        if row is None:
            raise NotFound(f"There is no batch {digest} here.")
        return row

    def page(self, job: Job, cursor: int, limit: int, waiting: bool = False) -> Sequence[Row[Any]]:
        """A job's batches in the order in which they were cut."""
        with self._store.read() as connection:
            return batches.page(connection, job.number, [batches.waiting] if waiting else [], cursor, limit)

    def approval_digest(self, row: Row[Any]) -> bytes:
        """What the requester signs to approve a batch."""
        return self._domain.approval_digest(bytes.fromhex(row.digest[2:]), row.slots, row.amount)

    def approval_message(self, row: Row[Any]) -> dict[str, Any]:
        """The same as a wallet shows it."""
        values = {"batch": row.digest, "slots": str(row.slots), "amount": str(row.amount)}
        return self._domain.message("Approval", values)


class _Changed(Exception):
    """An assignment was approved, taken back or put into a batch between reading and writing."""


def _add(
    connection: Connection, posting: int, holders: Sequence[Holder], rows: list[dict[str, Any]], cuts: Sequence[Cut]
) -> None:
    """Writes what was cut from `holders`, if these are still the approved ones to the last: a count alone wouldn't notice that one
    was taken back and another approved."""
    if batches.approved(connection, posting, locked=True) != holders:
        raise _Changed
    for row, one in zip(rows, cuts, strict=True):
        batch = one.batch
        named = {batch.workers[place - 1] for place in set(batch.places) if place}
        marked = batches.add(connection, row, batch.first_slot + len(batch.places) - 1, sorted(named))
        if marked != row["slots"]:
            raise _Changed


def cut(job: bytes, holders: Sequence[Holder], roster: int, table: Sequence[str]) -> list[Cut]:
    """Batches over all holders: few worker tables, and batches of one table as long as a batch may be.

    Workers are grouped rather than slots, so that each worker is paid once and a batch of many workers isn't cut to pieces.

    Args:
        job: the job id.
        holders: slots of distinct numbers, ascending.
        roster, table: the newest table of the job, which goes on growing while it fits 255 workers.
    """
    cuts: list[Cut] = []
    for shift, group in enumerate(_groups(table, dict.fromkeys(worker for _, worker, _ in holders))):
        members = set(group)
        mine = [holder for holder in holders if holder[1] in members]
        shared = group if shift else [*table, *(worker for worker in group if worker not in set(table))]
        cuts += [Cut(roster + shift, cut_batch(job, span, shared)) for span in _spans(mine)]
    return cuts


def _groups(table: Sequence[str], workers: Iterable[str]) -> list[list[str]]:
    """The workers in groups of at most 255: first those that the table has or still takes, then new tables."""
    known = set(table)
    first = [worker for worker in workers if worker in known]
    fresh = [worker for worker in workers if worker not in known]
    room = MAX_WORKERS - len(table)
    groups = [first + fresh[:room]]
    groups += [fresh[at : at + MAX_WORKERS] for at in range(room, len(fresh), MAX_WORKERS)]
    return groups


def _spans(holders: Sequence[Holder]) -> Iterable[Sequence[Holder]]:
    """Runs of holders that fit one batch."""
    start = 0
    for at, holder in enumerate(holders):
        if holder[0] - holders[start][0] >= MAX_SLOTS:
            yield holders[start:at]
            start = at
    if start < len(holders):
        yield holders[start:]
