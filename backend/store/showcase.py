"""What the pages show: the newest jobs, and a job slot by slot."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, text
from sqlmodel import col

from backend.store import mirror
from backend.store.slots import taken
from backend.store.tables import LIVE, Assignment, Posting
from indexer.tables import SlotPayment

_NEWEST = (
    select(Posting, mirror.posting_state.label("state"))
    .where(col(Posting.number) < bindparam("before"), mirror.posting_state != "draft")
    .order_by(col(Posting.number).desc())
    .limit(bindparam("most"))
)
_SLOTS = (
    select(Assignment.slot, Assignment.state)
    .where(col(Assignment.posting) == bindparam("posting"), text(LIVE))
)
_PAID = (
    select(col(SlotPayment.amount), func.count())
    .where(col(SlotPayment.job) == bindparam("job"), col(SlotPayment.outcome) != "cancelled")
    .group_by(col(SlotPayment.amount))
)


def newest(connection: Connection, before: int, limit: int) -> Sequence[Row[Any]]:
    """Funded jobs with their state, the newest first, older than the one numbered `before`."""
    return connection.execute(_NEWEST, {"before": before, "most": limit}).all()


def slot_states(connection: Connection, posting: int, job: str, slots: int, closed: bool) -> tuple[list[str], int]:
    """Each slot's state in the order of the slots, and the base units that were paid for them.

    The chain's word comes last: what it took is taken, whatever the coordinator believes.
    """
    states = ["cancelled" if closed else "free"] * slots
    for slot, state in () if closed else connection.execute(_SLOTS, {"posting": posting}):
        states[slot] = state
    for slot, state in taken(connection, job, slots):
        states[slot] = state
    return states, sum(amount * count for amount, count in connection.execute(_PAID, {"job": job}))
