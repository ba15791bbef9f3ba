"""A database with one open job of many units, put straight into the tables: nobody waits for a million units to be posted."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from backend.store.content import Contents, Folder
from backend.store.database import Store
from backend.store.tables import Posting
from indexer import tables as mirror
from piecework.chain.deployment import Deployment
from piecework.domain.content import canonical_json, content_hash
from scripts.bench.indexer.process import cpu_seconds
from tests.support import postgres

KINDS = ("sqlite", "postgresql")
SLOTS = 32
"""Answers that each unit asks for: more than the load's workers, so that a small job outlasts the load."""
HASH, ACCOUNT = "0x" + "ab" * 32, "0x" + "cd" * 20
_UNITS = """
    INSERT INTO unit (posting, position, first_slot, slots, leaf, content_offset, content_length, handed, free)
    {series}
    SELECT :posting, n, n * :slots, :slots, :leaf, :start + n * :size, :size - 1, 0, :slots FROM {numbers}"""
_SERIES = {
    "sqlite": ("WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < :units)", "series"),
    "postgresql": ("", "generate_series(0, :units - 1) AS n"),
}


@dataclass(frozen=True)
class Place:
    """One database with its content, and the job in it."""

    url: str
    data: Path
    job: str
    server: int | None
    """The process whose children are PostgreSQL's."""

    def cpu_seconds(self) -> float:
        """Processor time of the database's own processes until now."""
        return cpu_seconds(self.server) if self.server else 0


@contextmanager
def place(kind: str, units: int, deployment: Deployment, coordinator: str, folder: Path) -> Iterator[Place]:
    """A place for as long as the block runs, durable as in production: each commit waits for the disk."""
    data = folder / f"{kind}-{units}"
    data.mkdir()
    server = postgres.start(("shared_buffers=256MB",)) if kind == "postgresql" else None
    try:
        url = server.database() if server else f"sqlite:///{data}/piecework.db"
        pid = int((server.folder / "data" / "postmaster.pid").read_text().partition("\n")[0]) if server else None
        yield Place(url, data, _fill(url, kind, units, deployment, coordinator, data), pid)
    finally:
        if server:
            server.remove()
        shutil.rmtree(data)


def _fill(url: str, kind: str, units: int, deployment: Deployment, coordinator: str, data: Path) -> str:
    manifest = {
        "version": 1, "title": "The bench's job", "instructions": "Say what it is.", "template": "label", "labels": None,
        "answers_per_worker": 1, "assignment_seconds": 3600, "units_root": HASH, "units": units, "slots": units * SLOTS,
    }
    hashed, head = "0x" + content_hash(manifest).hex(), canonical_json(manifest)
    lines = [b'{"image":"https://example.org/%07d.jpg"}' % n for n in range(units)]
    contents = Contents(Folder(data / "content"))
    start, size = contents.save(hashed, head, lines)[0]
    content = {"content_hash": hashed, "content": contents.place(hashed), "manifest_length": len(head)}
    store = Store(url)

    def work(connection: Connection) -> str:
        job = _post(connection, deployment, coordinator, content, units)
        series, numbers = _SERIES[kind]
        values = {"posting": 1, "slots": SLOTS, "leaf": HASH, "start": start, "size": size + 1, "units": units}
        connection.execute(text(_UNITS.format(series=series, numbers=numbers)), values)
        return job

    job = str(store.write_now(work))
    store.close()
    return job


def _post(connection: Connection, deployment: Deployment, coordinator: str, content: dict[str, Any], units: int) -> str:
    """The job's rows: the coordinator's own, and those that the indexer would write when it is posted."""
    now, slots = datetime.now(UTC), units * SLOTS
    terms = {
        "requester": ACCOUNT, "operator": "0x" + "00" * 20, "token": deployment.token, "reward": 50_000, "fee": 0,
        "coordinator": coordinator, "arbitrator": "0x" + "00" * 20, "arbitrator_extra_data": "0x", "contest_deposit": 0,
        "appeal_stake": 0, "closes_at": int((now + timedelta(days=30)).timestamp()), "review_window": 86_400,
        "appeal_window": 86_400, "content_hash": content["content_hash"], "salt": HASH,
    }
    own = content | {"units": units, "slots": slots, "answers_per_worker": 1, "assignment_seconds": 3600}
    connection.execute(insert(Posting), terms | own | {"number": 1, "job": HASH, "created_at": now})
    where = {"chain_id": deployment.chain_id, "escrow": deployment.escrow}
    event = where | {"block_number": 1, "log_index": 0, "transaction_hash": HASH, "job": HASH}
    connection.execute(insert(mirror.Job), event | terms)
    funding = {"first_slot": 0, "slots": slots, "content_hash": content["content_hash"], "source": "wallet"}
    connection.execute(insert(mirror.Funding), event | funding)
    cursor = {"genesis_hash": deployment.genesis_hash, "start_block": 1, "next_block": 2, "head_number": 1, "head_hash": HASH}
    connection.execute(insert(mirror.Deployment), where | cursor | {"head_timestamp_at": now})
    return HASH
