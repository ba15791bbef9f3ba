"""Fairness in SQL: tallies of reviews, releases, signals, findings and what people say of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, literal_column, select, text, update
from sqlmodel import col

from backend.store.consensus import upsert
from backend.store.tables import (
    AnswerSignal,
    Assignment,
    Detection,
    Finding,
    FindingReview,
    Posting,
    Prediction,
    RejectionRelease,
    ReviewTally,
    Sharing,
)

LOT = 500
_TALLY = text("""
    INSERT INTO review_tally (subject, approved, rejected)
    SELECT job, CAST(:approved AS INTEGER), CAST(:rejected AS INTEGER) FROM posting WHERE number = :of
    UNION ALL
    SELECT requester, CAST(:approved AS INTEGER), CAST(:rejected AS INTEGER) FROM posting WHERE number = :of
    ON CONFLICT (subject) DO UPDATE
       SET approved = review_tally.approved + excluded.approved, rejected = review_tally.rejected + excluded.rejected""")
_COUNTS = select(ReviewTally.approved, ReviewTally.rejected).where(col(ReviewTally.subject) == bindparam("of"))
_OF_POSTING = (
    select(ReviewTally.approved, ReviewTally.rejected)
    .join(Posting, col(Posting.job) == col(ReviewTally.subject))
    .where(col(Posting.number) == bindparam("of"))
)
_RELEASE = select(RejectionRelease).where(col(RejectionRelease.posting) == bindparam("of"))
_WAITING = (
    select(RejectionRelease, Posting.job, Posting.requester)
    .join(Posting, col(Posting.number) == col(RejectionRelease.posting))
    .where(literal_column("rejection_release.decided_at IS NULL"))
    .order_by(col(RejectionRelease.asked_at))
    .limit(100)
)
_SIGNALS = (
    select(AnswerSignal)
    .where(col(AnswerSignal.posting) == bindparam("of"))
    .order_by(col(AnswerSignal.worker), col(AnswerSignal.slot))
)
_PREDICTIONS = select(Prediction).where(col(Prediction.posting) == bindparam("of")).order_by(col(Prediction.unit))
_DUE = (
    select(Detection)
    .where(literal_column("detection.due_at IS NOT NULL"), col(Detection.due_at) <= bindparam("now"))
    .order_by(col(Detection.due_at))
    .limit(1)
)
_DETECTION = select(Detection).where(col(Detection.posting) == bindparam("of"))
_FINDINGS = select(Finding).where(col(Finding.posting) == bindparam("of"))
_SUSPECTS = (
    select(Finding.worker)
    .where(col(Finding.posting) == bindparam("of"), col(Finding.worker) > bindparam("cursor"))
    .distinct()
    .order_by(col(Finding.worker))
    .limit(bindparam("most"))
)
_OWN = (
    select(Finding, Posting.job)
    .join(Posting, col(Posting.number) == col(Finding.posting))
    .where(col(Finding.worker) == bindparam("who"))
    .order_by(col(Finding.posting), col(Finding.number))
    .limit(1_000)
)
_REVIEW = select(FindingReview).where(
    col(FindingReview.posting) == bindparam("of"), col(FindingReview.worker) == bindparam("who")
)
_TEXTS = (
    select(Assignment.id, Assignment.worker, Assignment.unit, Assignment.answer)
    .where(
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.state) == bindparam("state"),
        col(Assignment.id) > bindparam("cursor"),
    )
    .order_by(col(Assignment.id))
    .limit(LOT)
)


def tally(connection: Connection, posting: int, verdict: str, before: str, count: int) -> None:
    """Counts that `count` answers went from one state to another."""
    change = {name: count * ((verdict == name) - (before == name)) for name in ("approved", "rejected")}
    if any(change.values()):
        connection.execute(_TALLY, change | {"of": posting})


def counts(connection: Connection, subject: str) -> tuple[int, int]:
    """How many answers of a job (by its id) or of a requester's jobs (by its address) are approved and rejected now."""
    row = connection.execute(_COUNTS, {"of": subject}).first()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def counts_of(connection: Connection, posting: int) -> tuple[int, int]:
    """The same of a job by its number."""
    row = connection.execute(_OF_POSTING, {"of": posting}).first()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def release(connection: Connection, posting: int) -> Row[Any] | None:
    """Whether a job's requester asked to reject more, and what was said."""
    return connection.execute(_RELEASE, {"of": posting}).one_or_none()


def ask_release(connection: Connection, posting: int, why: str, now: datetime) -> None:
    """Asks, anew after a no."""
    row = {"posting": posting, "why": why, "asked_at": now, "decided_by": None, "released": False, "said": None, "decided_at": None}
    upsert(connection, RejectionRelease, ("posting",), [row])


def releases(connection: Connection) -> Sequence[Row[Any]]:
    """Those who wait, the longest first."""
    return connection.execute(_WAITING).all()


