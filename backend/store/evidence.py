"""Evidence by its hash, and whom a dispute's subject concerns."""

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, exists, insert, select
from sqlmodel import col

from backend.store import disputes, mirror
from backend.store.tables import Assignment, Evidence, Posting
from indexer.tables import Appeal, AppealedOpening, AppealPhase, Job

_ONE = select(Evidence).where(col(Evidence.hash) == bindparam("hash"))
_REQUESTER = select(Posting.requester).where(col(Posting.job) == bindparam("job"))
_WORKERS = (
    select(Assignment.worker)
    .join(Posting, col(Posting.number) == col(Assignment.posting))
    .where(col(Posting.job) == bindparam("job"), col(Assignment.worker) == bindparam("worker"))
    .limit(1)
)

_under_way = (
    select(Job.arbitrator)
    .join(Appeal, col(Appeal.job) == col(Job.job))
    .where(*mirror.own(Appeal))
    .where(~exists().where(col(AppealPhase.appeal) == col(Appeal.appeal), col(AppealPhase.phase) == "done"))
    .limit(1)
)
_JUDGED = {
    "job": _under_way.where(col(Appeal.job) == bindparam("id")),
    "appeal": _under_way.where(col(Appeal.appeal) == bindparam("id")),
    "opening": _under_way.join(AppealedOpening, col(AppealedOpening.appeal) == col(Appeal.appeal)).where(
        col(AppealedOpening.opening) == bindparam("id")
    ),
}


def one(connection: Connection, hash: str) -> Row[tuple[Evidence]] | None:
    """The row of a hash."""
    return connection.execute(_ONE, {"hash": hash}).first()


def save(connection: Connection, hash: str, author: str, document: str, now: datetime) -> None:
    """Keeps a document; one that is there already stays as it is."""
    if one(connection, hash) is None:
        values = {"hash": hash, "author": author, "document": document, "created_at": now}
        connection.execute(insert(Evidence).values(**values))


def judged_by(connection: Connection, kind: str, id: str) -> str | None:
    """The arbitrator of an appeal that isn't over and that the job, opening or appeal has or is; None without such."""
    return connection.execute(_JUDGED[kind], {"id": id}).scalar()


def side(connection: Connection, kind: str, id: str, account: str) -> str | None:
    """Which side of a job, opening or appeal an account is on: requester or worker; None if neither, or if there is no such thing."""
    if kind == "job":
        if connection.execute(_REQUESTER, {"job": id}).scalar() == account:
            return "requester"
        return "worker" if connection.execute(_WORKERS, {"job": id, "worker": account}).first() else None
    if kind == "opening":
        opening = disputes.standing(connection, id)
        requester, workers = (opening.terms.requester, opening.slots.values()) if opening else (None, ())
    else:
        appeal = disputes.appeal(connection, id)
        requester, workers = (appeal.terms.requester, (appeal.row.worker,)) if appeal else (None, ())
    return "requester" if account == requester else "worker" if account in workers else None
