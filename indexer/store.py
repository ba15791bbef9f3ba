"""What handlers write into: the rows of one transaction, and the state of the books that they stand on."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from typing import Any, TypeVar

from msgspec.structs import astuple
from sqlalchemy import Connection, Row, and_, bindparam, select
from sqlmodel import SQLModel, col

from indexer import tables
from indexer.books import Change, Crowd, Crowds, Earner, Standing, Word
from indexer.chain import AnswerRefused
from indexer.events import Position
from indexer.recall import Allowance, AppealFacts, JobTerms, Opened, Recall, Stand, newest
from indexer.tables import RUN, Appeal, AppealedOpening, SlotRun, WorkerPatron, WorkerPayment, run_of

Known = TypeVar("Known")

MOST_BALANCE = 2**192 - 1
"""What the escrow's ledger can hold of a token."""

_EVENT = ("chain_id", "escrow", "block_number", "log_index")
_TERMS = ("requester", "token", "reward", "fee", "contest_deposit", "appeal_stake")
_STAND = ("phase", "arbitrator", "dispute_id", "cost", "ruling", "winner")
_OPERATOR = ("requester", "operator", "token")
_JOB = newest(tables.Job, _TERMS, ("job",))
_NEWEST_WORD = newest(tables.JobWord, Word.__struct_fields__, ("job",))
_NEWEST_STANDING = newest(tables.JobWord, tuple(f"requester_{name}" for name in Standing.__struct_fields__), ("requester",))
_NEWEST_EARNINGS = newest(WorkerPayment, ("slots_total", "amount_total", "jobs_total"), ("worker", "token"), ("place",))
_NEWEST_BALANCE = newest(tables.LedgerEntry, ("balance",), ("account", "token"), ("sequence",))
_NEWEST_ALLOWANCE = newest(tables.OperatorAllowance, ("allowance", "expires_at"), _OPERATOR)
_OPENING = newest(tables.Opening, ("first_slot", "workers", "opened_at"), ("opening",))
_NEWEST_STAND = newest(tables.AppealPhase, _STAND, ("appeal",))
_DISPUTED = newest(tables.AppealPhase, ("appeal", "job"), ("arbitrator", "dispute_id"))
_APPEALED = (
    select(col(Appeal.worker), col(Appeal.sponsor), col(AppealedOpening.opening), col(AppealedOpening.places))
    .join(AppealedOpening, and_(*(getattr(AppealedOpening, name) == getattr(Appeal, name) for name in _EVENT)))
    .where(*(getattr(Appeal, name) == bindparam(name) for name in ("chain_id", "escrow", "appeal")))
    .order_by(col(AppealedOpening.position))
)
_PATRONS = select(col(WorkerPatron.requester)).where(
    *(getattr(WorkerPatron, name) == bindparam(name) for name in ("chain_id", "escrow", "worker", "token"))
)
_OF_JOB = [getattr(SlotRun, name) == bindparam(name) for name in ("chain_id", "escrow", "job")]
_CROWD = (
    select(col(WorkerPayment.worker))
    .distinct()
    .join(SlotRun, and_(*(getattr(SlotRun, name) == getattr(WorkerPayment, name) for name in _EVENT)))
    .where(*_OF_JOB, col(WorkerPayment.outcome) != "cancelled")
)
_RUNS = select(SlotRun.first_slot, SlotRun.places).where(*_OF_JOB)


class Memory:
    """What transactions of one mirror remember for the next one; good as long as each goes on where the one before ended.

    Attributes:
        facts: by kind of fact, then by key.
        crowds: who was paid in which job, and for which slots.
        is_whole: nothing is in the tables that isn't remembered, so nobody need look there for what isn't.
    """

    MOST = 50_000
    """Facts of a kind; then all of that kind are forgotten and looked up again."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[tuple[Any, ...], Any]] = defaultdict(dict)
        self.crowds = Crowds()
        self.is_whole = False

    def begin(self) -> None:
        """The deployment's first block comes next, and the tables have nothing of it."""
        self.is_whole = True

    def forget(self) -> None:
        """After a reorg or a transaction that failed."""
        self.facts.clear()
        self.crowds.clear()
        self.is_whole = False

    def bound(self) -> None:
        """Keeps the memory flat."""
        for known in self.facts.values():
            if len(known) > self.MOST:
                known.clear()
                self.is_whole = False
        self.crowds.bound()


