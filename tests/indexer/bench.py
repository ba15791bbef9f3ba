"""The indexer under test: in this process step by step, or as the process that `python -m indexer` is."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, inspect, select

from indexer import tables
from indexer.follow import Follower
from indexer.mirror import Mirror
from indexer.prepare import prepare_database, register_deployment
from indexer.settings import BULK_BLOCKS
from indexer.source import Source
from piecework.chain.deployment import Deployment
from piecework.chain.escrow import token_balance
from piecework.chain.rpc import Rpc
from piecework.domain.units import NATIVE
from piecework.migrations.lines import MIRROR
from piecework.sql import open_engine, reading
from tests.indexer.workshop import Workshop
from tests.support.databases import prepare
from tests.support.nursery import nursery

WINDOW = 16


class Bench:
    """One follower on one database."""

    def __init__(
        self, database_url: str, deployment: Deployment, rpc: Rpc, window: int = WINDOW, bulk_blocks: int = BULK_BLOCKS
    ) -> None:
        prepare(database_url, MIRROR)
        self.engine: Engine = prepare_database(database_url)
        self.source = Source(rpc, deployment)
        register_deployment(self.engine, deployment, self.source)
        self.mirror = Mirror(self.engine, deployment, window)
        self.follower = Follower(self.source, self.mirror, 0, window, bulk_blocks)

    def catch_up(self) -> "Bench":
        """Mirrors whatever there is."""
        while self.follower.step():
            pass
        return self

    def rows(self, table: Any) -> list[Any]:
        """A table's rows in the order of the chain."""
        return rows(self.engine, table)

    def close(self) -> None:
        self.engine.dispose()


def rows(engine: Engine, table: Any) -> list[Any]:
    """A table's rows in the order of their keys."""
    with engine.connect() as connection:
        return list(connection.execute(_all_of(table)))


@cache
def _all_of(table: Any) -> Select[Any]:
    columns = table.__table__
    return select(columns).order_by(*columns.primary_key.columns)


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all event tables, and the cursor."""
    with engine.connect() as connection:
        found = {table: connection.execute(_all_of(table)).all() for table in everything()}
    return {str(table.__tablename__): [tuple(row) for row in rows] for table, rows in found.items()}


def everything() -> list[Any]:
    return [tables.Deployment, tables.SlotRun, *tables.EVENT_TABLES]


def balances(engine: Engine) -> dict[tuple[str, str], int]:
    """The newest ledger row's balance by account and token."""
    return {(row.account, row.token): row.balance for row in rows(engine, tables.LedgerEntry)}


def require_balances(engine: Engine, workshop: Workshop) -> None:
    """The mirror's balances are the escrow's, for everybody and to the base unit."""
    mirrored = balances(engine)
    assert set(mirrored) <= workshop.accounts
    on_chain = {key: workshop.escrow.balance_of(*key) for key in workshop.accounts}
    assert {key: mirrored.get(key, 0) for key in on_chain} == on_chain


def require_books(mirror: "Bench", workshop: Workshop) -> None:
    """Everything that the mirror derives is what the escrow's own views say, and the escrow holds as many coins as that makes."""
    require_balances(mirror.engine, workshop)
    for job, word in newest(mirror, tables.JobWord, "job").items():
        on_chain = workshop.escrow.job(bytes.fromhex(job[2:]))
        assert (word.funded, word.taken, word.resolved, word.closed) == astuple(on_chain)
    finalized = {row.opening for row in mirror.rows(tables.Finalization)}
    for row in mirror.rows(tables.Opening):
        state = workshop.escrow.opening(bytes.fromhex(row.opening[2:]))
        assert (state.opened_at, state.finalized) == (row.opened_at, row.opening in finalized)
    for appeal, stand in newest(mirror, tables.AppealPhase, "appeal").items():
        state = workshop.escrow.appeal(bytes.fromhex(appeal[2:]))
        assert (state.phase, state.ruling) == (stand.phase, 2 if stand.ruling == 2 else 0)
    for key, row in newest(mirror, tables.OperatorAllowance, "requester", "operator", "token").items():
        assert astuple(workshop.escrow.operator(*key)) == (row.allowance, row.expires_at)
    require_slots(mirror, workshop)
    require_conserved(mirror, workshop)


def newest(mirror: "Bench", table: Any, *key: str) -> dict[Any, Any]:
    """The newest row of each key."""
    found = {tuple(getattr(row, name) for name in key): row for row in mirror.rows(table)}
    return found if len(key) > 1 else {names[0]: row for names, row in found.items()}


