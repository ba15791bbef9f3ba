"""Qualifications in SQL: their kinds, who has them, and who asks for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, select, text, update
from sqlmodel import col

from backend.store.tables import Qualification, QualificationGrant, QualificationRequest

_ONE = select(Qualification).where(col(Qualification.id) == bindparam("wanted"), col(Qualification.retired_at).is_(None))
_PAGE = (
    select(Qualification)
    .where(col(Qualification.id) > bindparam("cursor"), col(Qualification.retired_at).is_(None))
    .order_by(col(Qualification.id))
    .limit(bindparam("most"))
)
_GRANT = text("""
    INSERT INTO qualification_grant (qualification, account, value, locale, granted_at) VALUES (:qualification, :account, :value, :locale, :now)
    ON CONFLICT (qualification, account) DO UPDATE
       SET value = excluded.value, locale = excluded.locale, granted_at = excluded.granted_at, revoked_at = NULL, reason = NULL""")
_REVOKE = (
    update(QualificationGrant)
    .where(
        col(QualificationGrant.qualification) == bindparam("b_qualification"),
        col(QualificationGrant.account) == bindparam("b_account"),
        col(QualificationGrant.revoked_at).is_(None),
    )
    .values(revoked_at=bindparam("b_now"), reason=bindparam("b_reason"))
)
_GRANTS = (
    select(QualificationGrant)
    .where(col(QualificationGrant.qualification) == bindparam("wanted"), col(QualificationGrant.account) > bindparam("cursor"))
    .order_by(col(QualificationGrant.account))
    .limit(bindparam("most"))
)
_HELD = (
    select(QualificationGrant, Qualification.name, Qualification.owner)
    .join(Qualification, col(Qualification.id) == col(QualificationGrant.qualification))
    .where(col(QualificationGrant.account) == bindparam("account"))
    .order_by(col(QualificationGrant.qualification))
)
_VALUES = select(QualificationGrant.qualification, QualificationGrant.value, QualificationGrant.locale).where(
    col(QualificationGrant.account) == bindparam("account"), col(QualificationGrant.revoked_at).is_(None)
)
_REQUEST = select(QualificationRequest).where(
    col(QualificationRequest.qualification) == bindparam("wanted"), col(QualificationRequest.account) == bindparam("account")
)
_REQUESTS = (
    select(QualificationRequest)
    .where(
        col(QualificationRequest.qualification) == bindparam("wanted"),
        col(QualificationRequest.refused_at).is_(None),
        col(QualificationRequest.id) > bindparam("cursor"),
    )
    .order_by(col(QualificationRequest.id))
    .limit(bindparam("most"))
)
_DROP = delete(QualificationRequest).where(
    col(QualificationRequest.qualification) == bindparam("b_qualification"), col(QualificationRequest.account) == bindparam("b_account")
)
_REFUSE = (
    update(QualificationRequest)
    .where(
        col(QualificationRequest.qualification) == bindparam("b_qualification"),
        col(QualificationRequest.account) == bindparam("b_account"),
        col(QualificationRequest.refused_at).is_(None),
    )
    .values(refused_at=bindparam("b_now"), reason=bindparam("b_reason"))
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a kind of qualification; a name that its owner uses already breaks `qualification_name_once`."""
    connection.execute(insert(Qualification), row)


def one(connection: Connection, id: str) -> Row[Any] | None:
    """A kind of qualification that isn't retired."""
    return connection.execute(_ONE, {"wanted": id}).first()


def named(connection: Connection, owner: str, name: str) -> Row[Any] | None:
    """An owner's kind of that name."""
    statement = select(Qualification).where(
        col(Qualification.owner) == owner, col(Qualification.name) == name, col(Qualification.retired_at).is_(None)
    )
    return connection.execute(statement).first()


def change(connection: Connection, id: str, values: dict[str, Any]) -> None:
    """Sets columns of a kind."""
    connection.execute(update(Qualification).where(col(Qualification.id) == id).values(**values))


def page(connection: Connection, where: Sequence[ColumnElement[bool]], cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Kinds by age."""
    return connection.execute(_PAGE.where(*where), {"cursor": cursor, "most": limit}).all()


def grant(connection: Connection, id: str, account: str, value: int | None, locale: str | None, now: datetime) -> None:
    """Gives an account the qualification, instead of what it had, and drops its request."""
    values = {"qualification": id, "account": account, "value": value, "locale": locale, "now": now}
    connection.execute(_GRANT.bindparams(bindparam("now", type_=QualificationGrant.__table__.c.granted_at.type)), values)  # type: ignore[attr-defined]
    connection.execute(_DROP, {"b_qualification": id, "b_account": account})


def revoke(connection: Connection, id: str, account: str, reason: str | None, now: datetime) -> bool:
    """Takes it back; False if the account hasn't got it."""
    values = {"b_qualification": id, "b_account": account, "b_reason": reason, "b_now": now}
    return connection.execute(_REVOKE, values).rowcount == 1


def grants(connection: Connection, id: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Who has it or had it, by address."""
    return connection.execute(_GRANTS, {"wanted": id, "cursor": cursor, "most": limit}).all()


def held(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """What an account has and had."""
    return connection.execute(_HELD, {"account": account}).all()


def values(connection: Connection, account: str) -> dict[str, int | str | None]:
    """What an account has now: a value or a locale by the qualification's id."""
    rows = connection.execute(_VALUES, {"account": account})
    return {id: locale if value is None else value for id, value, locale in rows}


def request(connection: Connection, id: str, account: str) -> Row[Any] | None:
    """An account's request, refused ones too."""
    return connection.execute(_REQUEST, {"wanted": id, "account": account}).first()


def ask(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a request instead of a refused one."""
    connection.execute(_DROP, {"b_qualification": row["qualification"], "b_account": row["account"]})
    connection.execute(insert(QualificationRequest), row)


def requests(connection: Connection, id: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
    """Requests that wait, by age."""
    return connection.execute(_REQUESTS, {"wanted": id, "cursor": cursor, "most": limit}).all()


def refuse(connection: Connection, id: str, account: str, reason: str | None, now: datetime) -> bool:
    """Refuses a request; False if none waits."""
    values = {"b_qualification": id, "b_account": account, "b_reason": reason, "b_now": now}
    return connection.execute(_REFUSE, values).rowcount == 1


def granted(connection: Connection, id: str, account: str) -> Row[Any] | None:
    """What an account has or had of a kind."""
    statement = select(QualificationGrant).where(col(QualificationGrant.qualification) == id, col(QualificationGrant.account) == account)
    return connection.execute(statement).first()
