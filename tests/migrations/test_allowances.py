"""Operators of before the end of an allowance was told are told of theirs, as far as the mirror knows it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from backend.store import spendable
from backend.store.tables import Home, OperatorKey
from indexer.tables import OperatorAllowance
from piecework.migrations.lines import COORDINATOR, MIRROR
from piecework.migrations.revise import advance
from piecework.migrations.upgrade import upgrade

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3_600
SOON = int(NOW.timestamp()) + HOUR
OWNER, TOKEN, ESCROW = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
HASH = "0x" + "44" * 32


def test_the_end_of_an_allowance_from_before_it_was_kept_is_found_in_the_mirror(engine: Engine) -> None:
    names = ("given", "spent", "taken back", "none", "elsewhere", "revoked", "known")
    operators = {name: f"0x{at:040x}" for at, name in enumerate(names, 1)}
    event: dict[str, Any] = {"chain_id": 1, "escrow": ESCROW, "transaction_hash": HASH, "requester": OWNER, "token": TOKEN}
    changes = [  # whose, block, how much was spent, what is left, until when, and more
        ("given", 3, 0, 7, SOON - HOUR, {}), ("given", 7, 0, 9, SOON, {}),
        ("spent", 4, 0, 9, SOON, {}), ("spent", 5, 9, 0, SOON, {}),
        ("taken back", 4, 0, 9, SOON, {}), ("taken back", 6, 0, 0, 0, {}),
        ("elsewhere", 8, 0, 9, SOON, {"escrow": "0x" + "55" * 20}),
        ("revoked", 9, 0, 9, SOON, {}),
        ("known", 10, 0, 9, 2**64 - 1, {}),
    ]  # fmt: skip
    keys = [
        {"address": address, "account": OWNER, "name": name, "seed": "", "created_at": NOW, "revoked_at": NOW if name == "revoked" else None}
        for name, address in operators.items()
    ]
    rows = [
        event | {"block_number": block, "log_index": at, "operator": operators[name], "spent": spent, "allowance": left, "expires_at": until} | more
        for at, (name, block, spent, left, until, more) in enumerate(changes)
    ]
    upgrade(engine, MIRROR)
    with engine.begin() as connection:
        advance(connection, COORDINATOR, "0032")
        connection.execute(insert(Home), {"id": 1, "chain_id": 1, "genesis_hash": HASH, "escrow": ESCROW})
        connection.execute(insert(OperatorKey), [row | {"ends_at": 5 if row["name"] == "known" else None} for row in keys])
        connection.execute(insert(OperatorAllowance), rows)
    upgrade(engine, COORDINATOR)
    with engine.begin() as connection:
        ends = {name: ends_at for name, ends_at in connection.execute(select(OperatorKey.name, OperatorKey.ends_at))}
        assert ends == dict.fromkeys(names) | {"given": SOON, "known": 5}
        told = spendable.ending(connection, TOKEN, SOON - HOUR, SOON + HOUR)
    assert [(one["account"], one["subject"]["operator"], one["subject"]["until"]) for one in told] == [(OWNER, operators["given"], SOON)]