def slot_states(mirror: "Bench", job: str) -> dict[int, str]:
    """What the mirror says of each slot of a job that isn't free."""
    states = {row.slot: row.state for row in mirror.rows(tables.SlotStep) if row.job == job}
    return states | {row.slot: row.outcome for row in mirror.rows(tables.SlotPayment) if row.job == job}


def require_slots(mirror: "Bench", workshop: Workshop) -> None:
    """A slot has a row exactly where its bit is set; as many are resolved as the job's word says, besides those that a close gave
    back."""
    refunded = {row.job: row.slots_refunded for row in mirror.rows(tables.Close)}
    for job, word in newest(mirror, tables.JobWord, "job").items():
        states, raw = slot_states(mirror, job), bytes.fromhex(job[2:])
        words = [workshop.escrow.taken_word(raw, at) for at in range(word.funded // 256 + 1)]
        assert {slot for slot in range(word.funded) if words[slot // 256] >> (255 - slot % 256) & 1} == set(states)
        resolved = [state for state in states.values() if state not in ("opened", "contested", "appealed")]
        assert len(resolved) == word.resolved - refunded.get(job, 0)
        assert len(states) == word.taken - refunded.get(job, 0)


def require_conserved(mirror: "Bench", workshop: Workshop) -> None:
    """The coins in the escrow are the balances and what jobs, contests and appeals hold, by the mirror's word alone."""
    held: Counter[str] = Counter()
    for (_, token), balance in balances(mirror.engine).items():
        held[token] += balance
    jobs = {row.job: row for row in mirror.rows(tables.Job)}
    for job, word in newest(mirror, tables.JobWord, "job").items():
        terms, states = jobs[job], slot_states(mirror, job).values()
        held[terms.token] += (word.funded - word.resolved) * (terms.reward + terms.fee)
        held[terms.token] += sum(state in ("contested", "appealed") for state in states) * terms.contest_deposit
    for stand in newest(mirror, tables.AppealPhase, "appeal").values():
        held[jobs[stand.job].token] += (stand.phase != "done") * jobs[stand.job].appeal_stake
    coins = int(workshop.rpc.call("eth_getBalance", workshop.escrow.address, "latest"), 16)
    on_chain = {NATIVE: coins, workshop.token: token_balance(workshop.rpc, workshop.token, workshop.escrow.address)}
    assert on_chain == {token: held[token] for token in on_chain}


@contextmanager
def bench(
    database_url: str, workshop: Workshop, rpc: Rpc | None = None, window: int = WINDOW, bulk_blocks: int = BULK_BLOCKS
) -> Iterator[Bench]:
    opened = Bench(database_url, workshop.deployment, rpc or workshop.rpc, window, bulk_blocks)
    try:
        yield opened
    finally:
        opened.close()


class Process:
    """`python -m indexer` on its own.

    Args:
        folder: where its deployment file and its log go.
        settings: more of its environment, without the prefix.
    """

    def __init__(self, folder: Path, database_url: str, deployment: Deployment, rpc_url: str, **settings: object) -> None:
        path = folder / "deployment.json"
        deployment.save(path)
        self._log = folder / f"indexer-{time.monotonic_ns()}.log"
        given = {"database_url": database_url, "rpc_url": rpc_url, "deployment": path, "finality_blocks": WINDOW} | settings
        environment = {f"PIECEWORK_{name.upper()}": str(value) for name, value in given.items()}
        self.process = nursery().start("indexer", os.environ | environment, self._log)

    @property
    def said(self) -> str:
        """Everything it has logged."""
        return self._log.read_text()

    def ended(self, timeout_seconds: float = 30) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(timeout_seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(5)


@contextmanager
def process(
    folder: Path, database_url: str, deployment: Deployment, rpc_url: str, **settings: object
) -> Iterator[Process]:
    """A running indexer, ended with the block."""
    running = Process(folder, database_url, deployment, rpc_url, **settings)
    try:
        yield running
    finally:
        running.kill()


def eventually(what: Callable[[], object], running: Process | None = None, timeout_seconds: float = 30) -> None:
    """Returns when `what` holds; fails when it doesn't in time."""
    deadline = time.monotonic() + timeout_seconds
    while not what():
        assert time.monotonic() < deadline, f"it didn't come true in {timeout_seconds} s\n{running.said if running else ''}"
        time.sleep(0.03)


def is_level(database_url: str, workshop: Workshop) -> bool:
    """Whether the mirror's last block is the chain's, by its hash: a reorg may leave the height as it was."""
    newest = workshop.rpc.call("eth_getBlockByNumber", "latest", False)["hash"]
    engine = open_engine(database_url)
    try:
        if not inspect(engine).has_table(tables.Deployment.__tablename__):
            return False
        return any(row.head_hash == newest for row in rows(reading(engine), tables.Deployment))
    finally:
        engine.dispose()
