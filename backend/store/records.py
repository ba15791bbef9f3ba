"""What the mirror says of a job's money, and of the record of requesters, workers and coordinators. Read only.

Every answer is the newest row of its key, so it costs the same after a million events as after one.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, select, text

from indexer.tables import AppealPhase, Block, BondEntry, Job, JobWord, Reclaim, Tip, WorkerGrievance, WorkerPatron, WorkerPayment


@dataclass(frozen=True, slots=True)
class JobMoney:
    """A job in slots, and its money in base units: what was `locked` is still in it, and `deposits` and `stakes` are held beside it."""

    funded: int
    taken: int
    resolved: int
    closed: bool
    locked: int
    paid_out: int
    fees: int
    refunded: int
    deposits: int
    stakes: int


@dataclass(frozen=True, slots=True)
class RequesterRecord:
    """What became of a requester's slots, in all its jobs.

    Attributes:
        paid: to workers, however it came to that.
        contested, conceded, reclaimed, appealed: of those that were opened.
        overturned, upheld: of the appealed, for the worker and for the requester.
        timed: paid ones that were opened before; only for them the chain knows how long the pay took.
        seconds: from opening to pay, added up over the timed.
    """

    paid: int = 0
    contested: int = 0
    conceded: int = 0
    appealed: int = 0
    overturned: int = 0
    upheld: int = 0
    reclaimed: int = 0
    timed: int = 0
    seconds: int = 0

    @property
    def mean_seconds(self) -> float | None:
        """From opening to pay; None where nothing was opened and paid."""
        return self.seconds / self.timed if self.timed else None


@dataclass(frozen=True, slots=True)
class Earnings:
    """What a worker was paid in one token: slots, base units, in how many jobs, by how many requesters."""

    slots: int
    amount: int
    jobs: int
    requesters: int


@dataclass(frozen=True, slots=True)
class Grievances:
    """What became of a worker's slots that were contested."""

    contested: int = 0
    conceded: int = 0
    reclaimed: int = 0
    appealed: int = 0
    won: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Slots that a worker lost to a requester in one event: nobody appealed, or the ruling was for the requester."""

    requester: str
    at: datetime
    slots: int


@dataclass(frozen=True, slots=True)
class Tips:
    """What somebody gave as tips in one token: how many, and base units in all."""

    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Bond:
    """Base units behind a coordinator's word in one token, and until when they are locked (Unix seconds)."""

    amount: int
    locked_until: int


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one escrow.

    Args:
        connection: a reading transaction.
    """

    connection: Connection
    chain_id: int
    escrow: str

    def job(self, job: str) -> JobMoney | None:
        """A job's money; None if it was never posted."""
        row = self._newest(_JOB, job=job)
        return None if row is None else JobMoney(*row)

    def requester(self, account: str) -> RequesterRecord:
        """A requester's record; all 0 for one that posted nothing."""
        return RequesterRecord(*(self._newest(_REQUESTER, requester=account) or ()))

    def tips(self, account: str) -> dict[str, Tips]:
        """What an account gave as tips, by token."""
        return {token: Tips(*row) for token, row in self._by_token(Tip, _TIPS, "sender", account)}

    def earnings(self, account: str) -> dict[str, Earnings]:
        """What a worker was paid, by token."""
        found = {token: Earnings(*row) for token, row in self._by_token(WorkerPayment, _EARNINGS, "worker", account)}
        return {token: earned for token, earned in found.items() if earned.slots}

    def grievances(self, account: str) -> Grievances:
        """A worker's record of contests; all 0 for one that has none."""
        return Grievances(*(self._newest(_GRIEVANCES, worker=account) or ()))

    def losses(self, account: str) -> list[Loss]:
        """What a worker lost to whom and when, in the chain's order. Costs as much as there are events about its contested slots."""
        rows = self.connection.execute(_LOSSES, {"chain_id": self.chain_id, "escrow": self.escrow, "worker": account}).all()
        so_far = pairwise([0, *(row.lost for row in rows)])
        return [Loss(row.requester, row.timestamp_at, after - before) for row, (before, after) in zip(rows, so_far, strict=True) if after > before]

    def patrons(self, account: str) -> list[str]:
        """Who has paid a worker."""
        key = {"chain_id": self.chain_id, "escrow": self.escrow, "worker": account}
        return list(self.connection.execute(_PATRONS, key).scalars())

    def bonds(self, account: str) -> dict[str, Bond]:
        """What stands behind a coordinator's word, by token."""
        return {token: Bond(*row) for token, row in self._by_token(BondEntry, _BOND, "coordinator", account)}

    def _newest(self, statement: Select[Any], **key: str) -> Row[Any] | None:
        return self.connection.execute(statement, {"chain_id": self.chain_id, "escrow": self.escrow} | key).one_or_none()

    def _by_token(self, table: Any, statement: Select[Any], role: str, account: str) -> list[tuple[str, Row[Any]]]:
        """The newest row of every token that an account has rows in. Its tokens are found by leaping from one to the next in the
        index, however many rows lie between."""
        tokens = self.connection.execute(_TOKENS[table.__tablename__], {"account": account}).scalars().all()
        rows = [(token, self._newest(statement, **{role: account, "token": token})) for token in tokens]
        return [(token, row) for token, row in rows if row is not None]


