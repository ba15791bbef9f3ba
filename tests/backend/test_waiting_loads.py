"""A load that waits for its turn is not taken for one whose process was killed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from backend.services.content_keys import ContentKeys
from backend.services.unit_files import Reading
from backend.services.unit_loads import AT_ONCE, PATIENCE, UnitLoads
from backend.store import job_drafts
from backend.store.content import Contents, Folder
from backend.store.database import Store
from tests.support.databases import prepare


def test_a_load_that_waits_behind_others_is_left_alone_however_long(database_url: str, tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    prepare(database_url)
    store, free = Store(database_url), Event()
    try:
        loads = UnitLoads(store, Contents(Folder(tmp_path / "c")), ContentKeys(store, b"k" * 32), tmp_path / "in", lambda: now)
        draft = {"id": "0x" + "11" * 16, "requester": "0x" + "22" * 20, "version": 1, "described": "{}", "load": None, "job": None}
        store.write_now(lambda c: job_drafts.add(c, draft | {"created_at": now, "updated_at": now}))
        with store.read() as connection:
            row = job_drafts.one(connection, str(draft["id"]))
        assert row is not None
        for _ in range(AT_ONCE):
            loads._threads.submit(free.wait, 60)

        async def parts() -> AsyncIterator[bytes]:
            yield b'"a"\n"b"\n'

        async def run() -> None:
            nonlocal now
            waiting = await loads.receive(row, "label", Reading("jsonl"), parts(), None, 0.05)
            assert waiting.state == "loading"
            for _ in range(12):
                now += PATIENCE / 3
                assert not await asyncio.to_thread(loads.sweep)
            free.set()
            while (found := await asyncio.to_thread(loads.one, waiting.number)).state == "loading":
                await asyncio.sleep(0.02)
            assert (found.state, found.rows) == ("loaded", 2)
            now += timedelta(days=1)
            assert not loads.sweep()

        asyncio.run(run())
    finally:
        free.set()
        loads.stop()
        store.close()
