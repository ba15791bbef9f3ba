"""What became of slots on the chain, and so of the assignments for them: the mirror's word comes before the coordinator's."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, exists, func, or_, select, text, union, union_all
from sqlalchemy.orm import aliased
from sqlmodel import col

from backend.store.mirror import is_slot
from backend.store.tables import LIVE, Assignment, Posting
from indexer.tables import Close, SlotPayment, SlotStep, run_of

RECEIPTED = ("committed", "revealed", "approved", "rejected", "batched")
"""States of an assignment whose worker holds a receipt: only its slot can be opened or paid."""
ON_CHAIN = ("opened", "contested", "appealed", "refunded", "paid", "cancelled")
"""What only the mirror says: opened slots are the worker's unless they are contested; contested ones are refunded unless they are
appealed. Cancelled is what no worker gets, by a batch or by the close."""

# ------------------------------------------------------------------------------------------------ one assignment

_has_receipt = or_(*(col(Assignment.state) == state for state in RECEIPTED))
_paid = exists().where(
    col(SlotPayment.job) == col(Posting.job),
    *is_slot(SlotPayment, col(Assignment.slot)),
    col(SlotPayment.worker) == col(Assignment.worker),
    col(SlotPayment.outcome) != "cancelled",
)
_step = (
    select(col(SlotStep.state))
    .where(
        col(SlotStep.job) == col(Posting.job),
        col(SlotStep.slot) == col(Assignment.slot),
        col(SlotStep.worker) == col(Assignment.worker),
    )
    .order_by(col(SlotStep.block_number).desc(), col(SlotStep.log_index).desc())
    .limit(1)
    .scalar_subquery()
)
_closed = exists().where(col(Close.job) == col(Posting.job))
_came_to_nothing = case((and_(_closed, col(Assignment.state) != "rejected"), "cancelled"), else_=col(Assignment.state))

assignment_state = case(
    (~_has_receipt, col(Assignment.state)),
    (_paid, "paid"),
    else_=func.coalesce(_step, _came_to_nothing),
)
"""The state of a row of `assignment` (joined with its `posting`)."""

_refused = and_(~_paid, or_(col(Assignment.state) == "rejected", func.coalesce(_step, "").in_(("contested", "appealed", "refunded"))))
_opened = aliased(SlotStep)
REFUSED = union(
    select(col(Assignment.slot))
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(col(Assignment.posting) == bindparam("of"), col(Assignment.state) == "rejected", _refused),
    select(col(Assignment.slot))
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .join(_opened, and_(col(_opened.job) == col(Posting.job), col(_opened.slot) == col(Assignment.slot)))
    .where(col(Assignment.posting) == bindparam("of"), _has_receipt, _refused),
)

is_taken = or_(
    *(
        exists()
        .where(col(Posting.number) == col(Assignment.posting))
        .where(col(table.job) == col(Posting.job), *is_slot(table, col(Assignment.slot)))
        .correlate(Assignment)
        for table in (SlotPayment, SlotStep)
    )
)
"""Whether the slot of a row of `assignment` isn't free any more, to whomever it went. No batch could pay it."""


def in_state(state: str) -> ColumnElement[bool]:
    """The condition that a row of `assignment` (joined with its `posting`) shows a state."""
    if state in ON_CHAIN:
        return and_(_has_receipt, assignment_state == state)
    own = col(Assignment.state) == state
    return and_(own, assignment_state == state) if state in RECEIPTED else own


# ------------------------------------------------------------------------------------------------ the slots of a job

_here = {table: (col(table.job) == bindparam("job"), col(table.slot) < bindparam("slots")) for table in (SlotPayment, SlotStep)}
_ranked = (
    select(
        col(SlotStep.slot),
        col(SlotStep.state),
        func.row_number()
        .over(
            partition_by=col(SlotStep.slot),
            order_by=(col(SlotStep.block_number).desc(), col(SlotStep.log_index).desc()),
        )
        .label("age"),
    )
    .where(*_here[SlotStep])
    .where(~exists().where(col(SlotPayment.job) == col(SlotStep.job), *is_slot(SlotPayment, col(SlotStep.slot))))
    .subquery()
)
_outcome = case((col(SlotPayment.outcome) == "cancelled", "cancelled"), else_="paid").label("state")
_taken = union_all(
    select(col(SlotPayment.slot), _outcome).where(*_here[SlotPayment]),
    select(_ranked.c.slot, _ranked.c.state).where(_ranked.c.age == 1),
).subquery()
_live = text(f"assignment.{LIVE}")
_TAKEN = select(_taken.c.slot, _taken.c.state)
_COUNTS = (
    select(_taken.c.state, col(Assignment.state), func.count())
    .select_from(_taken)
    .outerjoin(
        Assignment,
        and_(col(Assignment.posting) == bindparam("posting"), col(Assignment.slot) == _taken.c.slot, _live),
    )
    .group_by(_taken.c.state, col(Assignment.state))
)
_OWN = (
    select(col(Assignment.state), func.count())
    .where(col(Assignment.posting) == bindparam("posting"), _live)
    .group_by(col(Assignment.state))
)
_BETWEEN = union_all(
    *(
        select(col(table.slot)).where(
            col(table.job) == bindparam("job"), col(table.slot).between(bindparam("first"), bindparam("last")), *of_runs
        )
        for table, of_runs in ((SlotPayment, [col(SlotPayment.run).between(bindparam("first_run"), bindparam("last_run"))]), (SlotStep, []))
    )
)


def refused(connection: Connection, posting: int) -> set[int]:
    """The slots of a job whose answers are rejected or contested, and so decide nothing: all that weigh answers ask here. One that was
    overturned, and so paid, isn't among them."""
    return set(connection.execute(REFUSED, {"of": posting}).scalars())


def is_refused(row: Row[Any]) -> bool:
    """Whether an answer is among them, by its `state` and the `shown_state` that is `assignment_state`."""
    return row.shown_state in ("contested", "appealed", "refunded") or (row.state == "rejected" and row.shown_state != "paid")


def taken(connection: Connection, job: str, slots: int) -> Iterator[tuple[int, str]]:
    """Those of a job's first `slots` slots that the chain doesn't have as free, with what became of them."""
    for slot, state in connection.execute(_TAKEN, {"job": job, "slots": slots}):
        yield slot, state


def counts(connection: Connection, posting: int, job: str, slots: int, closed: bool) -> dict[str, int]:
    """How many of a job's slots are in each state; of a closed job none is free or under way, what was so is cancelled."""
    own = Counter({state: count for state, count in connection.execute(_OWN, {"posting": posting})})
    own["free"] = slots - own.total()
    shown: Counter[str] = Counter()
    for state, before, count in connection.execute(_COUNTS, {"posting": posting, "job": job, "slots": slots}):
        shown[state] += count
        own[before or "free"] -= count
    return dict(shown + Counter(cancelled=own.total()) if closed else shown + own)


def has_free(connection: Connection, job: str, first_slot: int, places: bytes) -> bool:
    """Whether the chain may still pay a slot that a batch's bytes name."""
    last = first_slot + len(places) - 1
    between = {"first": first_slot, "last": last, "first_run": run_of(first_slot), "last_run": run_of(last)}
    found = set(connection.execute(_BETWEEN, {"job": job} | between).scalars())
    return any(place and slot not in found for slot, place in enumerate(places, first_slot))
