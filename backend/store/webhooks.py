"""Webhooks and their deliveries in SQL."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, insert, literal, select, update
from sqlmodel import col

from backend.store.tables import Delivery, Webhook
from piecework.sql import Instant

_LISTENING = select(Webhook).where(
    col(Webhook.account).in_(bindparam("accounts", expanding=True)), col(Webhook.disabled).is_(None), col(Webhook.wrong_codes).is_(None)
)
_OF = select(Webhook).where(col(Webhook.account) == bindparam("of")).order_by(col(Webhook.id))
_ONE = select(Webhook).where(col(Webhook.id) == bindparam("wanted"))
_UNCONFIRMED = select(Webhook).where(col(Webhook.url) == bindparam("to"), col(Webhook.wrong_codes).is_not(None))
_STALE = select(Webhook.id).where(col(Webhook.wrong_codes).is_not(None), col(Webhook.created_at) < bindparam("before"))
_CHANGE = update(Webhook).where(col(Webhook.id) == bindparam("b_id"))
_DUE = (
    select(Delivery, Webhook.url, Webhook.secret, Webhook.failing_since, Webhook.account)  # type: ignore[call-overload]  # five are fine
    .join(Webhook, col(Webhook.id) == col(Delivery.webhook))
    .where(col(Delivery.state) == "waiting", col(Delivery.next_at) <= bindparam("now"), col(Webhook.disabled).is_(None))
    .where(col(Webhook.account).not_in(bindparam("but", expanding=True)))
    .order_by(col(Delivery.next_at))
    .limit(bindparam("most"))
)
_DONE = update(Delivery).where(col(Delivery.id) == bindparam("b_id"), col(Delivery.state) == "waiting")
_GIVE_UP = update(Delivery).where(col(Delivery.webhook) == bindparam("b_of"), col(Delivery.state) == "waiting")
_PAGE = (
    select(Delivery)
    .where(col(Delivery.webhook) == bindparam("of"), col(Delivery.id) > bindparam("cursor"))
    .order_by(col(Delivery.id))
    .limit(bindparam("most"))
)


def listening(connection: Connection, accounts: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """The webhooks of these accounts that aren't disabled, by account."""
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_LISTENING, {"accounts": list(accounts)}):
        found.setdefault(row.account, []).append(row)
    return found


def of(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """An account's webhooks."""
    return connection.execute(_OF, {"of": account}).all()


def one(connection: Connection, id: str) -> Row[Any] | None:
    """A webhook by its id."""
    return connection.execute(_ONE, {"wanted": id}).one_or_none()


def unconfirmed(connection: Connection, url: str) -> int:
    """How many accounts' wishes to write to an address wait for its word."""
    return len(connection.execute(_UNCONFIRMED, {"to": url}).all())


def forget_unconfirmed(connection: Connection, before: datetime) -> None:
    """Forgets addresses that nobody has confirmed since then."""
    for id in connection.execute(_STALE, {"before": before}).scalars().all():
        remove(connection, id)


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Writes a webhook."""
    connection.execute(insert(Webhook), row)


def change(connection: Connection, id: str, **values: Any) -> None:
    """Sets columns of a webhook."""
    connection.execute(_CHANGE.values(**values), {"b_id": id})


def remove(connection: Connection, id: str) -> None:
    """Forgets a webhook with its log."""
    connection.execute(delete(Delivery).where(col(Delivery.webhook) == id))
    connection.execute(delete(Webhook).where(col(Webhook.id) == id))


def send(
    connection: Connection, id: str, message: str, kind: str, subject: dict[str, Any], at: datetime, now: datetime
) -> None:
    """Queues a message; its body is fixed here, because every attempt must sign the same bytes."""
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": subject}, separators=(",", ":"))
    row = {"webhook": id, "message": message, "body": body, "state": "waiting", "attempts": 0, "next_at": now, "created_at": now}
    connection.execute(insert(Delivery), row)


def due(connection: Connection, now: datetime, but: Collection[str], most: int) -> Sequence[Row[Any]]:
    """Deliveries to try now, with where and how, but none of these accounts'."""
    return connection.execute(_DUE, {"now": now, "but": list(but), "most": most}).all()


def replan(connection: Connection, now: datetime, latest: Sequence[datetime]) -> None:
    """Makes due now what was planned by a time that was never true: `latest` says when a delivery is due at the latest, by its attempts; the
    last one is for all above."""
    next_at, ends = col(Delivery.next_at), [literal(one, Instant()) for one in latest]
    last = case(dict(enumerate(ends[:-1])), value=col(Delivery.attempts), else_=ends[-1])
    waiting = update(Delivery).where(col(Delivery.state) == "waiting", next_at > now, next_at > last)
    connection.execute(waiting.values(next_at=now))


def tried(connection: Connection, id: int, **values: Any) -> None:
    """Writes what came of an attempt."""
    connection.execute(_DONE.values(**values), {"b_id": id})


def give_up(connection: Connection, id: str, word: str) -> None:
    """Disables a webhook and ends what waits for it."""
    change(connection, id, disabled=word)
    connection.execute(_GIVE_UP.values(state="failed", said=word), {"b_of": id})


def page(connection: Connection, id: str, cursor: int, limit: int) -> Sequence[Row[Any]]:
    """A webhook's deliveries, by age."""
    return connection.execute(_PAGE, {"of": id, "cursor": cursor, "most": limit}).all()