def _newest(table: Any, key: tuple[str, ...], columns: tuple[str, ...], order: tuple[str, ...] = ()) -> Select[Any]:
    """The `columns` of the newest row of a key."""
    of = table.__table__.columns
    return (
        select(*(of[name] for name in columns))
        .where(*(of[name] == bindparam(name) for name in ("chain_id", "escrow", *key)))
        .order_by(*(of[name].desc() for name in ("block_number", "log_index", *order)))
        .limit(1)
    )


def _names(of: type[Any], prefix: str = "") -> tuple[str, ...]:
    return tuple(prefix + field.name for field in fields(of))


_JOB = _newest(JobWord, ("job",), _names(JobMoney))
_REQUESTER = _newest(JobWord, ("requester",), _names(RequesterRecord, "requester_"))
_TIPS = _newest(Tip, ("sender", "token"), ("sent_count", "sent_total"), ("position",))
_EARNINGS = _newest(
    WorkerPayment, ("worker", "token"), ("slots_total", "amount_total", "jobs_total", "requesters_total"), ("place",)
)
_GRIEVANCES = _newest(WorkerGrievance, ("worker",), _names(Grievances))
_BOND = _newest(BondEntry, ("coordinator", "token"), ("bond", "locked_until"))
_PATRONS = (
    select(WorkerPatron.__table__.c.requester)  # type: ignore[attr-defined]
    .distinct()
    .where(*(WorkerPatron.__table__.c[name] == bindparam(name) for name in ("chain_id", "escrow", "worker")))  # type: ignore[attr-defined]
)


def _key(table: Any, *more: str) -> list[Any]:
    """The conditions that a row of the table is of the same chain, escrow and so on as a grievance."""
    of, by = table.__table__.columns, WorkerGrievance.__table__.columns  # type: ignore[attr-defined]
    return [of[name] == by[name] for name in ("chain_id", "escrow", *more)]


def _losses() -> Select[Any]:
    grievance, reclaim, phase, job, block = (one.__table__ for one in (WorkerGrievance, Reclaim, AppealPhase, Job, Block))  # type: ignore[attr-defined]
    return (
        select((grievance.c.reclaimed + grievance.c.lost).label("lost"), job.c.requester, block.c.timestamp_at)
        .select_from(grievance)
        .outerjoin(reclaim, and_(*_key(Reclaim, "block_number", "log_index")))
        .outerjoin(phase, and_(*_key(AppealPhase, "block_number", "log_index")))
        .outerjoin(job, and_(*_key(Job), job.c.job == func.coalesce(reclaim.c.job, phase.c.job)))
        .outerjoin(block, and_(*_key(Block), block.c.number == grievance.c.block_number))
        .where(*(grievance.c[name] == bindparam(name) for name in ("chain_id", "escrow", "worker")))
        .order_by(grievance.c.block_number, grievance.c.log_index)
    )


_LOSSES = _losses()


def _leaps(table: str, role: str) -> Any:
    return text(f"""
        WITH RECURSIVE leap(token) AS (
            SELECT min(token) FROM {table} WHERE {role} = :account
            UNION ALL
            SELECT (SELECT min(token) FROM {table} WHERE {role} = :account AND token > leap.token)
              FROM leap WHERE leap.token IS NOT NULL)
        SELECT token FROM leap WHERE token IS NOT NULL""")


_TOKENS = {
    name: _leaps(name, role)
    for name, role in (("mirror_tip", "sender"), ("mirror_worker_payment", "worker"), ("mirror_bond_entry", "coordinator"))
}
