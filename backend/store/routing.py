"""Predictions and routing in SQL: who labels which unit, and which units people aren't asked for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, literal_column, select, text
from sqlmodel import col

from backend.store.consensus import UNASKED, upsert
from backend.store.tables import JobRouting, Prediction, RoutedUnit, Unit, UnitConsensus

LOT = 500
_JOB = select(JobRouting).where(col(JobRouting.posting) == bindparam("of"))
_ROLES = select(RoutedUnit.role, func.count()).where(col(RoutedUnit.posting) == bindparam("of")).group_by(col(RoutedUnit.role))
_answered = literal_column("""coalesce(unit_consensus.answers, 0) + (
    SELECT count(*) FROM answer_report AS r WHERE r.posting = unit.posting AND r.unit = unit.position) >= coalesce(unit.wanted, unit.slots)""").label("finished")
_STATES = (
    select(
        Unit.position,
        literal_column("unit.slots - unit.free - unit.withheld").label("held"),
        Unit.wanted,
        RoutedUnit.role,
        Prediction.label,
        Prediction.confidence,
        col(UnitConsensus.label).label("said"),
        _answered,
    )
    .outerjoin(Prediction, and_(col(Prediction.posting) == col(Unit.posting), col(Prediction.unit) == col(Unit.position)))
    .outerjoin(RoutedUnit, and_(col(RoutedUnit.posting) == col(Unit.posting), col(RoutedUnit.unit) == col(Unit.position)))
    .outerjoin(UnitConsensus, and_(col(UnitConsensus.posting) == col(Unit.posting), col(UnitConsensus.unit) == col(Unit.position)))
    .where(col(Unit.posting) == bindparam("of"), col(Unit.position) > bindparam("cursor"))
    .order_by(col(Unit.position))
    .limit(bindparam("most"))
)
_CHECKED = (
    select(func.count(), func.sum(literal_column("CASE WHEN unit_consensus.label = prediction.label THEN 1 ELSE 0 END")))
    .select_from(RoutedUnit)
    .join(Unit, and_(col(Unit.posting) == col(RoutedUnit.posting), col(Unit.position) == col(RoutedUnit.unit)))
    .join(UnitConsensus, and_(col(UnitConsensus.posting) == col(RoutedUnit.posting), col(UnitConsensus.unit) == col(RoutedUnit.unit)))
    .join(Prediction, and_(col(Prediction.posting) == col(RoutedUnit.posting), col(Prediction.unit) == col(RoutedUnit.unit)))
    .where(col(RoutedUnit.posting) == bindparam("of"), col(RoutedUnit.role) == "audit", _answered)
)
_SET_ASIDE = text("""
    UPDATE unit SET withheld = withheld + free, free = 0, wanted = -2, rank = NULL
     WHERE posting = :posting AND position = :unit AND (wanted IS NULL OR wanted >= 0)""")
_OPEN = text("""
    UPDATE unit SET free = withheld, withheld = 0, wanted = NULL WHERE posting = :posting AND position = :unit AND wanted = -2""")
_OPEN_SOME = text("""
    UPDATE unit SET wanted = CASE WHEN slots < :least THEN slots ELSE :least END, rank = :rank,
           free = CASE WHEN withheld < :least THEN withheld ELSE :least END,
           withheld = CASE WHEN withheld < :least THEN 0 ELSE withheld - :least END
     WHERE posting = :posting AND position = :unit AND wanted = -2""")
"""Of a unit that nobody holds a slot of: only such are set aside."""
_RANK = text("""
    UPDATE unit SET rank = :rank WHERE posting = :posting AND position = :unit AND wanted >= 0 AND slots - free - withheld = 0""")


def job(connection: Connection, posting: int) -> Row[Any] | None:
    """How a job is split; None if it isn't."""
    return connection.execute(_JOB, {"of": posting}).one_or_none()


def put_job(connection: Connection, row: dict[str, Any]) -> None:
    """Writes it."""
    upsert(connection, JobRouting, ("posting",), [row])


def roles(connection: Connection, posting: int) -> dict[str, int]:
    """How many units are whose."""
    return {role: count for role, count in connection.execute(_ROLES, {"of": posting})}


def put_roles(connection: Connection, posting: int, of: dict[int, str]) -> None:
    """Writes whose units are."""
    rows = [{"posting": posting, "unit": unit, "role": role} for unit, role in of.items()]
    for at in range(0, len(rows), LOT):
        upsert(connection, RoutedUnit, ("posting", "unit"), rows[at : at + LOT])


def states(connection: Connection, posting: int, cursor: int = -1, most: int = 5_000) -> Sequence[Row[Any]]:
    """Some of a job's units by position: how many slots are held, whose it is, the model's word, people's word, and whether they are done."""
    return connection.execute(_STATES, {"of": posting, "cursor": cursor, "most": most}).all()


def all_states(connection: Connection, posting: int) -> list[Row[Any]]:
    """All of them."""
    found: list[Row[Any]] = []
    while rows := states(connection, posting, found[-1].position if found else -1):
        found += rows
    return found


def checked(connection: Connection, posting: int) -> tuple[int, int]:
    """How many of the audit's units people are done with, and in how many they agree with the model."""
    row = connection.execute(_CHECKED, {"of": posting}).one()
    return int(row[0]), int(row[1] or 0)


def set_aside(connection: Connection, posting: int, units: Sequence[int]) -> None:
    """Has people asked for these units no more."""
    if units:
        connection.execute(_SET_ASIDE, [{"posting": posting, "unit": unit} for unit in units])


def open_again(connection: Connection, posting: int, units: Sequence[tuple[int, float]], least: int | None) -> None:
    """Has them asked for these (unit, the model's confidence in it), the least sure first; `least` of a job that asks until it is sure."""
    if not units:
        return
    if least is None:
        connection.execute(_OPEN, [{"posting": posting, "unit": unit} for unit, _ in units])
        return
    ranks = [{"posting": posting, "unit": unit, "rank": UNASKED + round(1e6 * sure)} for unit, sure in units]
    connection.execute(_OPEN_SOME, [row | {"least": least} for row in ranks])
    connection.execute(_RANK, ranks)
