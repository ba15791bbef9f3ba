"""A job's answers in SQL, in the order of its slots, in lots: however many there are, few are in memory."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select, text
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import LIVE, AnswerReport, Assignment, Posting, Unit

Piece = tuple[Row[Any], int, int]
_report, _reported = col(AnswerReport.kind).label("report"), col(AnswerReport.assignment) == col(Assignment.id)
_SAID = (
    select(
        Assignment.slot,
        Assignment.unit,
        Assignment.worker,
        Assignment.state,
        Assignment.answer,
        Assignment.revealed_at,
        Assignment.reviewed_at,
        _report,
    )
    .outerjoin(AnswerReport, _reported)
    .where(col(Assignment.posting) == bindparam("posting"), col(Assignment.slot) > bindparam("after"))
    .where(col(Assignment.answer).is_not(None), text(LIVE))
    .order_by(col(Assignment.slot))
    .limit(bindparam("most"))
)
_WHOLE = (
    select(Assignment, slots.assignment_state.label("shown_state"), _report)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .outerjoin(AnswerReport, _reported)
    .where(col(Assignment.posting) == bindparam("posting"))
    .where(col(Assignment.slot).between(bindparam("first"), bindparam("last")))
    .where(col(Assignment.answer).is_not(None), text(f"assignment.{LIVE}"))
    .order_by(col(Assignment.slot))
)
_MATCHING = (
    select(Assignment.id, Assignment.unit, Assignment.slot)
    .where(col(Assignment.posting) == bindparam("posting"), col(Assignment.id) > bindparam("after"))
    .where(col(Assignment.answer).is_not(None))
    .order_by(col(Assignment.id))
    .limit(bindparam("most"))
)
_REVEALED = (
    select(Posting.job, Posting.requester, func.count().label("count"), func.max(Assignment.revealed_at).label("newest"))
    .select_from(Posting)
    .join(Assignment, col(Assignment.posting) == col(Posting.number))
    .where(col(Assignment.revealed_at) > bindparam("since"), col(Assignment.revealed_at) <= bindparam("until"))
    .where(col(Assignment.revealed_at).is_not(None))  # the words of its partial index
    .group_by(Posting.job, Posting.requester)
)
_ANSWERED = (
    select(func.count(), func.count(case((col(Assignment.state) != "rejected", col(Assignment.unit))).distinct()))
    .select_from(Assignment)
    .outerjoin(AnswerReport, _reported)
    .where(col(Assignment.posting) == bindparam("posting"), col(AnswerReport.kind).is_(None))
    .where(col(Assignment.answer).is_not(None), text(f"assignment.{LIVE}"))
)
_WORKERS = (
    select(Assignment.worker)
    .where(col(Assignment.posting) == bindparam("posting"), text(LIVE))
    .distinct()
    .order_by(col(Assignment.worker))
)
_UNIT = select(Unit).where(col(Unit.posting) == bindparam("posting"), col(Unit.position) == bindparam("position"))
_JOBS = (
    select(Posting, mirror.posting_state.label("state"))
    .where(col(Posting.requester) == bindparam("by"), col(Posting.number) < bindparam("before"))
    .order_by(col(Posting.number).desc())
    .limit(bindparam("most"))
)


def said(connection: Connection, posting: int, after: int, most: int) -> Sequence[Row[Any]]:
    """Answers of slots behind `after`: slot, unit, worker, state, answer (canonical JSON), when it was revealed and reviewed, and
    what it reports in place of an answer (`report`, None for none)."""
    return connection.execute(_SAID, {"posting": posting, "after": after, "most": most}).all()


def whole(connection: Connection, posting: int, first: int, last: int) -> Sequence[Row[Any]]:
    """All that is kept of the answers of the slots from `first` to `last`, each with the state that is shown and
    what it reports in place of an answer (`report`, None for none)."""
    return connection.execute(_WHOLE, {"posting": posting, "first": first, "last": last}).all()


def unit(connection: Connection, posting: int, position: int) -> Row[Any] | None:
    """One unit of a job."""
    return connection.execute(_UNIT, {"posting": posting, "position": position}).one_or_none()


def workers(connection: Connection, posting: int) -> Sequence[str]:
    """Who has a slot of the job, or had one and didn't give it back."""
    return connection.execute(_WORKERS, {"posting": posting}).scalars().all()


def answered(connection: Connection, posting: int) -> tuple[int, int]:
    """How many answers a job has, rejected ones too but no reports, and how many units have one that isn't rejected: it looks at all of them."""
    answers, units = connection.execute(_ANSWERED, {"posting": posting}).one()
    return int(answers), int(units)


def jobs(connection: Connection, requester: str, before: int, most: int) -> Sequence[Row[Any]]:
    """A requester's jobs with their state, drafts too, the newest first, older than the one numbered `before`."""
    return connection.execute(_JOBS, {"by": requester, "before": before, "most": most}).all()


def spans(units: Sequence[Row[Any]], most: int) -> Iterator[Piece]:
    """The slots of each unit, first and last, in pieces of at most `most`."""
    for row in units:
        end = row.first_slot + row.slots
        for first in range(row.first_slot, end, most):
            yield row, first, min(first + most, end) - 1


def joined(pieces: Iterable[Piece], most: int) -> Iterator[list[Piece]]:
    """Neighbouring pieces of `spans` to be read at once, of at most `most` slots."""
    part: list[Piece] = []
    for piece in pieces:
        if part and piece[2] - part[0][1] >= most:
            yield part
            part = []
        part.append(piece)
    if part:
        yield part


def matching(
    connection: Connection, posting: int, state: str | None, worker: str | None, unit: int | None, after: str, most: int
) -> Sequence[Row[Any]]:
    """Answers by age behind the id `after`, as `id`, `unit`, `slot`; None where something doesn't matter."""
    statement = _MATCHING
    if state is not None:
        statement = statement.where(col(Assignment.state) == state)
    if worker is not None:
        statement = statement.where(col(Assignment.worker) == worker)
    if unit is not None:
        statement = statement.where(col(Assignment.unit) == unit)
    return connection.execute(statement, {"posting": posting, "after": after, "most": most}).all()


def revealed_between(connection: Connection, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """Jobs with answers revealed after `since` and until `until`: job, requester, how many (count) and when the newest."""
    return connection.execute(_REVEALED, {"since": since, "until": until}).all()
