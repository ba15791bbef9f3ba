"""Openings, contests and appeals, as the mirror has them, and what of them is due. Read only."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, func, or_, select, tuple_
from sqlmodel import col

from backend.store import mirror, slots
from backend.store.tables import Assignment, Posting, SignedBatch
from indexer.tables import (
    Appeal,
    AppealedOpening,
    AppealPhase,
    Close,
    Concession,
    Contest,
    Finalization,
    Job,
    Opening,
    Reclaim,
    SlotStep,
)
from piecework.domain import recourse
from piecework.domain.recourse import RULING_LIMIT
from piecework.domain.terms import Terms

# ------------------------------------------------------------------------------------------------ one of them

_TERMS = select(*(getattr(Job, name) for name in Terms.__slots__)).where(col(Job.job) == bindparam("job")).limit(1)
_OPENING = select(Opening).where(col(Opening.opening) == bindparam("opening"), *mirror.own(Opening))
_APPEAL = select(Appeal).where(col(Appeal.appeal) == bindparam("appeal"), *mirror.own(Appeal))
_PHASES = (
    select(AppealPhase)
    .where(col(AppealPhase.appeal) == bindparam("appeal"))
    .order_by(col(AppealPhase.block_number).desc(), col(AppealPhase.log_index).desc())
)
_PARTS = select(AppealedOpening).where(col(AppealedOpening.appeal) == bindparam("appeal")).order_by(col(AppealedOpening.position))
_OF_OPENING = {
    table: select(table).where(col(table.opening) == bindparam("opening")).order_by(col(table.block_number), col(table.log_index))
    for table in (Finalization, Contest, Concession, Reclaim, AppealedOpening)
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An opening and all that has happened to it.

    Attributes:
        row: of `mirror_opening`; `handed` is what a call hands in, `terms` the job's.
        contests: rows of `mirror_contest`, oldest first.
        answers: slot → (appealed, conceded or reclaimed; the appeal's id, or the opening's).
    """

    row: Any
    terms: Terms
    handed: recourse.Opening
    finalized: bool
    contests: Sequence[Any]
    answers: dict[int, tuple[str, str]]

    @property
    def id(self) -> str:
        return str(self.row.opening)

    @property
    def contest_until(self) -> int:
        """Unix seconds; from then on uncontested slots may be finalized and contested ones appealed."""
        return int(self.row.opened_at) + self.terms.review_window

    @property
    def appeal_until(self) -> int:
        """Unix seconds; from then on contested slots that nobody appealed may be reclaimed."""
        return self.contest_until + self.terms.appeal_window

    @property
    def slots(self) -> dict[int, str]:
        """Every slot that it took, with its worker."""
        return {slot: self.handed.workers[place - 1] for slot, place in enumerate(self.handed.places, self.row.first_slot) if place}

    @property
    def contested(self) -> dict[int, Any]:
        """Contested slots, each with its contest's row."""
        return {slot: row for row in self.contests for slot in named(self.row.first_slot, row.places)}

    @property
    def unanswered(self) -> set[int]:
        """Contested slots that nobody appealed, conceded or reclaimed."""
        return self.contested.keys() - self.answers.keys()


def named(first: int, places: bytes) -> list[int]:
    """The slots that the bytes name."""
    return [slot for slot, place in enumerate(places, first) if place]


def terms(connection: Connection, job: str) -> Terms | None:
    """A job's terms as they were posted; None if it never was."""
    row = connection.execute(_TERMS, {"job": job}).first()
    if row is None:
        return None
    hexed = ("arbitrator_extra_data", "content_hash", "salt")
    values = row._asdict()
    return Terms(**values | {name: bytes.fromhex(values[name][2:]) for name in hexed})


def standing(connection: Connection, opening: str) -> Standing | None:
    """An opening by its id; None if the mirror has none."""
    row = connection.execute(_OPENING, {"opening": opening}).first()
    found = row and terms(connection, row.job)
    if row is None or found is None:
        return None
    of = {table: connection.execute(statement, {"opening": opening}).all() for table, statement in _OF_OPENING.items()}
    answers: dict[int, tuple[str, str]] = {}
    for table, how in ((AppealedOpening, "appealed"), (Concession, "conceded"), (Reclaim, "reclaimed")):
        for entry in of[table]:
            which = entry.appeal if how == "appealed" else opening
            answers |= dict.fromkeys(named(row.first_slot, entry.places), (how, which))
    handed = recourse.Opening(bytes.fromhex(row.batch[2:]), row.first_slot, tuple(json.loads(row.workers)), row.places)
    return Standing(row, found, handed, bool(of[Finalization]), of[Contest], answers)


