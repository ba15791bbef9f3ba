"""What openings, contests and appeals have to tell those whom they concern; words that a reorg doesn't change, as in `facts`."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select
from sqlmodel import col

from backend.store import mirror
from backend.store.disputes import named
from backend.store.tables import Posting
from indexer.tables import Appeal, AppealPhase, Contest, Job, Opening, Reclaim

Notice = dict[str, Any]
"""account, kind, subject, fact."""


def _between(table: Any) -> tuple[Any, ...]:
    return (*mirror.own(table), col(table.block_number).between(bindparam("first"), bindparam("last")))


def _of_opening(table: Any) -> Any:
    """Rows about some of an opening's slots, with what the opening says of them."""
    return (
        select(table, Opening.first_slot, Opening.workers, Opening.opened_at, Job.requester, Job.review_window, Job.appeal_window)
        .select_from(table)
        .join(Opening, and_(col(Opening.opening) == col(table.opening), *mirror.own(Opening)))
        .join(Job, col(Job.job) == col(table.job))
        .join(Posting, col(Posting.job) == col(table.job))
        .where(*_between(table))
    )


_OPENED = (
    select(Opening, Job.requester, Job.review_window)
    .select_from(Opening)
    .join(Job, col(Job.job) == col(Opening.job))
    .join(Posting, col(Posting.job) == col(Opening.job))
    .where(*_between(Opening))
)
_CONTESTED, _RECLAIMED = _of_opening(Contest), _of_opening(Reclaim)
_PHASES = (
    select(AppealPhase, Appeal.worker, Appeal.slots, Job.requester, Job.appeal_window)
    .select_from(AppealPhase)
    .join(Appeal, and_(col(Appeal.appeal) == col(AppealPhase.appeal), *mirror.own(Appeal)))
    .join(Job, col(Job.job) == col(AppealPhase.job))
    .join(Posting, col(Posting.job) == col(AppealPhase.job))
    .where(*_between(AppealPhase))
)
_KINDS = {"pending": "appeal.made", "defended": "appeal.defended", "ruled": "appeal.ruled", "done": "appeal.ended"}


def between(connection: Connection, first: int, last: int) -> Iterator[Notice]:
    """Notices of what blocks `first` to `last` say."""
    blocks = {"first": first, "last": last}
    for row in connection.execute(_OPENED, blocks):
        yield from _opened(row)
    for row in connection.execute(_CONTESTED, blocks):
        until = row.opened_at + row.review_window
        yield from _to_workers(row, "slots.contested", appeal_from=until, appeal_until=until + row.appeal_window)
    for row in connection.execute(_RECLAIMED, blocks):
        yield from _to_workers(row, "slots.reclaimed")
    for row in connection.execute(_PHASES, blocks):
        yield from _phase(row)


def _opened(row: Row[Any]) -> Iterator[Notice]:
    """For the requester, who may contest until then, and for each worker, who may be paid from then on."""
    subject = {"job": row.job, "opening": row.opening, "contest_until": row.opened_at + row.review_window}
    workers = json.loads(row.workers)
    shares = Counter(workers[place - 1] for place in row.places if place)
    for account, slots in {**shares, row.requester: row.slots}.items():
        yield _notice(account, "slots.opened", f"opened:{row.opening}:{account}", subject | {"slots": slots})


def _to_workers(row: Row[Any], kind: str, **more: int) -> Iterator[Notice]:
    """For each worker of the slots that the row names; a slot is contested and reclaimed once, so the first one says which time it is."""
    mine: dict[str, list[int]] = {}
    workers = json.loads(row.workers)
    for slot in named(row.first_slot, row.places):
        mine.setdefault(workers[row.places[slot - row.first_slot] - 1], []).append(slot)
    for account, slots in mine.items():
        subject = {"job": row.job, "opening": row.opening, "slots": len(slots)} | more
        yield _notice(account, kind, f"{kind}:{row.opening}:{slots[0]}", subject)


def _phase(row: Row[Any]) -> Iterator[Notice]:
    """For both sides: who took the step keeps its notice as a receipt."""
    subject = {"job": row.job, "appeal": row.appeal, "slots": row.slots}
    if row.phase == "pending":
        subject["defend_until"] = row.since_at + row.appeal_window
    if row.winner is not None:
        subject["winner"] = row.winner
    for account in {row.worker, row.requester}:
        yield _notice(account, _KINDS[row.phase], f"appeal:{row.appeal}:{row.phase}:{account}", subject)


def _notice(account: str, kind: str, fact: str, subject: dict[str, Any]) -> Notice:
    return {"account": account, "kind": kind, "subject": subject, "fact": fact}