class Store:
    """Collects rows in the order of the chain; nothing is written before the mirror does.

    The connection's transaction must already be rid of every row from the first collected block on: what it finds there is
    what the new rows follow.

    Args:
        times: the Unix seconds of the blocks that are collected, by number.
        memory: of the transactions before, where this one follows them.

    Attributes:
        rows: tuples with a value for each column, by table.
    """

    def __init__(
        self, connection: Connection, chain_id: int, escrow: str, times: Mapping[int, int], memory: Memory | None = None
    ) -> None:
        owner = {"chain_id": chain_id, "escrow": escrow}
        self.chain_id, self.escrow, self._times = chain_id, escrow, times
        self._sequence: tuple[Position | None, int] = (None, 0)
        self.rows: dict[type[SQLModel], list[tuple[Any, ...]]] = defaultdict(list)
        memory = memory or Memory()
        self._connection, self._crowds, self._is_whole = connection, memory.crowds, memory.is_whole
        self.known = known = partial(Recall, connection, owner, memory.facts, memory.is_whole)
        self._jobs: Recall[JobTerms] = known("job", _JOB, ("job",), lambda rows: JobTerms(*rows[0]))
        self._words: Recall[Word] = known("word", _NEWEST_WORD, ("job",), lambda rows: Word(*rows[0]))
        self._standings: Recall[Standing] = known(
            "standing", _NEWEST_STANDING, ("requester",), lambda rows: Standing(*rows[0])
        )
        self._earned: dict[tuple[Any, ...], Earner] = memory.facts["earner"]
        self._balances: Recall[int] = known("balance", _NEWEST_BALANCE, ("account", "token"), lambda rows: rows[0].balance)
        self._allowances: Recall[Allowance] = known(
            "allowance", _NEWEST_ALLOWANCE, _OPERATOR, lambda rows: Allowance(*rows[0])
        )
        self._openings: Recall[Opened] = known("opening", _OPENING, ("opening",), _opened)
        self._appeals: Recall[AppealFacts] = known("appeal", _APPEALED, ("appeal",), _appealed)
        self._stands: Recall[Stand] = known("stand", _NEWEST_STAND, ("appeal",), lambda rows: Stand(*rows[0]))
        self._disputes: Recall[tuple[str, str]] = known(
            "dispute", _DISPUTED, ("arbitrator", "dispute_id"), lambda rows: tuple(rows[0])
        )

    # -------------------------------------------------------------------------------------------- rows

    def keys(self, at: Position) -> tuple[int, int, int, str]:
        """The columns that every row begins with: chain_id, block_number, log_index, escrow."""
        return (self.chain_id, at.block_number, at.log_index, self.escrow)

    def add(self, table: type[SQLModel], at: Position, **values: Any) -> None:
        """One row; `values` are the table's own columns."""
        names = _own_columns(table)
        if "transaction_hash" in names:
            values["transaction_hash"] = at.transaction_hash
        if len(names) != len(values):
            raise TypeError(f"{table.__name__} has the columns {', '.join(names)}")
        self.rows[table].append((*self.keys(at), *[values[name] for name in names]))

    def extend(self, table: type[SQLModel], rows: Iterable[tuple[Any, ...]]) -> None:
        """Many rows, whole and in the order of the table's columns."""
        self.rows[table].extend(rows)

    def pay_slots(self, at: Position, job: str, parts: Iterable[tuple[int, bytes]]) -> None:
        """A row for each run with slots that the bytes name; `parts` are the slot of each one's first byte, and its bytes.

        Raises:
            AnswerRefused: one of the slots was paid before, so the node has invented this event or another.
        """
        crowd, runs = self.crowd(job), dict[int, int]()
        for first_slot, places in parts:
            for start in range(first_slot - first_slot % RUN, first_slot + len(places), RUN):
                run, behind = run_of(start), max(first_slot - start, 0)
                own = places[max(start - first_slot, 0) : start + RUN - first_slot]
                if not crowd.pays(run, behind, own):
                    raise AnswerRefused(f"Block {at.block_number} pays a slot of job {job} twice.")
                runs[run] = runs.get(run, 0) | int.from_bytes(own, "little") << 8 * behind
        rows, event = self.rows[SlotRun], (self.chain_id, at.block_number, at.log_index, self.escrow)
        for run, held in runs.items():
            own = held.to_bytes(RUN, "little").rstrip(b"\0")
            named = own.lstrip(b"\0")
            if named:
                rows.append((job, run, *event, run * RUN + len(own) - len(named), named.hex()))

    def time(self, at: Position) -> int:
        """The Unix seconds of an event's block."""
        return self._times[at.block_number]

    # -------------------------------------------------------------------------------------------- jobs

    def post(self, job: str, terms: JobTerms) -> None:
        """Remembers a job whose row isn't written yet."""
        self._jobs.put(terms, job)
        self._crowds.put(job, Crowd())

    def job(self, at: Position, job: str) -> JobTerms:
        """A job that was posted before.

        Raises:
            AnswerRefused: it wasn't, so the node must have kept its `JobPosted` from us.
        """
        return _required(self._jobs.get(job), at, f"job {job}, which was never posted")

    def change(self, at: Position, job: str, change: Change) -> None:
        """The job's next word, and its requester's next standing.

        Raises:
            AnswerRefused: a job can't come to stand so, so the node must have kept an event from us.
        """
        terms = self.job(at, job)
        word = (self._words.get(job) or Word()).after(change, terms)
        if not word.is_sound:
            raise AnswerRefused(f"Block {at.block_number} takes or resolves more slots of job {job} than there are.")
        standing = (self._standings.get(terms.requester) or Standing()).after(change)
        self._words.put(word, job)
        self._standings.put(standing, terms.requester)
        self.rows[tables.JobWord].append((*self.keys(at), job, *astuple(word), terms.requester, *astuple(standing)))

    # -------------------------------------------------------------------------------------------- workers

    def earner(self, worker: str, token: str) -> Earner:
        """What a worker has earned so far; whoever changes it writes a `WorkerPayment`."""
        return self._earned.get((worker, token)) or self._found_earner(worker, token)

    def earn(self, at: Position, terms: JobTerms, crowd: set[str], worker: str, slots: int) -> Earner:
        """What a worker has earned once so many slots of a job are paid to it; `crowd` is the job's."""
        token = terms.token
        earner = self._earned.get((worker, token)) or self._found_earner(worker, token)
        earner.slots += slots
        earner.amount += slots * terms.reward
        if worker not in crowd:
            crowd.add(worker)
            earner.jobs += 1
            if earner.is_new_patron(terms.requester):
                self.rows[WorkerPatron].append((*self.keys(at), worker, token, terms.requester))
        return earner

    def crowd(self, job: str) -> Crowd:
        """Who was paid in a job so far, and for which slots."""
        found = self._crowds.get(job)
        if found is None:
            key = {"chain_id": self.chain_id, "escrow": self.escrow, "job": job}
            found = self._crowds.put(job, Crowd(self._connection.execute(_CROWD, key).scalars()))
            for first_slot, places in self._connection.execute(_RUNS, key):
                found.pays(run_of(first_slot), first_slot % RUN, bytes.fromhex(places))
        return found

    def _found_earner(self, worker: str, token: str) -> Earner:
        """What the tables say of a worker that nobody remembers."""
        key = {"chain_id": self.chain_id, "escrow": self.escrow, "worker": worker, "token": token}
        totals = None if self._is_whole else self._connection.execute(_NEWEST_EARNINGS, key).one_or_none()
        patrons = self._connection.execute(_PATRONS, key).scalars() if totals else ()
        found = self._earned[worker, token] = Earner(*(totals or ()), patrons=patrons)
        return found

    # -------------------------------------------------------------------------------------------- openings and appeals

    def open(self, opening: str, opened: Opened) -> None:
        """Remembers an opening whose row isn't written yet."""
        self._openings.put(opened, opening)

    def opening(self, at: Position, opening: str) -> Opened:
        """An opening that was made before."""
        return _required(self._openings.get(opening), at, f"opening {opening}, which was never made")

    def appeal(self, appeal: str, facts: AppealFacts) -> None:
        """Remembers an appeal whose rows aren't written yet."""
        self._appeals.put(facts, appeal)

    def appealed(self, at: Position, appeal: str) -> AppealFacts:
        """An appeal that was begun before."""
        return _required(self._appeals.get(appeal), at, f"appeal {appeal}, which was never begun")

    def stand(self, at: Position, appeal: str) -> Stand:
        """Where an appeal stands."""
        return _required(self._stands.get(appeal), at, f"appeal {appeal}, which was never begun")

    def step(self, at: Position, job: str, appeal: str, stand: Stand) -> None:
        """An appeal's next phase."""
        self._stands.put(stand, appeal)
        if stand.arbitrator is not None:
            self._disputes.put((appeal, job), stand.arbitrator, stand.dispute_id)
        self.add(tables.AppealPhase, at, job=job, appeal=appeal, since_at=self.time(at), **asdict(stand))

    def disputed(self, at: Position, arbitrator: str, dispute_id: int) -> tuple[str, str]:
        """The appeal that a dispute is about, and its job."""
        found = self._disputes.get(arbitrator, dispute_id)
        appeal, job = _required(found, at, f"dispute {dispute_id} of {arbitrator}, which nobody began")
        return appeal, job

    # -------------------------------------------------------------------------------------------- ledger

    def allow(self, at: Position, key: tuple[str, str, str], allowance: Allowance, spent: int = 0) -> None:
        """What an operator may spend from now on; `key` is requester, operator and token."""
        self._allowances.put(allowance, *key)
        self.add(tables.OperatorAllowance, at, **dict(zip(_OPERATOR, key, strict=True)), spent=spent, **asdict(allowance))

    def spend(self, at: Position, key: tuple[str, str, str], amount: int) -> None:
        """An operator spent some of what it may.

        Raises:
            AnswerRefused: it may spend less, so the node must have kept an event from us.
        """
        before = self._allowances.get(*key) or Allowance(0, 0)
        if amount > before.allowance:
            raise AnswerRefused(f"Block {at.block_number} has the operator {key[1]} spend more than it may.")
        self.allow(at, key, Allowance(before.allowance - amount, before.expires_at), amount)

    def credit(self, at: Position, account: str, token: str, amount: int, reason: str, job: str | None = None) -> None:
        """Base units come into a ledger balance; nothing is written for 0."""
        self._move(at, account, token, amount, 0, reason, job)

    def debit(self, at: Position, account: str, token: str, amount: int, reason: str, job: str | None = None) -> None:
        """Base units leave a ledger balance.

        Raises:
            AnswerRefused: there is less in it, so the node must have kept an event from us.
        """
        self._move(at, account, token, 0, amount, reason, job)

    def _move(
        self, at: Position, account: str, token: str, credit: int, debit: int, reason: str, job: str | None
    ) -> None:
        if credit == debit:
            return
        balance = (self._balances.get(account, token) or 0) + credit - debit
        if not 0 <= balance <= MOST_BALANCE:
            raise AnswerRefused(f"Block {at.block_number} takes more out of the ledger of {account} than came into it.")
        self._balances.put(balance, account, token)
        moved = (self._next(at), account, token, reason, job, credit, debit, balance)
        self.rows[tables.LedgerEntry].append((*self.keys(at), *moved))

    def _next(self, at: Position) -> int:
        before, sequence = self._sequence
        self._sequence = (at, sequence + 1 if before is at else 0)
        return self._sequence[1]


@cache
def _own_columns(table: type[SQLModel]) -> tuple[str, ...]:
    """The columns behind those of `Store.keys`."""
    return tuple(column.name for column in table.__table__.columns)[4:]  # type: ignore[attr-defined]


def _opened(rows: Sequence[Row[Any]]) -> Opened:
    return Opened(rows[0].first_slot, tuple(json.loads(rows[0].workers)), rows[0].opened_at)


def _appealed(rows: Sequence[Row[Any]]) -> AppealFacts:
    return AppealFacts(rows[0].worker, rows[0].sponsor, tuple((row.opening, row.places) for row in rows))


def _required(fact: Known | None, at: Position, what: str) -> Known:
    """A fact that must be known, or the node has kept an event from us."""
    if fact is None:
        raise AnswerRefused(f"Block {at.block_number} has an event of {what}.")
    return fact