_OF_JOB = (
    select(Opening.opening, Opening.block_number, Opening.log_index)
    .where(col(Opening.job) == bindparam("job"), *mirror.own(Opening))
    .where(tuple_(col(Opening.block_number), col(Opening.log_index)) > tuple_(bindparam("block"), bindparam("log")))
    .order_by(col(Opening.block_number), col(Opening.log_index))
    .limit(bindparam("most"))
)


def openings(connection: Connection, job: str, cursor: tuple[int, int], limit: int) -> Sequence[Row[Any]]:
    """A job's openings after the place (block, log), oldest first."""
    block, log = cursor
    return connection.execute(_OF_JOB, {"job": job, "block": block, "log": log, "most": limit}).all()


@dataclass(frozen=True, slots=True)
class AppealStanding:
    """An appeal and where it stands: `row` of `mirror_appeal`, `phases` newest first, `parts` of `mirror_appealed_opening`."""

    row: Any
    terms: Terms
    handed: recourse.Appeal
    phases: Sequence[Any]
    parts: Sequence[Any]

    @property
    def phase(self) -> str:
        return str(self.phases[0].phase)

    @property
    def until(self) -> int | None:
        """Unix seconds until the present phase ends for the worker; None where no clock runs."""
        since = int(self.phases[0].since_at)
        return {"pending": since + self.terms.appeal_window, "defended": since + RULING_LIMIT}.get(self.phase)


def appeal(connection: Connection, id: str) -> AppealStanding | None:
    """An appeal by its id; None if the mirror has none."""
    row = connection.execute(_APPEAL, {"appeal": id}).first()
    found = row and terms(connection, row.job)
    if row is None or found is None:
        return None
    handed = recourse.Appeal(row.worker, row.sponsor, row.slots, row.appealed_at, bytes.fromhex(row.request[2:]))
    phases, parts = (connection.execute(statement, {"appeal": id}).all() for statement in (_PHASES, _PARTS))
    return AppealStanding(row, found, handed, phases, parts)


# ------------------------------------------------------------------------------------------------ what is due

MOST_DUE = 100
"""Jobs, openings or appeals that are looked at together."""


def _sum(table: Any) -> Any:
    return func.coalesce(select(func.sum(col(table.slots))).where(col(table.opening) == col(Opening.opening)).scalar_subquery(), 0)


_appealed = (
    select(func.count())
    .where(col(SlotStep.opening) == col(Opening.opening), col(SlotStep.state) == "appealed")
    .correlate(Opening)
    .scalar_subquery()
)
_uncontested = col(Opening.slots) - _sum(Contest)
_unanswered = _sum(Contest) - _sum(Concession) - _sum(Reclaim) - _appealed
_ours = (
    select(col(Opening.opening).label("subject"), Opening.job, Job.token)
    .join(Job, col(Job.job) == col(Opening.job))
    .join(Posting, col(Posting.job) == col(Opening.job))
    .where(*mirror.own(Opening), col(Opening.opening).in_(bindparam("subjects", expanding=True)))
    .order_by(col(Opening.block_number), col(Opening.log_index))
)
_FINALIZE = _ours.add_columns(_uncontested.label("slots"), col(Job.reward).label("worth"), Opening.workers).where(
    col(Opening.opened_at) + col(Job.review_window) <= bindparam("now"),
    ~exists().where(col(Finalization.opening) == col(Opening.opening)),
    _uncontested > 0,
)
_RECLAIM = _ours.add_columns(_unanswered.label("slots"), col(Job.reward).label("worth")).where(
    col(Opening.opened_at) + col(Job.review_window) + col(Job.appeal_window) <= bindparam("now"),
    exists().where(col(Contest.opening) == col(Opening.opening)),
    _unanswered > 0,
)
_later = AppealPhase.__table__.alias("later")  # type: ignore[attr-defined]  # SQLModel adds it to every table class
_is_newest = ~exists().where(
    _later.c.chain_id == col(AppealPhase.chain_id),
    _later.c.appeal == col(AppealPhase.appeal),
    tuple_(_later.c.block_number, _later.c.log_index) > tuple_(col(AppealPhase.block_number), col(AppealPhase.log_index)),
)
_CONCLUDE = (
    select(col(AppealPhase.appeal).label("subject"), AppealPhase.job, Job.token, Appeal.slots, col(Job.reward).label("worth"))
    .join(Appeal, col(Appeal.appeal) == col(AppealPhase.appeal))
    .join(Job, col(Job.job) == col(AppealPhase.job))
    .join(Posting, col(Posting.job) == col(AppealPhase.job))
    .where(
        *mirror.own(AppealPhase),
        col(AppealPhase.appeal).in_(bindparam("subjects", expanding=True)),
        _is_newest,
        or_(
            col(AppealPhase.phase) == "ruled",
            and_(col(AppealPhase.phase) == "pending", col(AppealPhase.since_at) + col(Job.appeal_window) <= bindparam("now")),
            and_(col(AppealPhase.phase) == "defended", col(AppealPhase.since_at) + RULING_LIMIT <= bindparam("now")),
        ),
    )
    .order_by(col(AppealPhase.appeal))
)
DUE: dict[str, Select[Any]] = {"finalize": _FINALIZE, "reclaim": _RECLAIM, "conclude": _CONCLUDE}
"""What anyone may call of these subjects by then, of this coordinator's jobs: subject, job, slots, and the reward of one."""

