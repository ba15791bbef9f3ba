"""Consensus in SQL: labels as they came, units as they are thought of, workers' skills, and which units are asked on."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, delete, exists, func, insert, literal_column, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from backend.store.tables import AnswerLabel, Assignment, JobConsensus, JobListing, Posting, Unit, UnitConsensus, WorkerSkill

AT_ONCE = 200
"""Answers that are taken in one transaction: fewer than a statement may have variables."""
LOT = 10_000
UNASKED = -(10**7)
"""The rank of a unit that nobody has answered: before any whose next answer can be weighed."""

_SAY = insert(AnswerLabel)
_NEW = (
    select(AnswerLabel)
    .where(literal_column("answer_label.place IS NULL"), exists().where(col(JobListing.posting) == col(AnswerLabel.posting)))
    .order_by(col(AnswerLabel.posting), col(AnswerLabel.slot))
    .limit(AT_ONCE)
)
_WAITING = select(func.count()).where(literal_column("answer_label.place IS NULL"), col(AnswerLabel.posting) == bindparam("of"))
_PLACE = (
    update(AnswerLabel)
    .where(col(AnswerLabel.posting) == bindparam("b_posting"), col(AnswerLabel.slot) == bindparam("b_slot"))
    .values(place=bindparam("b_place"))
)
_JOB = select(JobConsensus).where(col(JobConsensus.posting) == bindparam("of"))
_TEMPLATE = select(JobListing.template).where(col(JobListing.posting) == bindparam("of"))
_REJECTED = (
    select(Assignment.unit, func.count())
    .where(
        col(Assignment.posting) == bindparam("of"),
        col(Assignment.state) == "rejected",
        col(Assignment.unit).in_(bindparam("units", expanding=True)),
    )
    .group_by(col(Assignment.unit))
)
_OVERLAP = select(Posting.overlap).where(col(Posting.number) == bindparam("of"))
_these = and_(col(UnitConsensus.posting) == bindparam("of"), col(UnitConsensus.unit).in_(bindparam("units", expanding=True)))
_UNITS, _THERE = select(UnitConsensus).where(_these), select(func.count()).select_from(UnitConsensus).where(_these)
_SKILLS = select(WorkerSkill).where(
    col(WorkerSkill.posting) == bindparam("of"), col(WorkerSkill.worker).in_(bindparam("workers", expanding=True))
)
_DUE = (
    select(JobConsensus)
    .where(literal_column("job_consensus.refit_at IS NOT NULL"), col(JobConsensus.refit_at) <= bindparam("now"))
    .order_by(col(JobConsensus.refit_at))
    .limit(1)
)
_PLANNED = select(JobConsensus).where(col(JobConsensus.refit_at) > bindparam("now"))
_LABELS = (
    select(AnswerLabel.unit, AnswerLabel.worker, AnswerLabel.label, AnswerLabel.slot)
    .where(
        col(AnswerLabel.posting) == bindparam("of"),
        col(AnswerLabel.slot) > bindparam("cursor"),
        col(AnswerLabel.place) < bindparam("below"),
    )
    .order_by(col(AnswerLabel.slot))
    .limit(LOT)
)
_SINCE = (
    select(AnswerLabel.unit, AnswerLabel.worker, AnswerLabel.label, AnswerLabel.slot)
    .join(
        Unit,
        and_(
            col(AnswerLabel.posting) == col(Unit.posting),
            col(AnswerLabel.slot) >= col(Unit.first_slot),
            col(AnswerLabel.slot) < col(Unit.first_slot) + col(Unit.slots),
        ),
    )
    .where(
        col(Unit.posting) == bindparam("of"),
        col(Unit.position).in_(bindparam("units", expanding=True)),
        col(AnswerLabel.place) >= bindparam("since"),
    )
    .order_by(col(AnswerLabel.place))
)
_UNIT_PAGE = (
    select(UnitConsensus)
    .where(col(UnitConsensus.posting) == bindparam("of"), col(UnitConsensus.unit) > bindparam("cursor"))
    .order_by(col(UnitConsensus.unit))
    .limit(bindparam("most"))
)
_WORKER_PAGE = (
    select(WorkerSkill)
    .where(col(WorkerSkill.posting) == bindparam("of"), col(WorkerSkill.worker) > bindparam("cursor"))
    .order_by(col(WorkerSkill.worker))
    .limit(bindparam("most"))
)
_WITHHOLD = (
    update(Unit)
    .where(col(Unit.posting) == bindparam("b_of"))
    .values(
        wanted=case((col(Unit.slots) < bindparam("b_least"), col(Unit.slots)), else_=bindparam("b_least")),
        free=case((col(Unit.slots) < bindparam("b_least"), col(Unit.slots)), else_=bindparam("b_least")),
        withheld=case((col(Unit.slots) < bindparam("b_least"), 0), else_=col(Unit.slots) - bindparam("b_least")),
        rank=UNASKED,
    )
)
_SLOTS = select(Unit.position, Unit.slots).where(
    col(Unit.posting) == bindparam("of"), col(Unit.position).in_(bindparam("units", expanding=True))
)
_held = "(slots - free - withheld)"
_ASK = text(f"""
    UPDATE unit SET wanted = :wanted, rank = :rank,
           free = CASE WHEN {_held} < :wanted THEN :wanted - {_held} ELSE 0 END,
           withheld = slots - {_held} - CASE WHEN {_held} < :wanted THEN :wanted - {_held} ELSE 0 END
     WHERE posting = :posting AND position = :unit AND wanted >= 0 AND (wanted <> :wanted OR rank <> :rank)""")


def say(connection: Connection, assignment: Any, label: str) -> None:
    """Notes the label that a revealed answer chooses."""
    row = {name: getattr(assignment, name) for name in ("posting", "slot", "unit", "worker")}
    connection.execute(_SAY, row | {"label": label})


def new(connection: Connection) -> Sequence[Row[Any]]:
    """Some labels that no consensus has yet, of jobs whose template is known: those that are listed."""
    return connection.execute(_NEW).all()


def waiting(connection: Connection, posting: int) -> int:
    """How many labels of a job no consensus has yet."""
    return int(connection.execute(_WAITING, {"of": posting}).scalar_one())


def place(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Says which of their jobs' answers the labels are (posting, slot, place)."""
    connection.execute(_PLACE, [{f"b_{name}": value for name, value in row.items()} for row in rows])


