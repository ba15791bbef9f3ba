"""What jobs are found by, in SQL: their words, their rewards, and the pace at which they are answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, insert, literal_column, select, tuple_, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from backend.store import mirror
from backend.store.slots import RECEIPTED
from backend.store.tables import Assignment, JobListing, JobPace, JobWord, Posting, Unit

AT_ONCE = 100
MEASURED_ANSWERS = 200
"""The newest ones say the pace."""
FEW_ANSWERS, SOON, LATER = 20, timedelta(minutes=1), timedelta(hours=1)
"""A pace over few answers is measured again soon."""

_UNLISTED = (
    select(Posting)
    .where(~exists().where(col(JobListing.posting) == col(Posting.number)))
    .order_by(col(Posting.number))
    .limit(AT_ONCE)
)
DUE = (
    select(Posting.number, Posting.reward, JobListing.estimated_hourly, mirror.job_is_closed.label("closed"))
    .select_from(JobPace)
    .join(Posting, col(Posting.number) == col(JobPace.posting))
    .join(JobListing, col(JobListing.posting) == col(JobPace.posting))
    .where(col(JobPace.due_at) <= bindparam("now"))
    .order_by(col(JobPace.due_at))
    .limit(AT_ONCE)
)
_NEWEST = (
    select(Assignment.created_at, Assignment.committed_at)
    .where(col(Assignment.posting) == bindparam("of"), col(Assignment.state) == bindparam("state"))
    .order_by(col(Assignment.id).desc())
    .limit(MEASURED_ANSWERS)
)
_PACE = select(JobPace).where(col(JobPace.posting) == bindparam("of"))


def add(connection: Connection, listing: dict[str, Any], words: Iterable[str], now: datetime) -> None:
    """Lists a job. Until it is answered its pace is what its requester estimates, or 0."""
    number = listing["posting"]
    connection.execute(insert(JobListing), listing)
    rows = [{"word": word, "posting": number} for word in words]
    if rows:
        connection.execute(insert(JobWord), rows)
    pace = {"posting": number, "answers": 0, "median_seconds": 0, "hourly": listing["estimated_hourly"] or 0}
    connection.execute(insert(JobPace), pace | {"measured_at": now, "due_at": now + SOON})


def unlisted(connection: Connection) -> Sequence[Row[Any]]:
    """Some jobs that can't be found yet."""
    return connection.execute(_UNLISTED).all()


def due(connection: Connection, now: datetime) -> Sequence[Row[Any]]:
    """Some jobs whose pace is to be measured again, what is due longest first; `closed` says that it is for the last time."""
    return connection.execute(DUE, {"now": now}).all()


def newest_seconds(connection: Connection, posting: int) -> list[float]:
    """How long the newest answers took from the reservation to the commitment. Each state's newest are found by an index."""
    took = [
        row
        for state in RECEIPTED
        for row in connection.execute(_NEWEST, {"of": posting, "state": state})
        if row.committed_at is not None
    ]
    took.sort(key=lambda row: row.committed_at, reverse=True)
    return [(row.committed_at - row.created_at).total_seconds() for row in took[:MEASURED_ANSWERS]]


def measure(connection: Connection, posting: int, pace: dict[str, Any]) -> None:
    """Writes a job's pace."""
    connection.execute(update(JobPace).where(col(JobPace.posting) == posting).values(**pace))


def replan(connection: Connection, now: datetime) -> None:
    """Has paces measured now that were measured last at a time that was never true."""
    waits = col(JobPace.due_at) > now, col(JobPace.measured_at) > now
    connection.execute(update(JobPace).where(*waits).values(due_at=now))


def pace(connection: Connection, posting: int) -> Row[Any] | None:
    """A job's pace; None if it isn't listed yet."""
    return connection.execute(_PACE, {"of": posting}).one_or_none()


# ------------------------------------------------------------------------------------------------ searching

_HAS_FREE = exists().where(col(Unit.posting) == col(Posting.number), literal_column("unit.free > 0"))
"""As its index has it."""

SORTS = ("newest", "reward", "hourly")
"""The largest first. Without one: by age, the oldest first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job must be to be found. Amounts in base units; the hourly rate is the measured one, else the estimated one."""

    requester: str | None = None
    token: str | None = None
    template: str | None = None
    ai_policy: str | None = None
    reward_min: int | None = None
    reward_max: int | None = None
    hourly_min: int | None = None
    words: tuple[str, ...] = field(default=())
    sort: str | None = None
    takeable_at: int | None = None
    """Unix seconds: only jobs that have a free slot and are not over by then."""


def page(connection: Connection, wanted: Wanted, after: tuple[int, ...] | None, limit: int) -> Sequence[Row[Any]]:
    """Jobs with their state and `hourly`, in the order that is wanted, behind the place `after` (see `place`)."""
    query = select(Posting, mirror.posting_state.label("state"), col(JobPace.hourly))
    query = query.join(JobPace, col(JobPace.posting) == col(Posting.number), isouter=wanted.sort != "hourly")
    query = query.join(JobListing, col(JobListing.posting) == col(Posting.number), isouter=wanted.sort != "reward")
    number: Any = col(Posting.number)
    for at, word in enumerate(wanted.words):
        said = aliased(JobWord)
        query = query.join(said, and_(col(said.posting) == col(Posting.number), col(said.word) == word))
        number = number if at else col(said.posting)
    first = {"reward": (col(JobListing.reward), col(JobListing.posting)), "hourly": (col(JobPace.hourly), col(JobPace.posting))}
    keys = first.get(wanted.sort or "", (number,))
    conditions = _conditions(wanted)
    if after is not None:
        bound = tuple(bindparam(None, value, key.type) for key, value in zip(keys, after, strict=True))
        here, there = (tuple_(*keys), tuple_(*bound)) if len(keys) > 1 else (keys[0], bound[0])
        conditions.append(here < there if wanted.sort else here > there)
    order = [key.desc() if wanted.sort else key for key in keys]
    return connection.execute(query.where(*conditions).order_by(*order).limit(limit)).all()


def place(row: Row[Any], sort: str | None) -> tuple[int, ...]:
    """Where a row stands in an order."""
    return (row.number,) if sort in (None, "newest") else (getattr(row, str(sort)), row.number)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    asked = (
        (wanted.requester, lambda it: col(Posting.requester) == it),
        (wanted.token, lambda it: col(Posting.token) == it),
        (wanted.template, lambda it: col(JobListing.template) == it),
        (wanted.ai_policy, lambda it: col(JobListing.ai_policy) == it),
        (wanted.reward_min, lambda it: col(JobListing.reward) >= it),
        (wanted.reward_max, lambda it: col(JobListing.reward) <= it),
        (wanted.hourly_min, lambda it: col(JobPace.hourly) >= it),
        (wanted.takeable_at, lambda it: and_(col(Posting.closes_at) > it, _HAS_FREE)),
    )
    return [condition(value) for value, condition in asked if value is not None]