_unapproved = or_(
    col(Assignment.state).in_(("revealed", "approved")),
    and_(
        col(Assignment.state) == "batched",
        exists().where(col(SignedBatch.digest) == col(Assignment.batch), col(SignedBatch.approval).is_(None)),
    ),
)
_waiting = (col(Posting.number) == col(Assignment.posting), _unapproved, ~slots.is_taken)
unsettled = and_(*_waiting)
"""Joins a posting with those of its answers that neither an approval nor the chain has taken up."""
CLOSING = (
    select(
        *(_job := (Posting.closes_at, Posting.number, Posting.job, Posting.token, Posting.reward)),
        func.count().label("slots"),
        func.count(col(Assignment.worker).distinct()).label("workers"),
    )
    .join(Assignment, unsettled)
    .where(
        exists().where(col(Job.job) == col(Posting.job)),
        col(Posting.coordinator) == bindparam("coordinator"),
        col(Posting.closes_at) >= bindparam("since"),
        col(Posting.closes_at) <= bindparam("by"),
        or_(col(Posting.closes_at) > bindparam("since"), col(Posting.number) > bindparam("after")),
        ~exists().where(col(Close.job) == col(Posting.job)),
    )
    .group_by(*_job)
    .order_by(col(Posting.closes_at), col(Posting.number))
    .limit(MOST_DUE)
)
_UNOPENED = (
    select(Assignment.slot, Assignment.worker, Assignment.commitment)
    .join(Posting, unsettled)
    .where(col(Assignment.posting) == bindparam("posting"))
    .order_by(col(Assignment.slot))
    .limit(20_000)
)


def posting(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """The row of a posting by its number."""
    return connection.execute(select(Posting).where(col(Posting.number) == number)).all()


def postings_of(connection: Connection, job: str) -> list[int]:
    """The number of a job's posting, if it is one of ours."""
    return list(connection.execute(select(col(Posting.number)).where(col(Posting.job) == job)).scalars())


def due(connection: Connection, kind: str, subjects: Sequence[str], now: int) -> Sequence[Row[Any]]:
    """Of which of these openings or appeals something of a kind is due at an instant, oldest first."""
    return connection.execute(DUE[kind], {"subjects": list(subjects), "now": now}).all()


def closing(connection: Connection, coordinator: str, now: int, by: int) -> Iterator[Row[Any]]:
    """Jobs that close after `now` by the chain's time and until `by`, of which revealed answers have neither approval nor opening."""
    since, after = now + 1, -1
    while True:
        rows = connection.execute(CLOSING, {"coordinator": coordinator, "since": since, "by": by, "after": after}).all()
        yield from rows
        if len(rows) < MOST_DUE:
            return
        since, after = rows[-1].closes_at, rows[-1].number


def unopened(connection: Connection, posting: int) -> list[tuple[int, str, bytes]]:
    """Those answers of a job: slot, worker, commitment, by slot."""
    rows = connection.execute(_UNOPENED, {"posting": posting})
    return [(slot, worker, bytes.fromhex(commitment[2:])) for slot, worker, commitment in rows]


# ------------------------------------------------------------------------------------------------ what was done

_OPENED_BY = select(Opening.opening).where(col(Opening.job) == bindparam("job"), col(Opening.transaction_hash) == bindparam("hash"))
_DONE = {
    "finalize": select(Finalization.opening).where(col(Finalization.opening) == bindparam("subject")).limit(1),
    "reclaim": select(Reclaim.opening).where(
        col(Reclaim.opening) == bindparam("subject"), col(Reclaim.transaction_hash) == bindparam("hash")
    ).limit(1),
    "conclude": select(AppealPhase.appeal).where(
        col(AppealPhase.appeal) == bindparam("subject"), col(AppealPhase.phase) == "done"
    ).limit(1),
}


def carried(connection: Connection, kind: str, subject: str, transaction_hash: str) -> bool:
    """Whether the mirror shows what a transaction of the watchtower's did."""
    if kind == "open":
        job = connection.execute(select(Posting.job).where(col(Posting.number) == int(subject))).scalar_one()
        return connection.execute(_OPENED_BY, {"job": job, "hash": transaction_hash}).first() is not None
    values = {"subject": subject} | ({"hash": transaction_hash} if kind == "reclaim" else {})
    return connection.execute(_DONE[kind], values).first() is not None