def job(connection: Connection, posting: int) -> Row[Any] | None:
    """Where a job's consensus stands; None before its first answer."""
    return connection.execute(_JOB, {"of": posting}).one_or_none()


def overlap(connection: Connection, posting: int) -> str | None:
    """Until when the job's units are asked, JSON."""
    return connection.execute(_OVERLAP, {"of": posting}).scalar()


def template(connection: Connection, posting: int) -> str:
    """Which template a job is of; empty for one that isn't listed."""
    return connection.execute(_TEMPLATE, {"of": posting}).scalar() or ""


def rejected(connection: Connection, posting: int, wanted: Sequence[int]) -> dict[int, int]:
    """How many rejected answers some units have; those without aren't there."""
    return {unit: count for unit, count in connection.execute(_REJECTED, {"of": posting, "units": list(wanted)})}


def units(connection: Connection, posting: int, wanted: Sequence[int]) -> dict[int, Row[Any]]:
    """What some units are thought to be, by position."""
    return {row.unit: row for row in connection.execute(_UNITS, {"of": posting, "units": list(wanted)})}


def skills(connection: Connection, posting: int, wanted: Sequence[str]) -> dict[str, Row[Any]]:
    """Some workers' skills."""
    return {row.worker: row for row in connection.execute(_SKILLS, {"of": posting, "workers": list(wanted)})}


def is_less_skilled(connection: Connection, posting: int, worker: str) -> bool:
    """Whether a worker is right less often than the job's workers together, by the last fit; False for one that it doesn't know."""
    fit, own = job(connection, posting), skills(connection, posting, [worker]).get(worker)
    return fit is not None and own is not None and own.right < json.loads(fit.average).get("right", 0.0)


def slots_of(connection: Connection, posting: int, wanted: Sequence[int]) -> dict[int, int]:
    """How many slots some units have."""
    return {row.position: row.slots for row in connection.execute(_SLOTS, {"of": posting, "units": list(wanted)})}


