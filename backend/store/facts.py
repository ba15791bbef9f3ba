"""What the mirror has to tell accounts: each fact with words for it that a reorg, which moves it to another block, doesn't change."""

from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from backend.store import dispute_facts, mirror
from backend.store.tables import Bonus, Posting
from indexer.tables import Close, Job, SettledBatch, Tip, WorkerPayment


def _between(table: Any) -> tuple[Any, ...]:
    return (*mirror.own(table), col(table.block_number).between(bindparam("first"), bindparam("last")))


_OPENED = select(Job.job, Job.requester).join(Posting, col(Posting.job) == col(Job.job)).where(*_between(Job))
_CLOSED = (
    select(Close.job, Close.slots_refunded, Posting.requester)
    .join(Posting, col(Posting.job) == col(Close.job))
    .where(*_between(Close))
)
_PAID = (
    select(WorkerPayment)
    .join(Posting, col(Posting.job) == col(WorkerPayment.job))
    .where(*_between(WorkerPayment), col(WorkerPayment.outcome) != "cancelled")
)
_SETTLED = (
    select(SettledBatch, Posting.requester)
    .join(Posting, col(Posting.job) == col(SettledBatch.job))
    .where(*_between(SettledBatch))
)
_TIPPED = (
    select(Bonus, Tip.transaction_hash)
    .join(
        Tip,
        (col(Tip.note) == col(Bonus.note))
        & (col(Tip.sender) == col(Bonus.requester))
        & (col(Tip.receiver) == col(Bonus.worker))
        & (col(Tip.token) == col(Bonus.token))
        & (col(Tip.amount) == col(Bonus.amount)),
    )
    .where(*_between(Tip))
)


def between(connection: Connection, first: int, last: int) -> list[dict[str, Any]]:
    """Notices (account, kind, subject, fact) of what blocks `first` to `last` say."""
    blocks = {"first": first, "last": last}
    opened = [
        _notice(row.requester, "job.opened", f"opened:{row.job}", job=row.job) for row in connection.execute(_OPENED, blocks)
    ]
    closed = [
        _notice(row.requester, "job.closed", f"closed:{row.job}", job=row.job, slots_refunded=row.slots_refunded)
        for row in connection.execute(_CLOSED, blocks)
    ]
    settled = [
        _notice(row.requester, "batch.settled", f"settled:{row.batch}", job=row.job, batch=row.batch, slots=sum(map(bool, row.places)))
        for row in connection.execute(_SETTLED, blocks)
    ]
    tipped = [
        _notice(
            row.worker,
            "bonus.received",
            f"bonus:{row.note}",
            **{name: getattr(row, name) for name in ("requester", "assignment", "token", "reason", "transaction_hash")},
            amount=str(row.amount),
        )
        for row in connection.execute(_TIPPED, blocks)
    ]
    paid, disputed = [_payment(row) for row in connection.execute(_PAID, blocks)], dispute_facts.between(connection, first, last)
    return [*opened, *settled, *paid, *tipped, *disputed, *closed]


def _payment(row: Any) -> dict[str, Any]:
    """A slot is paid once, so its first and last slot say which payment it is, wherever it lies."""
    fact = f"paid:{row.job}:{row.first_slot}:{row.last_slot}:{row.worker}"
    subject = {"job": row.job, "token": row.token, "slots": row.slots, "amount": str(row.amount), "outcome": row.outcome}
    return _notice(row.worker, "payment.made", fact, **subject)


def _notice(account: str, kind: str, fact: str, **subject: Any) -> dict[str, Any]:
    return {"account": account, "kind": kind, "subject": subject, "fact": fact}
