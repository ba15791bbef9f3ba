"""HITs and HIT types in SQL, and what is derived of a HIT from its assignments: its counters and its status."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, insert, or_, select, text, union_all, update
from sqlmodel import col

from backend.mturk.errors import RequestError, missing
from backend.mturk.requirements import Requirement, read_requirements
from backend.store.tables import LIVE, Assignment, Posting, Unit
from backend.store.tables.mturk import MTurkHit, MTurkHitType, MTurkLayout, MTurkPart

_TYPE = select(MTurkHitType).where(col(MTurkHitType.id) == bindparam("id"))
_HIT = (
    select(MTurkHit, MTurkHitType.title, MTurkHitType.description, MTurkHitType.keywords, MTurkHitType.reward_cents,
           MTurkHitType.assignment_seconds, MTurkHitType.auto_approval_seconds, MTurkHitType.qualifications)
    .join(MTurkHitType, col(MTurkHitType.id) == col(MTurkHit.hit_type))
)
_ONE = _HIT.where(col(MTurkHit.id) == bindparam("id"))
_QUESTION = select(MTurkHit.question).where(col(MTurkHit.id) == bindparam("id"))
_OF_UNIT = (
    select(MTurkPart.hit)
    .join(Posting, col(Posting.number) == col(MTurkPart.posting))
    .where(col(Posting.job) == bindparam("job"), col(MTurkPart.position) == bindparam("position"))
)
_NEWEST_JOB = (
    select(Posting.job)
    .join(MTurkPart, col(MTurkPart.posting) == col(Posting.number))
    .join(MTurkHit, col(MTurkHit.id) == col(MTurkPart.hit))
    .where(col(MTurkHit.hit_type) == bindparam("type"), col(MTurkPart.settled))
    .order_by(col(MTurkHit.number).desc())
    .limit(1)
)
_DUE = {"policies_due": col(MTurkHit.policies).is_not(None)}
_BY_TOKEN = select(MTurkHit.id).where(
    col(MTurkHit.requester) == bindparam("of"),
    col(MTurkHit.token) == bindparam("token"),
    col(MTurkHit.created_at) > bindparam("since"),
)
_PART_BY_TOKEN = (
    select(MTurkPart.hit)
    .where(col(MTurkPart.hit) == bindparam("hit"), col(MTurkPart.token) == bindparam("token"))
    .limit(1)
)
unit_of_part = and_(col(Unit.posting) == col(MTurkPart.posting), col(Unit.position) == col(MTurkPart.position))
"""How a part of a HIT is joined with its unit."""
work_of_unit = and_(
    col(Assignment.posting) == col(Unit.posting),
    col(Assignment.slot).between(col(Unit.first_slot), col(Unit.first_slot) + col(Unit.slots) - 1),
    text(f"assignment.{LIVE}"),
    col(Assignment.worker) != col(MTurkPart.requester),  # those cancel slots
)
"""How that is joined with its workers' assignments, by their slots: the index of the living ones has it so."""
_COUNTS = (
    select(MTurkPart.hit, Assignment.state, func.count())
    .join(Unit, unit_of_part)
    .join(Assignment, work_of_unit)
    .where(col(MTurkPart.hit).in_(bindparam("hits", expanding=True)))
    .group_by(col(MTurkPart.hit), col(Assignment.state))
)
_UNDER_WAY = ("reserved", "committed")
_APPROVED = ("approved", "batched")


@dataclass(frozen=True, slots=True)
class Counters:
    """A HIT's assignments. Submitted ones are neither pending nor completed."""

    available: int
    pending: int
    submitted: int
    approved: int
    rejected: int

    @property
    def completed(self) -> int:
        return self.approved + self.rejected


@dataclass(frozen=True, slots=True)
class Hit:
    """A HIT with its counters at a moment."""

    row: Row[Any]
    counters: Counters
    now: datetime

    @property
    def id(self) -> str:
        return str(self.row.id)

    @property
    def status(self) -> str:
        """Assignable, Unassignable, Reviewable, Reviewing or Disposed."""
        if self.row.disposed_at is not None:
            return "Disposed"
        if self.counters.available:
            return "Assignable"
        if self.counters.pending:
            return "Unassignable"
        return "Reviewing" if self.row.reviewing else "Reviewable"

    @property
    def is_expired(self) -> bool:
        return bool(self.row.expires_at <= self.now)


def hit_type(connection: Connection, requester: str, id: str) -> Row[Any]:
    """A requester's HIT type.

    Raises:
        RequestError: it has none of that id.
    """
    row = connection.execute(_TYPE, {"id": id}).one_or_none()
    if row is None or row.requester != requester:
        raise missing("HITType", id)
    return row


def add_type(connection: Connection, values: dict[str, Any]) -> None:
    """Keeps a HIT type; the same again is fine, for its id is the hash of its values."""
    if connection.execute(_TYPE, {"id": values["id"]}).one_or_none() is None:
        connection.execute(insert(MTurkHitType), values)


