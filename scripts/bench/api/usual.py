"""The usual way: FastAPI's own thread pool, an SQLModel session a request, objects read, changed and committed, one signature.

`python -m scripts.bench.api.usual URL JOB PORT`.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlmodel import Session, col, select

from backend.store.tables import Assignment, Posting, Unit
from piecework.domain.terms import receipt_batch
from piecework.domain.typed_data import Domain, Key
from piecework.sql import open_engine


class Commitment(BaseModel):
    commitment: str


class Revelation(BaseModel):
    answer: str
    salt: str


def application(url: str, job: str, key: Key) -> FastAPI:
    """The three handlers."""
    app, engine, domain = FastAPI(), open_engine(url), Domain(31_337, key.address)

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    @app.post("/v1/jobs/{id}/assignments", status_code=201)
    def accept(id: str, authorization: str = Header(), session: Session = Depends(session)) -> dict[str, Any]:
        worker, now = authorization.rpartition(" ")[2], datetime.now(UTC)
        posting = session.exec(select(Posting).where(Posting.job == job)).one()
        mine = select(Assignment.unit).where(Assignment.posting == posting.number, Assignment.worker == worker)
        free = select(Unit).where(Unit.posting == posting.number, col(Unit.free) > 0, col(Unit.position).not_in(mine))
        unit = session.exec(free.order_by(col(Unit.position)).limit(1).with_for_update(skip_locked=True)).first()
        if unit is None:
            raise HTTPException(409)
        row = Assignment(
            id="0x" + secrets.token_hex(16), posting=unit.posting, unit=unit.position, slot=unit.first_slot + unit.handed,
            worker=worker, state="reserved", created_at=now, expires_at=now + timedelta(hours=1),
        )
        unit.free, unit.handed = unit.free - 1, unit.handed + 1
        session.add(row)
        session.commit()
        return {"id": row.id, "slot": row.slot}

    @app.post("/v1/assignments/{id}/commit")
    def commit(id: str, body: Commitment, session: Session = Depends(session)) -> dict[str, Any]:
        row = session.get_one(Assignment, id)
        digest = domain.batch_digest(receipt_batch(bytes(32), row.slot, row.worker, bytes.fromhex(body.commitment[2:])))
        row.state, row.commitment, row.committed_at = "committed", body.commitment, datetime.now(UTC)
        row.receipt = "0x" + key.sign(digest).hex()
        session.add(row)
        session.commit()
        return {"signature": row.receipt}

    @app.post("/v1/assignments/{id}/reveal")
    def reveal(id: str, body: Revelation, session: Session = Depends(session)) -> dict[str, Any]:
        row = session.get_one(Assignment, id)
        row.state, row.answer, row.salt, row.revealed_at = "revealed", body.answer, body.salt, datetime.now(UTC)
        session.add(row)
        session.commit()
        return {"id": row.id, "state": row.state}

    return app


def main() -> None:
    url, job, port = sys.argv[1:]
    uvicorn.run(application(url, job, Key(os.environ["BENCH_KEY"])), port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
