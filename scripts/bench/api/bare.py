"""Bare handlers: FastAPI with the coordinator's own SQL statements and one signature, and nothing else.

No sign-in, no hash compared, no content read, no answer shown: what the three requests cost at the least on this framework with these
statements. `python -m scripts.bench.api.bare URL JOB PORT`.
"""

import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel
from sqlalchemy import Connection

from backend.__main__ import SWITCH_SECONDS
from backend.store import assignments, holding, postings
from backend.store.database import Store
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Domain, Key


class Commitment(BaseModel):
    commitment: str


class Revelation(BaseModel):
    answer: str
    salt: str


def application(store: Store, posting: int, limit: int, key: Key) -> FastAPI:
    """The three handlers."""
    app, domain = FastAPI(), Domain(31_337, key.address)

    @app.post("/v1/jobs/{id}/assignments", status_code=201)
    async def accept(id: str, authorization: str = Header()) -> dict[str, Any]:
        worker, now = authorization.rpartition(" ")[2], datetime.now(UTC)
        return await store.write(lambda connection: _accept(connection, posting, limit, worker, now))

    @app.post("/v1/assignments/{id}/commit")
    async def commit(id: str, body: Commitment) -> dict[str, Any]:
        def work(connection: Connection) -> str:
            row = assignments.one(connection, id)
            assert row
            digest = domain.batch_digest(receipt_batch(bytes(32), row.slot, row.worker, bytes.fromhex(body.commitment[2:])))
            signature = "0x" + key.sign(digest).hex()
            assignments.commit(connection, id, row.job, body.commitment, signature, datetime.now(UTC))
            return signature

        return {"signature": await store.write(work)}

    @app.post("/v1/assignments/{id}/reveal")
    async def reveal(id: str, body: Revelation) -> dict[str, Any]:
        def work(connection: Connection) -> None:
            row = assignments.one(connection, id)
            assert row
            assignments.reveal(connection, row, body.answer, body.salt, datetime.now(UTC))

        await store.write(work)
        return {"id": id, "state": "revealed"}

    return app


def _accept(connection: Connection, posting: int, limit: int, worker: str, now: datetime) -> dict[str, Any]:
    claim = holding.claim(connection, posting, worker, None)
    assert claim
    unit = holding.next_unit(connection, claim, limit)
    assert unit
    row = {
        "id": "0x" + secrets.token_hex(16), "posting": posting, "unit": unit.position, "worker": worker,
        "state": "reserved", "created_at": now, "expires_at": now + timedelta(hours=1),
    }
    assert holding.hold(connection, unit, row)
    return {"id": row["id"], "slot": row["slot"]}


def main() -> None:
    url, job, port = sys.argv[1:]
    sys.setswitchinterval(SWITCH_SECONDS)
    store = Store(url)
    with store.read() as connection:
        row = postings.one(connection, job)
        assert row
    uvicorn.run(application(store, row.number, row.answers_per_worker, Key(os.environ["BENCH_KEY"])), port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
