"""A database may mirror other escrows beside the coordinator's own; nothing of theirs shows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from backend.store import mirror
from backend.store.database import Store
from indexer import tables
from tests.support.databases import prepare

OWN, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20
WHO, TOKEN = "0x" + "cc" * 20, "0x" + "dd" * 20


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Of the escrow `OWN` on chain 5; three neighbours are further, richer and dearer."""
    prepare(database_url)
    opened = Store(database_url)
    opened.belong_to(5, "0x" + "01" * 32, OWN)
    with opened.engine.begin() as connection:
        for table, row in [
            *furniture(5, OWN, 1),
            *furniture(5, OTHER, 2),
            *furniture(6, OWN, 3),
            *furniture(4, OTHER, 4),
        ]:
            connection.execute(insert(table), [row])
    yield opened
    opened.close()


def furniture(chain_id: int, escrow: str, size: int) -> list[tuple[Any, dict[str, Any]]]:
    key = {"chain_id": chain_id, "escrow": escrow, "block_number": 10 * size, "log_index": 0}
    cursor = {"genesis_hash": "0x" + "01" * 32, "start_block": 1, "next_block": 10 * size + 1, "head_number": 10 * size}
    head = {"head_hash": "0x" + "02" * 32, "head_timestamp_at": datetime.fromtimestamp(size, UTC)}
    moved = {"account": WHO, "token": TOKEN, "reason": "deposited", "job": None, "credit": size, "debit": 0, "balance": size}
    withdrawal = {"owner": WHO, "token": TOKEN, "receiver": WHO, "amount": 1, "relayer": OTHER, "relay_fee": 0}
    paid = {"place": 1, "job": f"0x{size:064x}", "worker": WHO, "token": TOKEN, "slots": size, "slot_amount": 1, "amount": size}
    totals = {"slots_total": size, "amount_total": size, "jobs_total": 1, "requesters_total": 1}
    return [
        (tables.Deployment, {"chain_id": chain_id, "escrow": escrow} | cursor | head),
        (tables.LedgerEntry, key | moved | {"sequence": 0}),
        (tables.LedgerWithdrawal, key | withdrawal | {"transaction_hash": f"0x{size:064x}"}),
        (tables.ProtocolFee, key | {"transaction_hash": f"0x{size:064x}", "fee_bps": size, "treasury": WHO}),
        (tables.WorkerPayment, key | paid | totals | {"outcome": "pushed", "first_slot": 0, "last_slot": size}),
    ]


def test_head_fee_balance_and_earnings_are_the_own_escrows(store: Store) -> None:
    with store.read() as connection:
        head = mirror.head(connection)
        assert head is not None and head.number == 10
        assert mirror.fee_bps(connection) == 1
        assert mirror.balance(connection, WHO, TOKEN) == 1
        assert mirror.balances(connection, WHO) == {TOKEN: 1}
        assert mirror.relayed(connection, WHO) == {TOKEN: 1}
        assert mirror.earned(connection, WHO, TOKEN) == (1, 1)
        assert mirror.job_now(connection, "0x", 1)[1] == datetime.fromtimestamp(1, UTC)
