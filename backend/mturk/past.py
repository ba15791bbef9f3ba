"""Workers' ids of Mechanical Turk: a requester leaves what its files say of them here, and a worker claims its own with proof.

The proof are assignments: an id is 30 characters that nobody guesses, and only the worker and its requester know which it did. Of the ids the
hashes are kept. What a claim brings (the qualifications and the block that the requester set down) is the requester's own to give, so one
that makes up workers harms nobody but itself.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlmodel import col

from backend.api import views
from backend.api.bodies import Body
from backend.api.requests import account, limit, read
from backend.api.schema import JSON, spec
from backend.mturk.ids import id_of_assignment
from backend.mturk.service import MTurk
from backend.store import notices, people, qualifications
from backend.store.tables.mturk import MTurkPastWorker
from piecework.domain.errors import Conflict, Forbidden, Invalid, NotFound

ENOUGH = 3
"""Assignments that a claim names; all of them where a requester knows of fewer."""
MOST_WORKERS, MOST_ASSIGNMENTS, MOST_GRANTS, MOST_NAMED = 1_000, 2_000, 100, 100
LONGEST_BLOCK, MOST_BYTES = 2_000, 16 << 20
_ID = re.compile(r"[A-Z0-9]{1,64}", re.ASCII)
_ONE = select(MTurkPastWorker).where(col(MTurkPastWorker.requester) == bindparam("of"), col(MTurkPastWorker.old_id) == bindparam("id"))
_KNOWN = select(MTurkPastWorker).where(col(MTurkPastWorker.old_id) == bindparam("id")).order_by(col(MTurkPastWorker.requester)).with_for_update()
_PAGE = (
    select(MTurkPastWorker)
    .where(col(MTurkPastWorker.requester) == bindparam("of"), col(MTurkPastWorker.old_id) > bindparam("cursor"))
    .order_by(col(MTurkPastWorker.old_id))
    .limit(bindparam("most"))
)
_OTHER = select(MTurkPastWorker.old_id).where(
    col(MTurkPastWorker.requester) == bindparam("of"), col(MTurkPastWorker.account) == bindparam("who"), col(MTurkPastWorker.old_id) != bindparam("id")
)
_ACCOUNT = select(MTurkPastWorker.account).where(col(MTurkPastWorker.requester) == bindparam("of"), col(MTurkPastWorker.old_id) == bindparam("id"))


class PastWorkerBody(Body):
    """A worker of Mechanical Turk as a requester's files have it: its id there, the assignments that it did, why it was blocked if it was, and
    what it shall have of the requester's qualifications here (value by id)."""

    worker_id: str
    assignments: list[str] = []
    block: str | None = None
    qualifications: dict[str, int] = {}


class PastWorkers(Body):
    """At most a thousand workers at once; more can follow."""

    workers: list[PastWorkerBody]


class PastWorkerView(msgspec.Struct):
    """A worker that waits to be claimed, or was: then `account` is who it is here."""

    worker_id: str
    assignments: int
    blocked: bool
    qualifications: int
    account: str | None
    claimed_at: datetime | None


class PastClaim(Body):
    """That one was a worker of Mechanical Turk: its id there, and three assignments that it did for each requester who shall know (all, where it
    did fewer)."""

    worker_id: str
    assignments: list[str]


class PastClaimView(msgspec.Struct):
    """A requester who knows now, and what came of it."""

    requester: str
    blocked: bool
    qualifications: int


@dataclass(frozen=True, slots=True)
class Past:
    """Keeps past workers.

    Args:
        service: the interface.
    """

    service: MTurk

    async def leave(self, requester: str, workers: Sequence[PastWorkerBody]) -> None:
        """Keeps what a requester's files say. Said again it replaces what was said of whoever isn't claimed yet.

        Raises:
            Invalid: an id that can't be one, one twice, or too much.
            Forbidden: a qualification is somebody else's.
            NotFound: there is no such qualification.
            Conflict: one is claimed already.
        """
        if not 1 <= len(workers) <= MOST_WORKERS or len({one.worker_id for one in workers}) < len(workers):
            raise Invalid(f"Name 1 to {MOST_WORKERS} workers, each once.")
        for one in workers:
            _check(one)

        def work(connection: Connection) -> None:
            kinds = {id: _kind(connection, id, requester) for one in workers for id in one.qualifications}
            for one in workers:
                _keep(connection, requester, one, {kinds[id]: value for id, value in one.qualifications.items()})

        await self.service.store.write(work)

    def page(self, requester: str, cursor: str, most: int) -> Sequence[Row[Any]]:
        """A requester's past workers by their ids there."""
        with self.service.store.read() as connection:
            return connection.execute(_PAGE, {"of": requester, "cursor": cursor, "most": most}).all()

    async def claim(self, who: str, old_id: str, assignments: Sequence[str]) -> list[PastClaimView]:
        """Makes an account known as a past worker to every requester whose assignments it names; again it changes nothing.

        Raises:
            NotFound: no requester knows such a worker by such assignments; nobody is told which of the two it is.
            Conflict: somebody has claimed the worker, or the account another one of the same requester.
        """
        if len(assignments) > MOST_NAMED:
            raise Invalid(f"Name at most {MOST_NAMED} assignments.")
        named = {_hash(one) for one in assignments}
        now = self.service.clock()

        def work(connection: Connection) -> list[PastClaimView]:
            rows = [row for row in connection.execute(_KNOWN, {"id": old_id}).all() if _proves(named, set(json.loads(row.assignments)))]
            if not rows:
                raise NotFound(f"No requester here knows of a worker of that id by these assignments; name {ENOUGH} of one requester's, or all.")
            return [_claimed(connection, row, who, now) for row in rows if row.requester != who]

        return list(await self.service.store.write(work))


