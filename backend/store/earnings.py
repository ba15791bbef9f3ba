"""What a worker sees of its work and its money, newest first. Every reading is bounded, however long somebody has worked."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, tuple_
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.assignments import VIEW
from backend.store.tables import Assignment, Posting
from indexer.tables import Block, Event, LedgerWithdrawal, WorkerPayment

LOOKED_AT = 1_000
"""Of a worker's newest assignments: what waits among them is added up."""
WAITING = ("committed", "revealed", "approved", "batched", "opened", "contested", "appealed")

_ORDER = (col(WorkerPayment.block_number), col(WorkerPayment.log_index), col(WorkerPayment.place))
_PAYMENTS = (
    select(
        WorkerPayment.block_number,
        WorkerPayment.log_index,
        WorkerPayment.place,
        WorkerPayment.job,
        WorkerPayment.worker,
        WorkerPayment.token,
        WorkerPayment.slots,
        WorkerPayment.amount,
        WorkerPayment.outcome,
        Event.transaction_hash,
        Block.timestamp_at,
    )
    .join(
        Event,
        and_(
            col(Event.chain_id) == col(WorkerPayment.chain_id),
            col(Event.block_number) == col(WorkerPayment.block_number),
            col(Event.log_index) == col(WorkerPayment.log_index),
            col(Event.escrow) == col(WorkerPayment.escrow),
        ),
    )
    .join(
        Block,
        and_(
            col(Block.chain_id) == col(WorkerPayment.chain_id),
            col(Block.escrow) == col(WorkerPayment.escrow),
            col(Block.number) == col(WorkerPayment.block_number),
        ),
    )
    .where(*mirror.own(WorkerPayment), tuple_(*_ORDER) < tuple_(bindparam("block"), bindparam("log"), bindparam("before_place")))
    .order_by(*(key.desc() for key in _ORDER))
    .limit(bindparam("most"))
)
_WITHDRAWALS = (
    select(LedgerWithdrawal, Block.timestamp_at)
    .join(
        Block,
        and_(
            col(Block.chain_id) == col(LedgerWithdrawal.chain_id),
            col(Block.escrow) == col(LedgerWithdrawal.escrow),
            col(Block.number) == col(LedgerWithdrawal.block_number),
        ),
    )
    .where(*mirror.own(LedgerWithdrawal), col(LedgerWithdrawal.owner) == bindparam("account"))
    .order_by(col(LedgerWithdrawal.block_number).desc(), col(LedgerWithdrawal.log_index).desc())
    .limit(bindparam("most"))
)
_NEWEST = (
    select(slots.assignment_state.label("shown_state"), Posting.reward, Posting.token)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(col(Assignment.worker) == bindparam("worker"))
    .order_by(col(Assignment.id).desc())
    .limit(LOOKED_AT)
)
_HISTORY = (
    VIEW.add_columns(Posting.reward, Posting.token, Posting.auto_approval_seconds)
    .where(col(Assignment.worker) == bindparam("worker"), col(Assignment.id) < bindparam("before"))
    .order_by(None)
    .order_by(col(Assignment.id).desc())
    .limit(bindparam("most"))
)

Place = tuple[int, int, int]
"""Block, log and place of a payment."""
END: Place = (2**62, 0, 0)


def payments(connection: Connection, worker: str | None, token: str | None, before: Place, most: int) -> Sequence[Row[Any]]:
    """What workers were paid by settlements, openings and appeals, each with its transaction and time; newest first."""
    statement = _PAYMENTS
    if worker is not None:
        statement = statement.where(
            col(WorkerPayment.worker) == worker, col(WorkerPayment.token) == token, col(WorkerPayment.outcome) != "cancelled"
        )
    block, log, place = before
    return connection.execute(statement, {"block": block, "log": log, "before_place": place, "most": most}).all()


def withdrawals(connection: Connection, account: str, most: int) -> Sequence[Row[Any]]:
    """What left an account's balance, newest first."""
    return connection.execute(_WITHDRAWALS, {"account": account, "most": most}).all()


def waiting(connection: Connection, worker: str, token: str) -> tuple[dict[str, tuple[int, int]], bool]:
    """Of the worker's newest assignments: how many in each state aren't paid yet, and base units of `token` for them; and whether
    there are more than were looked at."""
    found: dict[str, tuple[int, int]] = {}
    rows = connection.execute(_NEWEST, {"worker": worker}).all()
    for row in rows:
        if row.token == token and row.shown_state in WAITING:
            count, amount = found.get(row.shown_state, (0, 0))
            found[row.shown_state] = count + 1, amount + row.reward
    return found, len(rows) == LOOKED_AT


def history(connection: Connection, worker: str, state: str | None, before: str, most: int) -> Sequence[Row[Any]]:
    """A worker's assignments, newest first, before the one that is named; all, or those in a state."""
    statement = _HISTORY if state is None else _HISTORY.where(slots.in_state(state))
    return connection.execute(statement, {"worker": worker, "before": before, "most": most}).all()