def decide_release(connection: Connection, posting: int, by: str, released: bool, said: str, now: datetime) -> bool:
    """Answers one; False if none waits."""
    statement = update(RejectionRelease).where(col(RejectionRelease.posting) == posting, col(RejectionRelease.decided_at).is_(None))
    return connection.execute(statement.values(decided_by=by, released=released, said=said, decided_at=now)).rowcount == 1


# ------------------------------------------------------------------------------------------------ signals and findings


def shares(connection: Connection, account: str) -> bool:
    """Whether an account shares how its answers came about."""
    return connection.execute(select(Sharing.account).where(col(Sharing.account) == account)).first() is None


def share(connection: Connection, account: str, whether: bool) -> None:
    """Says so. Who stops takes back what it has shared."""
    connection.execute(delete(Sharing).where(col(Sharing.account) == account))
    if not whether:
        connection.execute(delete(AnswerSignal).where(col(AnswerSignal.worker) == account))
        connection.execute(insert(Sharing), {"account": account})


def signal(connection: Connection, row: dict[str, Any]) -> None:
    """Keeps how an answer came about."""
    upsert(connection, AnswerSignal, ("posting", "slot"), [row])


def signals(connection: Connection, posting: int) -> Sequence[Row[Any]]:
    """How a job's answers came about, by worker."""
    return connection.execute(_SIGNALS, {"of": posting}).all()


def put_predictions(connection: Connection, posting: int, rows: Sequence[dict[str, Any]]) -> None:
    """Writes what a model says (unit, label, confidence), in place of what it said before of the same units."""
    for at in range(0, len(rows), LOT):
        upsert(connection, Prediction, ("posting", "unit"), [row | {"posting": posting} for row in rows[at : at + LOT]])


def predictions(connection: Connection, posting: int) -> Sequence[Row[Any]]:
    """What a model says of a job's units."""
    return connection.execute(_PREDICTIONS, {"of": posting}).all()


def texts(connection: Connection, posting: int, state: str, cursor: str) -> Sequence[Row[Any]]:
    """Some of a job's answers in a state, by age."""
    return connection.execute(_TEXTS, {"of": posting, "state": state, "cursor": cursor}).all()


def ask_detection(connection: Connection, posting: int, now: datetime) -> None:
    """Has a job's detectors run."""
    upsert(connection, Detection, ("posting",), [{"posting": posting, "due_at": now}])


def replan(connection: Connection, now: datetime) -> None:
    """Has detectors run now that were asked for at a time that was never true."""
    connection.execute(update(Detection).where(col(Detection.due_at) > now).values(due_at=now))


def detection(connection: Connection, posting: int) -> Row[Any] | None:
    """When they run and ran."""
    return connection.execute(_DETECTION, {"of": posting}).one_or_none()


def due(connection: Connection, now: datetime) -> Row[Any] | None:
    """The job that has waited longest for its detectors."""
    return connection.execute(_DUE, {"now": now}).one_or_none()


def put_findings(connection: Connection, posting: int, rows: Sequence[dict[str, Any]], left_out: str | None, now: datetime) -> None:
    """Writes what a job's detectors say in place of what they said."""
    connection.execute(delete(Finding).where(col(Finding.posting) == posting))
    for at in range(0, len(rows), LOT):
        connection.execute(insert(Finding), [row | {"posting": posting} for row in rows[at : at + LOT]])
    done = update(Detection).where(col(Detection.posting) == posting)
    connection.execute(done.values(due_at=None, ran_at=now, left_out=left_out))


def suspects(connection: Connection, posting: int, cursor: str, limit: int) -> Sequence[str]:
    """Workers of a job whom a detector has a word on, by address."""
    return connection.execute(_SUSPECTS, {"of": posting, "cursor": cursor, "most": limit}).scalars().all()


def findings(connection: Connection, posting: int, worker: str) -> Sequence[Row[Any]]:
    """What detectors say of a worker in a job."""
    return connection.execute(_FINDINGS.where(col(Finding.worker) == worker).order_by(col(Finding.number)), {"of": posting}).all()


def own_findings(connection: Connection, worker: str) -> Sequence[Row[Any]]:
    """What detectors say of a worker anywhere."""
    return connection.execute(_OWN, {"who": worker}).all()


def review(connection: Connection, posting: int, worker: str) -> Row[Any] | None:
    """What a person says of it."""
    return connection.execute(_REVIEW, {"of": posting, "who": worker}).one_or_none()


def put_review(connection: Connection, row: dict[str, Any]) -> None:
    """Says it, in place of what was said."""
    upsert(connection, FindingReview, ("posting", "worker"), [row])


def workers(connection: Connection, posting: int, ids: Sequence[str]) -> set[str]:
    """Whose some assignments of a job are."""
    found: set[str] = set()
    for at in range(0, len(ids), LOT):
        of = select(Assignment.worker).where(col(Assignment.posting) == posting, col(Assignment.id).in_(ids[at : at + LOT]))
        found |= set(connection.execute(of).scalars())
    return found

