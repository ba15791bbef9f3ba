"""The mirror on Ganache, whose answers differ from Anvil's in many a detail."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import tables
from piecework.chain.build import ROOT
from piecework.chain.rpc import Rpc
from tests.conftest import deployed
from tests.indexer.bench import bench, require_balances, require_books
from tests.indexer.court import Court, everything
from tests.indexer.workshop import Workshop
from tests.support.devnet import free_port, wait_for

MNEMONIC = "test test test test test test test test test test test junk"


@pytest.fixture
def ganache() -> Iterator[Rpc]:
    """A fresh Ganache on a free port."""
    local = ROOT / "node_modules" / ".bin" / "ganache"
    program = str(local) if local.exists() else shutil.which("ganache")
    assert program, "there is no ganache: run 'make setup'"
    port = free_port()
    options = {"server.port": port, "wallet.mnemonic": MNEMONIC, "wallet.defaultBalance": 10_000, "chain.hardfork": "shanghai"}
    command = [program, "--logging.quiet", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        rpc = Rpc(f"http://127.0.0.1:{port}")
        wait_for(rpc, process)
        yield rpc
    finally:
        process.terminate()
        process.wait(10)


def test_everything_is_mirrored_and_a_reverted_block_is_replaced(ganache: Rpc, tmp_path: Path) -> None:
    workshop = Workshop(deployed(ganache))
    with bench(f"sqlite:///{tmp_path}/mirror.db", workshop) as mirror:
        workshop.everything()
        everything(Court(workshop, mirror))
        require_books(mirror.catch_up(), workshop)
        silent = [table for table in tables.EVENT_TABLES if not mirror.rows(table)]
        assert silent == [tables.BondEntry, tables.BondClaim]  # their contract is another
        snapshot = ganache.call("evm_snapshot")
        workshop.deposit(workshop.chain.requester, 70)
        mirror.catch_up()
        ganache.call("evm_revert", snapshot)
        workshop.deposit(workshop.chain.bystander, 71)
        require_balances(mirror.catch_up().engine, workshop)
        credits = [row.credit for row in mirror.rows(tables.LedgerEntry)]
        assert credits[-1] == 71 and 70 not in credits
