"""What waits for somebody, and until when: derived from mirror and assignments at the moment of asking, for one account or for all.

Instants are Unix seconds of the chain. Only this coordinator's own jobs are looked at.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, func, or_, select, text
from sqlmodel import col

from backend.store import disputes, mirror, stewardship
from backend.store.mirror import is_slot
from backend.store.tables import Assignment, Posting, SignedBatch
from indexer.tables import Appeal, AppealPhase, Close, Contest, Finalization, Job, Opening, SlotPayment, SlotStep
from piecework.domain.terms import MAX_WINDOW
from piecework.domain.units import NATIVE


class Deadline(NamedTuple):
    """One thing that one account may do now.

    Attributes:
        step: answer or reveal (an assignment that the account holds), review (answers), approve (batches that wait for a signature), contest, appeal or defend; and close, where answers are
            neither approved nor opened and their job's end comes.
        subject: the assignment's, the opening's or the appeal's id, else the job's.
        slots: how many it is about.
        since, until: when it began to wait, and when it is too late; until is None where nothing runs out before the job closes.
    """

    account: str
    step: str
    job: str
    subject: str
    slots: int
    since: int
    until: int | None


_closed = exists().where(col(Close.job) == col(Posting.job))
_contested = func.coalesce(select(func.sum(col(Contest.slots))).where(col(Contest.opening) == col(Opening.opening)).scalar_subquery(), 0)
_window_ends = col(Opening.opened_at) + col(Job.review_window)
_CONTEST = (
    select(Job.requester, Job.job, Opening.opening, (col(Opening.slots) - _contested).label("slots"), Opening.opened_at, _window_ends)
    .select_from(Opening)
    .join(Job, col(Job.job) == col(Opening.job))
    .join(Posting, col(Posting.job) == col(Opening.job))
    .where(
        *mirror.own(Opening),
        col(Opening.slots) > _contested,
        ~exists().where(col(Finalization.opening) == col(Opening.opening)),
    )
)
_later = SlotStep.__table__.alias("later")  # type: ignore[attr-defined]  # SQLModel adds it to every table class
_APPEAL = (
    select(
        SlotStep.worker, Job.job, Opening.opening, func.count(), _window_ends, (_window_ends + col(Job.appeal_window)).label("until")
    )
    .select_from(SlotStep)
    .join(Opening, and_(col(Opening.opening) == col(SlotStep.opening), *mirror.own(Opening)))
    .join(Job, col(Job.job) == col(SlotStep.job))
    .join(Posting, col(Posting.job) == col(SlotStep.job))
    .where(
        col(SlotStep.state) == "contested",
        col(Job.arbitrator) != NATIVE,
        ~exists().where(
            _later.c.job == col(SlotStep.job), _later.c.slot == col(SlotStep.slot), _later.c.state.in_(("appealed", "refunded"))
        ),
        ~exists().where(col(SlotPayment.job) == col(SlotStep.job), *is_slot(SlotPayment, col(SlotStep.slot))),
    )
    .group_by(col(SlotStep.worker), Job.job, Opening.opening, Opening.opened_at, Job.review_window, Job.appeal_window)
)
_after = AppealPhase.__table__.alias("after")  # type: ignore[attr-defined]
_defence_ends = col(AppealPhase.since_at) + col(Job.appeal_window)
_DEFEND = (
    select(Job.requester, Job.job, AppealPhase.appeal, Appeal.slots, AppealPhase.since_at, _defence_ends)  # type: ignore[call-overload]
    .select_from(AppealPhase)
    .join(Appeal, col(Appeal.appeal) == col(AppealPhase.appeal))
    .join(Job, col(Job.job) == col(AppealPhase.job))
    .join(Posting, col(Posting.job) == col(AppealPhase.job))
    .where(
        *mirror.own(AppealPhase),
        text("mirror_appeal_phase.phase = 'pending'"),  # the words of its partial index
        ~exists().where(_after.c.chain_id == col(AppealPhase.chain_id), _after.c.appeal == col(AppealPhase.appeal), _after.c.phase != "pending"),
    )
)
_REVIEW = (
    select(Posting.requester, Posting.job, func.count(), func.min(Assignment.revealed_at), Posting.auto_approval_seconds, Posting.closes_at)
    .select_from(Posting)
    .join(Assignment, col(Assignment.posting) == col(Posting.number))
    .where(col(Assignment.state) == "revealed", ~_closed)
    .group_by(Posting.requester, Posting.job, Posting.auto_approval_seconds, Posting.closes_at)
)
_APPROVE = (
    select(Posting.requester, Posting.job, func.sum(col(SignedBatch.slots)), func.min(SignedBatch.created_at), Posting.closes_at)
    .select_from(Posting)
    .join(SignedBatch, col(SignedBatch.posting) == col(Posting.number))
    .where(col(SignedBatch.approval).is_(None), ~_closed)
    .group_by(Posting.requester, Posting.job, Posting.closes_at)
)
_CLOSING = (
    select(Posting.requester, Assignment.worker, Posting.job, func.count(), Posting.created_at, Posting.closes_at)
    .select_from(Posting)
    .join(Assignment, disputes.unsettled)
    .where(~_closed, exists().where(col(Job.job) == col(Posting.job)))
    .group_by(Posting.requester, Assignment.worker, Posting.job, Posting.created_at, Posting.closes_at)
)
_HELD = (
    select(Assignment.worker, Assignment.state, Posting.job, Assignment.id, Assignment.created_at, Assignment.expires_at, Posting.closes_at)  # type: ignore[call-overload]  # seven are fine
    .select_from(Assignment)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(col(Assignment.state).in_(("reserved", "committed")), ~_closed)
    .order_by(col(Assignment.id))
)
MOST = 20_000
"""Rows of each kind."""


def of_account(connection: Connection, account: str, now: int) -> list[Deadline]:
    """All that an account may do, what is due first before the rest."""
    found = [
        *_held(connection, _HELD.where(col(Assignment.worker) == account)),
        *_rows(connection, "contest", _CONTEST.where(_window_ends > now, col(Job.requester) == account)),
        *_rows(connection, "appeal", _appeals(now).where(col(SlotStep.worker) == account)),
        *_rows(connection, "defend", _defences(now).where(col(Job.requester) == account)),
        *_reviews(connection, _REVIEW.where(col(Posting.requester) == account)),
        *_approvals(connection, _APPROVE.where(col(Posting.requester) == account)),
        *_closing(connection, _CLOSING.where(col(Posting.closes_at) > now, or_(col(Posting.requester) == account, col(Assignment.worker) == account))),
    ]
    return sorted((one for one in found if one.account == account), key=lambda one: (one.until is None, one.until or 0, one.step, one.subject))


def before(connection: Connection, now: int, by: int) -> list[Deadline]:
    """What of everybody's is due after `now` and until `by`. What was over long ago and what begins later isn't looked at."""
    steps = near(now, by)
    read = {"review": _reviews, "close": _closing}
    found = [
        one
        for step, statement in steps.items()
        for one in (read[step](connection, statement) if step in read else _rows(connection, step, statement))
    ]
    return [one for one in found if one.until is not None and now < one.until <= by]


def near(now: int, by: int) -> dict[str, Select[Any]]:
    """What is asked for that, by step."""
    first, last = (datetime.fromtimestamp(instant, UTC) for instant in (now, by))
    return {
        "contest": _CONTEST.where(_window_ends > now, _window_ends <= by, col(Opening.opened_at) > now - MAX_WINDOW),
        "appeal": _appeals(now).where(
            _window_ends + col(Job.appeal_window) <= by,
            col(SlotStep.opening).in_(select(Opening.opening).where(col(Opening.opened_at) > now - 2 * MAX_WINDOW)),
        ),
        "defend": _defences(now).where(_defence_ends <= by, col(AppealPhase.since_at) > now - MAX_WINDOW),
        "review": _REVIEW.where(stewardship.unreviewed, col(Assignment.review_until) > first, col(Assignment.review_until) <= last),
        "close": _CLOSING.where(col(Posting.closes_at) > now, col(Posting.closes_at) <= by),
    }


def _appeals(now: int) -> Select[Any]:
    return _APPEAL.where(_window_ends <= now, _window_ends + col(Job.appeal_window) > now)


def _defences(now: int) -> Select[Any]:
    return _DEFEND.where(_defence_ends > now)


def _rows(connection: Connection, step: str, statement: Select[Any]) -> Iterator[Deadline]:
    for account, job, subject, slots, since, until in connection.execute(statement.limit(MOST)):
        yield Deadline(account, step, job, subject, int(slots), int(since), int(until))


def _held(connection: Connection, statement: Select[Any]) -> Iterator[Deadline]:
    """A reservation ends; what is committed can be revealed until the job closes."""
    for worker, state, job, id, taken_at, expires_at, closes_at in connection.execute(statement.limit(MOST)):
        step, until = ("answer", int(expires_at.timestamp())) if state == "reserved" else ("reveal", closes_at)
        yield Deadline(worker, step, job, id, 1, int(taken_at.timestamp()), until)


def _reviews(connection: Connection, statement: Select[Any]) -> Iterator[Deadline]:
    """Until the oldest answer's time for a review is over, where the job has one."""
    for requester, job, count, oldest, delay, _ in connection.execute(statement.limit(MOST)):
        since = int(oldest.timestamp())
        yield Deadline(requester, "review", job, job, int(count), since, None if delay is None else since + delay)


def _approvals(connection: Connection, statement: Select[Any]) -> Iterator[Deadline]:
    for requester, job, slots, oldest, closes_at in connection.execute(statement.limit(MOST)):
        yield Deadline(requester, "approve", job, job, int(slots), int(oldest.timestamp()), closes_at)


def _closing(connection: Connection, statement: Select[Any]) -> Iterator[Deadline]:
    """Each worker's own answers for the worker, and all of them for the requester."""
    whole: dict[str, Deadline] = {}
    for requester, worker, job, count, posted_at, closes_at in connection.execute(statement.limit(MOST)):
        since = int(posted_at.timestamp())
        yield Deadline(worker, "close", job, job, int(count), since, closes_at)
        before = whole.get(job)
        whole[job] = Deadline(requester, "close", job, job, int(count) + (before.slots if before else 0), since, closes_at)
    yield from whole.values()
