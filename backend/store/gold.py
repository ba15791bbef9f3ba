"""Known units in SQL: which there are, who has had them, what was said of them; rules, attesters and nullifiers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, literal_column, select, text
from sqlmodel import col

from backend.store.consensus import upsert
from backend.store.tables import AnswerLabel, AnswerReport, Attester, GoldSeen, GoldUnit, JobRules, Nullifier, Unit

RESERVED = -1
"""`unit.wanted` of a known unit: however many slots it has, none is handed out as the others are."""

_STANDING = (
    select(GoldSeen.unit, GoldUnit.label, GoldUnit.explanation, col(AnswerLabel.label).label("said"), AnswerReport.kind)
    .join(GoldUnit, and_(col(GoldUnit.posting) == col(GoldSeen.posting), col(GoldUnit.unit) == col(GoldSeen.unit)))
    .outerjoin(
        AnswerLabel,
        and_(
            col(AnswerLabel.posting) == col(GoldSeen.posting),
            col(AnswerLabel.slot) == col(GoldSeen.slot),
            col(AnswerLabel.worker) == col(GoldSeen.worker),
        ),
    )
    .outerjoin(
        AnswerReport,
        and_(
            col(AnswerReport.posting) == col(GoldSeen.posting),
            col(AnswerReport.unit) == col(GoldSeen.unit),
            col(AnswerReport.worker) == col(GoldSeen.worker),
        ),
    )
    .where(col(GoldSeen.posting) == bindparam("of"), col(GoldSeen.worker) == bindparam("who"))
    .order_by(col(GoldSeen.slot))
)
_uses = literal_column("unit.slots - unit.free - unit.withheld").label("uses")
_KNOWN = (
    select(GoldUnit, Unit.slots, _uses)
    .join(Unit, and_(col(Unit.posting) == col(GoldUnit.posting), col(Unit.position) == col(GoldUnit.unit)))
    .where(col(GoldUnit.posting) == bindparam("of"))
    .order_by(col(GoldUnit.unit))
)
_SAID = (
    select(GoldUnit.unit, GoldUnit.label, col(AnswerLabel.label).label("said"))
    .join(Unit, and_(col(Unit.posting) == col(GoldUnit.posting), col(Unit.position) == col(GoldUnit.unit)))
    .join(
        AnswerLabel,
        and_(
            col(AnswerLabel.posting) == col(Unit.posting),
            col(AnswerLabel.slot) >= col(Unit.first_slot),
            col(AnswerLabel.slot) < col(Unit.first_slot) + col(Unit.slots),
        ),
    )
    .where(col(GoldUnit.posting) == bindparam("of"), col(AnswerLabel.place).is_not(None))
    .order_by(col(GoldUnit.unit), col(AnswerLabel.place))
)
_SET_ASIDE = text("""
    UPDATE unit SET withheld = withheld + free, free = 0, wanted = -1, rank = NULL WHERE posting = :posting AND position = :unit""")
_OFFER = text("""
    UPDATE unit SET free = free + 1, withheld = withheld - 1
     WHERE posting = :posting AND position = :unit AND wanted = -1 AND withheld > 0
    RETURNING position, first_slot, slots, handed, content_offset, content_length, free""")
_RULES = select(JobRules).where(col(JobRules.posting) == bindparam("of"))
_ATTESTERS = select(Attester).where(col(Attester.qualification) == bindparam("of")).order_by(col(Attester.attester))
_NULLIFIER = select(Nullifier.account).where(
    col(Nullifier.qualification) == bindparam("of"), col(Nullifier.nullifier) == bindparam("number")
)


def standing(connection: Connection, posting: int, worker: str) -> Sequence[Row[Any]]:
    """The known units that a worker was given, with what it said or reported (both None until it has answered), the first first."""
    return connection.execute(_STANDING, {"of": posting, "who": worker}).all()


def known(connection: Connection, posting: int) -> Sequence[Row[Any]]:
    """A job's known units, and how many of their slots were taken."""
    return connection.execute(_KNOWN, {"of": posting}).all()


def said(connection: Connection, posting: int) -> Sequence[Row[Any]]:
    """What was said of known units, in the order in which it came."""
    return connection.execute(_SAID, {"of": posting}).all()


def put(connection: Connection, posting: int, rows: Sequence[dict[str, Any]]) -> None:
    """Writes known units (unit, label, explanation), and sets their slots aside."""
    upsert(connection, GoldUnit, ("posting", "unit"), [row | {"posting": posting} for row in rows])
    connection.execute(_SET_ASIDE, [{"posting": posting, "unit": row["unit"]} for row in rows])


def offer(connection: Connection, posting: int, unit: int) -> Row[Any] | None:
    """Frees one slot of a known unit for whoever takes it in this transaction."""
    return connection.execute(_OFFER, {"posting": posting, "unit": unit}).first()


def see(connection: Connection, row: dict[str, Any]) -> None:
    """Notes that a worker was given a known unit."""
    connection.execute(insert(GoldSeen), {name: row[name] for name in ("posting", "worker", "unit", "slot")})


def rules(connection: Connection, posting: int) -> Row[Any] | None:
    """By what the job's workers are granted qualifications."""
    return connection.execute(_RULES, {"of": posting}).one_or_none()


def put_rules(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a job's rules in place of the old ones."""
    upsert(connection, JobRules, ("posting",), [row])


def attesters(connection: Connection, qualification: str) -> Sequence[Row[Any]]:
    """Whose attestations a qualification is granted by."""
    return connection.execute(_ATTESTERS, {"of": qualification}).all()


def put_attesters(connection: Connection, qualification: str, rows: Sequence[dict[str, Any]]) -> None:
    """Writes them in place of the old ones."""
    connection.execute(Attester.__table__.delete().where(col(Attester.qualification) == qualification))  # type: ignore[attr-defined]
    if rows:
        connection.execute(insert(Attester), [row | {"qualification": qualification} for row in rows])


def nullifier(connection: Connection, qualification: str, number: str) -> str | None:
    """The account under which this person has the qualification."""
    found: str | None = connection.execute(_NULLIFIER, {"of": qualification, "number": number}).scalar()
    return found


def nullify(connection: Connection, qualification: str, number: str, account: str) -> None:
    """Binds a person to an account; a second one breaks the key."""
    connection.execute(insert(Nullifier), {"qualification": qualification, "nullifier": number, "account": account})
