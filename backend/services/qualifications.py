"""Qualifications: who vouches for whom, and whether a worker meets what a job asks for."""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row
from sqlmodel import col

from backend.services.fairness import lost_slots
from backend.store import qualifications
from backend.store.database import Store
from backend.store.records import Records
from backend.store.tables import Qualification
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound
from piecework.domain.requirements import ACCEPT, APPROVAL_RATE, SETTLED, Requirement, Value, approval_rate, requirement

LONGEST_TEXT = 65_535
MOST_VALUE = 100


class Qualifications:
    """Kinds of qualifications, grants and requests.

    Args:
        store: where they are kept.
        chain_id, escrow: whose mirror says what was settled.
        clock: the time, aware.
    """

    def __init__(self, store: Store, chain_id: int, escrow: str, clock: Callable[[], datetime]) -> None:
        self._store, self._chain_id, self._escrow, self._clock = store, chain_id, escrow, clock

    async def create(self, owner: str, described: dict[str, Any]) -> Row[Any]:
        """A new kind, which its owner grants.

        Args:
            described: name, description, keywords, requestable, auto_value, retry_seconds.

        Raises:
            Invalid: a field is too long or out of its range.
            Conflict: the owner has one of that name.
        """
        _check(described)
        row = described | {"id": new_id(), "owner": owner, "active": True, "created_at": self._clock()}

        def work(connection: Connection) -> Row[Any] | None:
            if qualifications.named(connection, owner, row["name"]) is not None:
                raise Conflict("You have a qualification of that name; choose another, or retire the old one.")
            qualifications.add(connection, row)
            return qualifications.one(connection, row["id"])

        made: Row[Any] = await self._store.write(work)
        return made

    async def hold(self, owner: str, name: str, accounts: Sequence[str]) -> str:
        """Gives accounts a qualification of the owner's by its name, which says no more than that they have it; made where there is none."""

        def work(connection: Connection) -> str:
            found, now = qualifications.named(connection, owner, name), self._clock()
            described = {"name": name, "description": "", "keywords": "", "requestable": False, "auto_value": None, "retry_seconds": None}
            row = described | {"id": new_id() if found is None else found.id, "owner": owner, "active": True, "created_at": now}
            if found is None:
                qualifications.add(connection, row)
            for account in accounts:
                qualifications.grant(connection, row["id"], account, 1, None, now)
            return str(row["id"])

        return str(await self._store.write(work))

    async def retire(self, id: str, owner: str) -> None:
        """Ends a kind: it is found and granted no more, and its name is free again. Whoever has it keeps it."""

        def work(connection: Connection) -> None:
            _owned(connection, id, owner)
            qualifications.change(connection, id, {"retired_at": self._clock()})

        await self._store.write(work)

    def one(self, id: str) -> Row[Any]:
        """A kind.

        Raises:
            NotFound: there is none, or it was retired.
        """
        with self._store.read() as connection:
            return _found(connection, id)

    def askable(self, id: str) -> Row[Any] | None:
        """A kind that workers may ask for; None where there is none, as among the system's own."""
        with self._store.read() as connection:
            row = qualifications.one(connection, id)
        return row if row is not None and row.active and row.requestable else None

    def standing(self, id: str, account: str) -> str:
        """How an account stands to a kind: granted, pending, refused, or none."""
        with self._store.read() as connection:
            if id in qualifications.values(connection, account):
                return "granted"
            asked = qualifications.request(connection, id, account)
        return "none" if asked is None else "pending" if asked.refused_at is None else "refused"

    def page(self, owner: str | None, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Kinds by age, of one owner or of all."""
        with self._store.read() as connection:
            where = [] if owner is None else [col(Qualification.owner) == owner]
            return qualifications.page(connection, where, cursor, limit)

    async def grant(self, id: str, owner: str, account: str, value: int | None, locale: str | None) -> None:
        """Gives an account the qualification with a value or a locale, instead of what it had.

        Raises:
            Invalid: neither or both, or out of range.
            Forbidden: it is somebody else's kind.
        """
        _check_value(value, locale)

        def work(connection: Connection) -> None:
            _owned(connection, id, owner)
            qualifications.grant(connection, id, account, value, locale, self._clock())

        await self._store.write(work)

    async def revoke(self, id: str, owner: str, account: str, reason: str | None) -> None:
        """Takes it back; the reason is shown to whom it is taken from. What was answered meanwhile stays answered.

        Raises:
            NotFound: the account hasn't got it.
        """
        _check_text("The reason", reason or "", 1_024)

        def work(connection: Connection) -> None:
            _owned(connection, id, owner)
            if not qualifications.revoke(connection, id, account, reason, self._clock()):
                raise NotFound("This account hasn't got the qualification.")

        await self._store.write(work)

    def grants(self, id: str, owner: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Who has it or had it, for its owner."""
        with self._store.read() as connection:
            _owned(connection, id, owner)
            return qualifications.grants(connection, id, cursor, limit)

    def held(self, account: str) -> Sequence[Row[Any]]:
        """What an account has and had."""
        with self._store.read() as connection:
            return qualifications.held(connection, account)

    async def ask(self, id: str, account: str, answer: str) -> str:
        """Asks for a qualification; "granted" where it is granted to whoever asks, else "pending". Asking again changes nothing.

        Raises:
            Conflict: it can't be asked for, or not again yet.
        """
        _check_text("The request", answer, LONGEST_TEXT)
        return str(await self._store.write(lambda connection: self._ask(connection, id, account, answer)))

    def _ask(self, connection: Connection, id: str, account: str, answer: str) -> str:
        kind, now = _found(connection, id), self._clock()
        if id in qualifications.values(connection, account):
            return "granted"
        if kind.test is not None:
            raise Conflict("This qualification has a test, which is how it is asked for.")
        if not kind.requestable or not kind.active:
            raise Conflict("This qualification can't be asked for; its owner grants it.")
        if kind.auto_value is not None:
            qualifications.grant(connection, id, account, kind.auto_value, None, now)
            return "granted"
        before = qualifications.request(connection, id, account)
        if before is not None and before.refused_at is None:
            return "pending"
        if before is not None:
            _check_retry(before.refused_at, kind.retry_seconds, now)
        row = {"id": new_id(), "qualification": id, "account": account, "answer": answer, "created_at": now}
        qualifications.ask(connection, row)
        return "pending"

    def requests(self, id: str, owner: str, cursor: str, limit: int) -> Sequence[Row[Any]]:
        """Requests that wait, for the owner."""
        with self._store.read() as connection:
            _owned(connection, id, owner)
            return qualifications.requests(connection, id, cursor, limit)

    async def refuse(self, id: str, owner: str, account: str, reason: str | None) -> None:
        """Refuses a request; the reason is shown to whoever asked.

        Raises:
            NotFound: no request of this account waits.
        """
        _check_text("The reason", reason or "", 1_024)

        def work(connection: Connection) -> None:
            _owned(connection, id, owner)
            if not qualifications.refuse(connection, id, account, reason, self._clock()):
                raise NotFound("No request of this account waits.")

        await self._store.write(work)

    def holds(self, account: str | None) -> dict[str, Value | None]:
        """What an account has of every qualification; nothing for a passer-by."""
        if account is None:
            return {}
        with self._store.read() as connection:
            return self._values(connection, account)

    def unmet(self, required: str, account: str, action: str = ACCEPT) -> list[Requirement]:
        """Those of a job's requirements that keep an account from an action.

        Args:
            required: as the job's row has them, JSON.
        """
        asked = [one for one in parsed(required) if one.guarding(action)]
        if not asked:
            return []
        has = self.holds(account)
        return [one for one in asked if not one.met(has.get(one.qualification))]

    def require(self, required: str, account: str, action: str = ACCEPT) -> None:
        """Lets pass whom nothing keeps from an action.

        Raises:
            Forbidden: a requirement isn't met; the sentence names the first.
        """
        if lacking := self.unmet(required, account, action):
            raise Forbidden(f"This job asks for a qualification that you don't have as it is asked for: {lacking[0]}.")

    def _values(self, connection: Connection, account: str) -> dict[str, Value | None]:
        records = Records(connection, self._chain_id, self._escrow)
        paid = sum(earned.slots for earned in records.earnings(account).values())
        grievances = records.grievances(account)
        lost = lost_slots(records, account) if grievances.reclaimed + grievances.lost else 0
        return {**qualifications.values(connection, account), APPROVAL_RATE: approval_rate(paid, lost), SETTLED: paid}


@lru_cache(maxsize=1_024)
def parsed(required: str) -> tuple[Requirement, ...]:
    """A job's requirements from its row."""
    return tuple(requirement(entry) for entry in json.loads(required))


def new_id() -> str:
    """16 bytes: the milliseconds first, so that ids sort by age, the rest random."""
    return "0x" + (time.time_ns() // 1_000_000).to_bytes(6).hex() + secrets.token_hex(10)


def _found(connection: Connection, id: str) -> Row[Any]:
    row = qualifications.one(connection, id)
    if row is None:
        raise NotFound("There is no such qualification.")
    return row


def _owned(connection: Connection, id: str, owner: str) -> Row[Any]:
    row = _found(connection, id)
    if row.owner != owner:
        raise Forbidden("Only the qualification's owner may do this.")
    return row


def _check(described: dict[str, Any]) -> None:
    if not described["name"].strip():
        raise Invalid("A qualification has a name.")
    for field, longest in (("name", 200), ("description", 2_000), ("keywords", 1_000)):
        _check_text(f"The {field}", described[field], longest)
    if described["auto_value"] is not None:
        _check_value(described["auto_value"], None)
    if described["retry_seconds"] is not None and not 0 <= described["retry_seconds"] < 2**31:
        raise Invalid("retry_seconds is 0 or more, or nothing for never.")


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise Invalid(f"{name} has at most {longest} characters.")


def _check_value(value: int | None, locale: str | None) -> None:
    if (value is None) == (locale is None):
        raise Invalid("Grant either a value or a locale.")
    if value is not None and not 0 <= value <= MOST_VALUE:
        raise Invalid(f"A qualification's value is 0 to {MOST_VALUE}.")
    if locale is not None and not (2 <= len(locale) <= 16 and locale[:2].isalpha() and locale.isascii() and locale == locale.upper()):
        raise Invalid("A locale is a country's two letters, with a subdivision where one is meant: US, US-PA.")


def _check_retry(refused_at: datetime, retry_seconds: int | None, now: datetime) -> None:
    if retry_seconds is None:
        raise Conflict("Your request was refused, and this qualification can be asked for once.")
    again_at = refused_at + timedelta(seconds=retry_seconds)
    if now < again_at:
        raise Conflict(f"Your request was refused; ask again after {again_at:%Y-%m-%d %H:%M} UTC.")
