"""Several deployments, on one chain or on several, share a database: each has its own cursor, lock and rows."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from indexer import tables
from indexer.writer import has_writer, lock_path, sole_writer
from piecework.chain.deploy import deploy
from piecework.chain.wallet import Wallet
from piecework.domain.errors import Conflict
from piecework.sql import open_engine, reading
from tests.conftest import Chain, deployed
from tests.indexer.bench import Process, bench, eventually, process, rows
from tests.indexer.workshop import Workshop
from tests.support import postgres
from tests.support.devnet import anvil


def beside(workshop: Workshop) -> Workshop:
    """Another deployment on the same chain, with another governor."""
    chain = workshop.chain
    other = deploy(Wallet(chain.rpc, chain.deployer), chain.requester.address)
    assert other.escrow != workshop.deployment.escrow
    return Workshop(replace(chain, deployment=other, deployer=chain.requester))


@contextmanager
def elsewhere(chain_id: int) -> Iterator[Chain]:
    """A deployment on a chain of its own."""
    with anvil("--chain-id", str(chain_id)) as rpc:
        yield deployed(rpc)


def cursor(database_url: str, workshop: Workshop) -> Any:
    """The row of a deployment; None before there is one."""
    engine = open_engine(database_url)
    try:
        if not inspect(engine).has_table(tables.Deployment.__tablename__):
            return None
        own = (workshop.deployment.chain_id, workshop.deployment.escrow)
        return next((row for row in rows(reading(engine), tables.Deployment) if (row.chain_id, row.escrow) == own), None)
    finally:
        engine.dispose()


def is_level(database_url: str, workshop: Workshop) -> bool:
    """Whether a deployment's last mirrored block is its chain's."""
    found = cursor(database_url, workshop)
    newest = workshop.rpc.call("eth_getBlockByNumber", "latest", False)["hash"]
    return found is not None and found.head_hash == newest


def own_rows(engine: Engine, workshop: Workshop) -> dict[str, list[Any]]:
    """All rows of one deployment."""
    d = workshop.deployment
    everybodys = [tables.Deployment, *tables.EVENT_TABLES, tables.SlotPayment]
    return {
        str(table.__tablename__): [
            tuple(row) for row in rows(engine, table) if (row.chain_id, row.escrow) == (d.chain_id, d.escrow)
        ]
        for table in everybodys
    }


def alone(workshop: Workshop, folder: Path) -> dict[str, list[Any]]:
    """The rows of a deployment that has a database of its own."""
    path = folder / f"alone-{workshop.deployment.escrow}-{workshop.head()}.db"
    with bench(f"sqlite:///{path}", workshop) as mirror:
        return own_rows(mirror.catch_up().engine, workshop)


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def test_two_indexers_of_two_deployments_share_a_database(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """One more on the same chain, one more on another chain; reorgs in between."""
    with elsewhere(4711) as far:
        shops = [workshop, beside(workshop), Workshop(far)]
        running = [
            Process(folder(tmp_path, str(number)), database_url, shop.deployment, shop.rpc.url)
            for number, shop in enumerate(shops)
        ]
        try:
            for shop in shops:
                shop.everything()
            workshop.rpc.call("anvil_reorg", 3, [])
            far.rpc.call("anvil_reorg", 2, [])
            for shop in shops:
                shop.deposit(shop.chain.requester, 41)
            for one, shop in zip(running, shops, strict=True):
                eventually(lambda: is_level(database_url, shop), one)  # noqa: B023  # called at once
            assert [one.stop() for one in running] == [0, 0, 0]
        finally:
            for one in running:
                one.kill()
        engine = open_engine(database_url)
        for shop in shops:
            assert own_rows(engine, shop) == alone(shop, tmp_path)
        engine.dispose()


def test_a_new_row_may_lie_where_another_deployments_dead_one_still_is(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    other = beside(workshop)
    with bench(database_url, workshop) as one, bench(database_url, other) as two:
        workshop.everything()
        replacement = other.raw_deposit(other.chain.bystander, 444)
        workshop.deposit(workshop.chain.requester, 300)
        dead = one.catch_up().rows(tables.LedgerEntry)[-1]
        workshop.rpc.call("anvil_reorg", 1, [[replacement, 0]])
        two.catch_up()
        places = [(row.block_number, row.log_index) for row in one.rows(tables.LedgerEntry)]
        assert places.count((dead.block_number, dead.log_index)) == 2
        one.catch_up()
        for shop in (workshop, other):
            assert own_rows(one.engine, shop) == alone(shop, tmp_path)


def test_a_lock_is_one_deployments(workshop: Workshop, database_url: str) -> None:
    one, other = workshop.deployment, replace(workshop.deployment, escrow="0x" + "12" * 20)
    with bench(database_url, workshop) as mirror:
        assert not has_writer(mirror.engine, one)
        with sole_writer(mirror.engine, one), sole_writer(mirror.engine, other):
            assert has_writer(mirror.engine, one)
            with (
                pytest.raises(Conflict, match=f"already writes into this database for {one.escrow} on chain 31337"),
                sole_writer(mirror.engine, one),
            ):
                pass
        assert not has_writer(mirror.engine, one)


def test_a_writer_that_was_paused_while_another_took_over_is_fenced(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """Somebody must take the lock from the paused one: an operator who ends its session, or removes its lock file."""
    with process(folder(tmp_path, "old"), database_url, workshop.deployment, workshop.rpc.url) as old:
        eventually(lambda: is_level(database_url, workshop), old)
        os.kill(old.process.pid, signal.SIGSTOP)
        take_lock(database_url, workshop)
        workshop.everything()
        with process(folder(tmp_path, "new"), database_url, workshop.deployment, workshop.rpc.url) as new:
            eventually(lambda: is_level(database_url, workshop), new)
            os.kill(old.process.pid, signal.SIGCONT)
            assert old.ended() == 1
            assert "Another indexer" in old.said and "Traceback" not in old.said
            workshop.everything()
            eventually(lambda: is_level(database_url, workshop), new)
            assert new.stop() == 0
    engine = open_engine(database_url)
    assert own_rows(engine, workshop) == alone(workshop, tmp_path)
    engine.dispose()


def take_lock(database_url: str, workshop: Workshop) -> None:
    """Frees a paused indexer's lock."""
    engine = open_engine(database_url)
    if engine.dialect.name == "sqlite":
        lock_path(engine, workshop.deployment).unlink()
    else:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON database = pg_database.oid "
        postgres.server().execute(f"{ended} WHERE locktype = 'advisory' AND datname = '{engine.url.database}'")
    engine.dispose()