def set_notification(connection: Connection, id: str, notification: dict[str, Any] | None) -> None:
    """Where a HIT type's events go; None for nowhere."""
    text = None if notification is None else json.dumps(notification)
    connection.execute(update(MTurkHitType).where(col(MTurkHitType.id) == id).values(notification=text))


def notification(row: Row[Any]) -> dict[str, Any] | None:
    """Where a HIT type's events go and whether they do; None where nothing was ever set."""
    return None if row.notification is None else json.loads(row.notification)


def requirements(row: Row[Any]) -> tuple[Requirement, ...]:
    """The qualification requirements in a row with a HIT type's columns."""
    return read_requirements(json.loads(row.qualifications))


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Keeps a new HIT."""
    connection.execute(insert(MTurkHit), values)


def add_part(
    connection: Connection, hit: dict[str, Any] | Row[Any], slots: int, operator: str, now: datetime, token: str | None = None
) -> None:
    """Slots of a HIT that wait to be funded by an operator."""
    of = hit if isinstance(hit, dict) else hit._mapping
    connection.execute(
        insert(MTurkPart),
        {
            "hit": of["id"],
            "requester": of["requester"],
            "hit_type": of["hit_type"],
            "slots": slots,
            "operator": operator,
            "token": token,
            "created_at": now,
        },
    )


def with_token(connection: Connection, requester: str, token: str, since: datetime) -> str | None:
    """The HIT that was made with a UniqueRequestToken since then."""
    return connection.execute(_BY_TOKEN, {"of": requester, "token": token, "since": since}).scalar()


def extended_with(connection: Connection, hit: str, token: str) -> bool:
    """Whether a HIT was given more assignments with a UniqueRequestToken."""
    return connection.execute(_PART_BY_TOKEN, {"hit": hit, "token": token}).scalar() is not None


def one(connection: Connection, requester: str, id: str, now: datetime) -> Hit:
    """A requester's HIT, also a disposed one.

    Raises:
        RequestError: it has none of that id.
    """
    row = connection.execute(_ONE, {"id": id}).one_or_none()
    if row is None or row.requester != requester:
        raise missing("HIT", id)
    return _with_counters(connection, [row], now)[0]


def question(connection: Connection, id: str) -> str:
    """What a HIT asks, whoever's it is."""
    return str(connection.execute(_QUESTION, {"id": id}).scalar_one())


def of_unit(connection: Connection, job: str, position: int) -> str | None:
    """The HIT that a unit of a job is part of; None where it is no HIT's."""
    found: str | None = connection.execute(_OF_UNIT, {"job": job, "position": position}).scalar()
    return found


def newest_job(connection: Connection, hit_type: str) -> str | None:
    """The newest funded job of a HIT type."""
    found: str | None = connection.execute(_NEWEST_JOB, {"type": hit_type}).scalar()
    return found


def page(
    connection: Connection, requester: str, where: Iterable[ColumnElement[bool]], cursor: int | None, limit: int, now: datetime
) -> list[Hit]:
    """A requester's HITs that aren't disposed, the newest first, those before number `cursor`."""
    before = [] if cursor is None else [col(MTurkHit.number) < cursor]
    rows = connection.execute(
        _HIT.where(col(MTurkHit.requester) == requester, col(MTurkHit.disposed_at).is_(None), *where, *before)
        .order_by(col(MTurkHit.number).desc())
        .limit(limit)
    ).all()
    return _with_counters(connection, rows, now)


def _free() -> ColumnElement[bool]:
    """The condition that a HIT has a free slot. One that waits for its money has."""
    return (
        select(MTurkPart.id)
        .outerjoin(Unit, unit_of_part)
        .where(col(MTurkPart.hit) == col(MTurkHit.id), or_(col(MTurkPart.posting).is_(None), col(Unit.free) > 0))
        .correlate(MTurkHit)
        .exists()
    )


def candidates(
    requester: str, reviewing: bool, hit_type: str | None, cursor: int | None, limit: int, now: datetime
) -> Select[Any]:
    """Finds a requester's newest HITs before number `cursor` that nobody can take: they may be reviewable, or else somebody works on them.
    What is marked so is found by its index, and so is what has ended and isn't marked yet."""
    of = [col(MTurkHit.requester) == requester, col(MTurkHit.reviewing) == reviewing]
    of += [] if hit_type is None else [col(MTurkHit.hit_type) == hit_type]
    of += [] if cursor is None else [col(MTurkHit.number) < cursor]
    marked = (
        select(MTurkHit.number)
        .where(*of, text("mturk_hit.may_be_reviewable AND mturk_hit.disposed_at IS NULL"))  # its partial indexes' words
        .order_by(col(MTurkHit.number).desc())
        .limit(limit)
        .subquery()
    )
    ended = select(MTurkHit.number).where(text("mturk_hit.offered"), col(MTurkHit.expires_at) <= now)  # anybody's: they are few
    numbers = union_all(select(marked.c.number), ended)
    return _HIT.where(*of, col(MTurkHit.number).in_(numbers)).order_by(col(MTurkHit.number).desc()).limit(limit)