def account_of_past(connection: Connection, requester: str, old_id: str) -> str | None:
    """Whose a worker's id of Mechanical Turk is, as far as the requester knows."""
    found: str | None = connection.execute(_ACCOUNT, {"of": requester, "id": old_id}).scalar()
    return found


def _check(one: PastWorkerBody) -> None:
    if not _ID.fullmatch(one.worker_id) or not all(_ID.fullmatch(id) for id in one.assignments):
        raise Invalid(f"Ids of Mechanical Turk are capitals and digits; look at worker '{one.worker_id[:70]}' and its assignments.")
    if len(one.assignments) > MOST_ASSIGNMENTS or len(one.qualifications) > MOST_GRANTS:
        raise Invalid(f"A worker has at most {MOST_ASSIGNMENTS} assignments and {MOST_GRANTS} qualifications here.")
    if one.block is not None and (not 1 <= len(one.block.strip()) <= LONGEST_BLOCK or "\0" in one.block):
        raise Invalid(f"A block has a reason of 1 to {LONGEST_BLOCK} characters, which its worker sees.")
    if not all(0 <= value <= 2**31 - 1 for value in one.qualifications.values()):
        raise Invalid("A qualification's value is 0 or more.")


def _kind(connection: Connection, id: str, requester: str) -> str:
    kept = id_of_assignment(id) or id
    kind = qualifications.one(connection, kept)
    if kind is None:
        raise NotFound(f"There is no qualification {id[:70]}.")
    if kind.owner != requester:
        raise Forbidden("Only a qualification's owner may have it granted.")
    return kept


def _keep(connection: Connection, requester: str, one: PastWorkerBody, grants: dict[str, int]) -> None:
    said = {"assignments": json.dumps(sorted({_hash(id) for id in one.assignments})), "block": one.block, "grants": json.dumps(grants)}
    before = connection.execute(_ONE, {"of": requester, "id": one.worker_id}).one_or_none()
    if before is None:
        connection.execute(insert(MTurkPastWorker), said | {"requester": requester, "old_id": one.worker_id})
    elif before.account is None:
        mine = (col(MTurkPastWorker.requester) == requester, col(MTurkPastWorker.old_id) == one.worker_id)
        connection.execute(update(MTurkPastWorker).where(*mine, col(MTurkPastWorker.account).is_(None)).values(**said))
    elif any(said[name] != getattr(before, name) for name in said):
        raise Conflict(f"Worker {one.worker_id} is claimed already; what it has here is set by blocks and qualifications.")


def _proves(named: set[str], known: set[str]) -> bool:
    return bool(known) and len(named & known) >= min(ENOUGH, len(known))


def _claimed(connection: Connection, row: Row[Any], who: str, now: datetime) -> PastClaimView:
    grants = json.loads(row.grants)
    found = PastClaimView(row.requester, row.block is not None, len(grants))
    if row.account == who:
        return found
    if row.account is not None:
        raise Conflict(f"Worker {row.old_id} is claimed by another account.")
    if (other := connection.execute(_OTHER, {"of": row.requester, "who": who, "id": row.old_id}).scalar()) is not None:
        raise Conflict(f"Your account is worker {other} to the same requester already.")
    mine = (col(MTurkPastWorker.requester) == row.requester, col(MTurkPastWorker.old_id) == row.old_id)
    connection.execute(update(MTurkPastWorker).where(*mine).values(account=who, claimed_at=now))
    if row.block is not None and people.block(connection, row.requester, who, row.block, now):
        notices.tell(connection, who, "block.set", {"requester": row.requester, "reason": row.block}, now)
    for id, value in grants.items():
        if qualifications.one(connection, id) is not None and qualifications.granted(connection, id, who) is None:
            qualifications.grant(connection, id, who, value, None, now)
    return found


def _hash(assignment: str) -> str:
    return hashlib.sha256(assignment.strip().encode()).hexdigest()


def router(past: Past) -> APIRouter:
    """The routes over `Past`."""
    routes = APIRouter(prefix="/v1/mturk-workers", tags=["mturk"])

    @routes.put("", **spec(None, 204, PastWorkers, auth=True))
    async def leave(request: Request) -> Response:
        """Leaves here what one's files say of workers of Mechanical Turk, to be claimed."""
        requester, body = account(request), await read(request, PastWorkers, MOST_BYTES)
        await past.leave(requester, body.workers)
        return Response(status_code=204)

    @routes.get("", **spec(list[PastWorkerView], auth=True, query=("cursor", "limit")))
    def mine(request: Request) -> Response:
        """One's past workers, and whose they are here."""
        requester, most = account(request), limit(request)
        rows = past.page(requester, request.query_params.get("cursor", ""), most + 1)
        return JSON(views.page(rows, most, _view, lambda row: row.old_id))

    @routes.post("/claims", **spec(list[PastClaimView], auth=True, reads=PastClaim))
    async def claim(request: Request) -> Response:
        """Claims to have been a worker of Mechanical Turk, by assignments that only it and its requester know of."""
        who, body = account(request), await read(request, PastClaim)
        return JSON({"items": await past.claim(who, body.worker_id, body.assignments), "next": None})

    return routes


def _view(row: Row[Any]) -> PastWorkerView:
    return PastWorkerView(
        row.old_id, len(json.loads(row.assignments)), row.block is not None, len(json.loads(row.grants)), row.account, row.claimed_at
    )