def due(connection: Connection, now: datetime) -> Row[Any] | None:
    """The job that has waited longest for a fit that is due."""
    return connection.execute(_DUE, {"now": now}).one_or_none()


def planned(connection: Connection, now: datetime) -> Sequence[Row[Any]]:
    """Jobs of which a fit is still to come."""
    return connection.execute(_PLANNED, {"now": now}).all()


def labels(connection: Connection, posting: int, below: int, cursor: int = -1) -> Sequence[Row[Any]]:
    """Some of a job's first `below` answers, by slot, after slot `cursor`."""
    return connection.execute(_LABELS, {"of": posting, "below": below, "cursor": cursor}).all()


def all_labels(connection: Connection, posting: int, below: int) -> Iterator[Row[Any]]:
    """All of them."""
    cursor = -1
    while rows := labels(connection, posting, below, cursor):
        yield from rows
        cursor = rows[-1].slot


def since(connection: Connection, posting: int, wanted: Sequence[int], place: int) -> Sequence[Row[Any]]:
    """What was said of some units from a place on."""
    return connection.execute(_SINCE, {"of": posting, "units": list(wanted), "since": place}).all()


def add_job(connection: Connection, posting: int) -> Row[Any]:
    """Begins a job's consensus; its row."""
    row = {"posting": posting, "answers": 0, "classes": "[]", "fitted": 0, "rejected": 0, "units": 0}
    connection.execute(insert(JobConsensus), row | {"used": "", "priors": "{}", "average": "{}"})
    return connection.execute(_JOB, {"of": posting}).one()


def put_units(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Writes what units of one job are thought to be, and how many it has."""
    if not rows:
        return
    values = {"of": rows[0]["posting"], "units": [row["unit"] for row in rows]}
    _count(connection, values["of"], len(rows) - int(connection.execute(_THERE, values).scalar_one()))
    upsert(connection, UnitConsensus, ("posting", "unit"), rows)


def _count(connection: Connection, posting: int, more: int) -> None:
    if more:
        change_job(connection, posting, units=col(JobConsensus.units) + more)


def put_skills(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Writes workers' skills."""
    upsert(connection, WorkerSkill, ("posting", "worker"), rows)


def forget(connection: Connection, posting: int, units: Sequence[int], workers: Sequence[str]) -> None:
    """Takes away what is thought of units and workers all of whose answers are rejected."""
    for lot in (units[at : at + AT_ONCE] for at in range(0, len(units), AT_ONCE)):
        gone = connection.execute(delete(UnitConsensus).where(col(UnitConsensus.posting) == posting, col(UnitConsensus.unit).in_(lot)))
        _count(connection, posting, -gone.rowcount)
    for some in (workers[at : at + AT_ONCE] for at in range(0, len(workers), AT_ONCE)):
        connection.execute(delete(WorkerSkill).where(col(WorkerSkill.posting) == posting, col(WorkerSkill.worker).in_(some)))


def change_job(connection: Connection, posting: int, **values: Any) -> None:
    """Changes fields of a job's consensus that is there."""
    connection.execute(update(JobConsensus).where(col(JobConsensus.posting) == posting).values(**values))


def unit_page(connection: Connection, posting: int, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """A job's units with their consensus, by position."""
    return connection.execute(_UNIT_PAGE, {"of": posting, "cursor": cursor, "most": limit}).all()


def worker_page(connection: Connection, posting: int, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """A job's workers with their skill, by address."""
    return connection.execute(_WORKER_PAGE, {"of": posting, "cursor": cursor, "most": limit}).all()


def withhold(connection: Connection, posting: int, least: int) -> None:
    """Has a new job's units asked of `least` workers at first."""
    connection.execute(_WITHHOLD, {"b_of": posting, "b_least": least})


def ask(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """How many answers units shall have or await now, and how soon (posting, unit, wanted, rank). Slots that are held stay held; the
    others are free as far as they are wanted, and withheld beyond."""
    connection.execute(_ASK, list(rows))


def upsert(connection: Connection, table: Any, key: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows, in place of those with the same key."""
    if not rows:
        return
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), list(rows))