def reviewable_page(
    connection: Connection, requester: str, reviewing: bool, hit_type: str | None, cursor: int | None, limit: int, now: datetime
) -> list[Hit]:
    """Those of `candidates` with their counters; fewer than `limit` where there are no more."""
    return _with_counters(connection, connection.execute(candidates(requester, reviewing, hit_type, cursor, limit, now)).all(), now)


def mark_taken(connection: Connection, id: str) -> None:
    """Marks a HIT that has no free slot any more as one that may be reviewable; call it when an answer to it was submitted."""
    taken = update(MTurkHit).where(col(MTurkHit.id) == id, col(MTurkHit.may_be_reviewable).is_(False), ~_free())
    connection.execute(taken.values(may_be_reviewable=True))


def mark_anew(connection: Connection, id: str, now: datetime) -> None:
    """Marks a HIT whose end or slots were changed as one that may be reviewable, or not: whether nobody can take it."""
    nobody = or_(col(MTurkHit.expires_at) <= now, ~_free())
    connection.execute(update(MTurkHit).where(col(MTurkHit.id) == id).values(may_be_reviewable=nobody))


def change(connection: Connection, id: str, **values: Any) -> None:
    """Writes columns of a HIT, whose review policies look at it again."""
    connection.execute(update(MTurkHit).where(col(MTurkHit.id) == id).values(_DUE | values))


def stir(connection: Connection, id: str) -> None:
    """Has a HIT's review policies look at it again, in the transaction in which something happens to it."""
    change(connection, id)


def _with_counters(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> list[Hit]:
    states: dict[str, Counter[str]] = {row.id: Counter() for row in rows}
    if rows:
        for hit, state, count in connection.execute(_COUNTS, {"hits": list(states)}):
            states[hit][state] += count
    return [Hit(row, _counters(row, states[row.id], now), now) for row in rows]


def _counters(row: Row[Any], states: Counter[str], now: datetime) -> Counters:
    closed = row.disposed_at is not None or row.expires_at <= now
    return Counters(
        0 if closed else max(0, row.most_assignments - states.total()),
        sum(states[state] for state in _UNDER_WAY),
        states["revealed"],
        sum(states[state] for state in _APPROVED),
        states["rejected"],
    )


def view(hit: Hit) -> dict[str, Any]:
    """A HIT in the form of the interface. Requirements and counters are always there: clients index them."""
    row, counters = hit.row, hit.counters
    shown = {
        "HITId": row.id,
        "HITTypeId": row.hit_type,
        "HITGroupId": row.hit_type,
        "HITLayoutId": row.layout,
        "CreationTime": row.created_at.timestamp(),
        "Title": row.title,
        "Description": row.description,
        "Question": row.question,
        "Keywords": row.keywords,
        "HITStatus": hit.status,
        "MaxAssignments": row.most_assignments,
        "Reward": dollars(row.reward_cents),
        "AutoApprovalDelayInSeconds": row.auto_approval_seconds,
        "Expiration": row.expires_at.timestamp(),
        "AssignmentDurationInSeconds": row.assignment_seconds,
        "RequesterAnnotation": row.annotation,
        "QualificationRequirements": [one.as_given() for one in requirements(row)],
        "HITReviewStatus": "NotReviewed",
        "NumberOfAssignmentsPending": counters.pending,
        "NumberOfAssignmentsAvailable": counters.available,
        "NumberOfAssignmentsCompleted": counters.completed,
    }
    return {name: value for name, value in shown.items() if value is not None}


def dollars(cents: int) -> str:
    """Cents as the interface writes money: dollars with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"


def cents(name: str, amount: str) -> int:
    """An amount of the interface in cents; the model has checked its form.

    Raises:
        RequestError: too much for any job.
    """
    whole, _, part = amount.partition(".")
    value = int(whole) * 100 + int((part + "00")[:2])
    if value > 10**12:
        raise RequestError("InvalidParameterValue", f"{name} is more than anybody has.")
    return value


_LAYOUT = select(MTurkLayout).where(col(MTurkLayout.id) == bindparam("id"), col(MTurkLayout.requester) == bindparam("of"))


def layout(connection: Connection, requester: str, id: str) -> Row[Any] | None:
    """A requester's layout."""
    return connection.execute(_LAYOUT, {"id": id, "of": requester}).one_or_none()


def requires(requester: str, qualification: str) -> ColumnElement[bool]:
    """The condition that the type of a requester's HIT requires a qualification."""
    own = col(MTurkHitType.requester) == requester
    types = select(MTurkHitType.id).where(own, col(MTurkHitType.qualifications).contains(f'"{qualification}"', autoescape=True))
    return col(MTurkHit.hit_type).in_(types)
