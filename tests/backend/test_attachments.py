"""Files that belong to answers: bound to their bytes and their assignment, read by whom they concern, cleared away where nobody names them."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.services.attachments import MOST_BYTES, Attachments
from backend.services.judges import Judges
from backend.store.content import Contents, Folder
from backend.store.database import Store
from piecework.client import Market, Worker
from tests.backend.test_bucket import S3
from tests.backend.workshop import Answer, Works, call, new_key, promised, quick_job, sign_in, works
from tests.conftest import Chain


@pytest.fixture(scope="module", params=["folder", "bucket"])
def market(request: pytest.FixtureRequest, shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    folder: Path = tmp_path_factory.mktemp("attachments")
    server, more = None, dict[str, str]()
    if request.param == "bucket":
        server = S3()
        client: Any = server.client
        client.create_bucket(Bucket="files")
        more = server.environment | {"PIECEWORK_CONTENT_URL": "s3://files/here"}
    try:
        with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, **more) as shared:
            yield shared
    finally:
        if server is not None:
            server.process.kill()
            server.process.wait(10)


class Held(NamedTuple):
    """An assignment of a worker with tokens of the worker, its requester and a stranger."""

    market: Works
    job: dict[str, Any]
    taken: dict[str, Any]
    worker: str
    tokens: dict[str, str]

    @property
    def path(self) -> str:
        return f"/v1/assignments/{self.taken['id']}/attachments"

    def put(self, data: bytes, who: str = "worker", sha256: str | None = None, media: str = "audio/ogg") -> Answer:
        name = sha256 or hashlib.sha256(data).hexdigest()
        return call(self.market, "PUT", f"{self.path}/{name}", raw=data, token=self.tokens[who], **{"content-type": media})

    def get(self, name: str, who: str) -> Answer:
        return call(self.market, "GET", f"{self.path}/{name}", token=self.tokens[who])

    def step(self, name: str, body: Any) -> Answer:
        return call(self.market, "POST", f"/v1/assignments/{self.taken['id']}/{name}", body, self.tokens["worker"])

    def reveal(self, answer: Any) -> tuple[Answer, Any]:
        """Commits to an answer and reveals it; what the reveal brought, and its body."""
        salt = secrets.token_bytes(32)
        promise = promised(self.job["id"], int(self.taken["slot"]), self.worker, salt, answer)
        assert self.step("commit", {"commitment": promise}).status == 200
        body = {"answer": answer, "salt": "0x" + salt.hex()}
        return self.step("reveal", body), body


def held(market: Works) -> Held:
    key = new_key()
    token, job = quick_job(market, [("x", 1)])

    async def run() -> tuple[str, dict[str, Any]]:
        async with Market(market.url) as connected:
            worker = await Worker.sign_in(connected, key)
            return worker.session.token, await worker.take(job["id"])

    worker, taken = asyncio.run(run())
    tokens = {"worker": worker, "requester": token, "stranger": sign_in(market, new_key())}
    return Held(market, job, taken, key.address, tokens)


def test_a_recording_is_read_by_its_worker_and_once_the_answer_names_it_by_its_requester(market: Works) -> None:
    one, data = held(market), secrets.token_bytes(3_000_000)
    name, spare = hashlib.sha256(data).hexdigest(), b"a second thought"
    assert one.put(data).body == {"name": f"sha256:{name}", "size": len(data)}
    assert one.put(data).status == 201 and one.put(spare).status == 201, "again is fine"
    assert one.get(name, "worker").body == data
    assert [one.get(name, who).status for who in ("requester", "stranger")] == [404, 404]

    missing = hashlib.sha256(b"never uploaded").hexdigest()
    refused, body = one.reveal({"recording": f"sha256:{missing}", "again": [f"sha256:{name}"]})
    assert refused.status == 422 and missing in refused.body["detail"]
    assert one.put(b"never uploaded").status == 201, "until the reveal there is time"
    assert one.step("reveal", body).status == 200
    assert one.put(b"late").status == 409

    assert one.get(name, "requester").body == data and one.get(missing, "requester").status == 200
    assert one.get(hashlib.sha256(spare).hexdigest(), "requester").status == 404, "what the answer doesn't name isn't the requester's"
    assert one.get(name, "stranger").status == 404
    listed = {who: call(market, "GET", one.path, token=one.tokens[who]) for who in one.tokens}
    assert [len(listed[who].body["items"]) for who in ("worker", "requester")] == [3, 2] and listed["stranger"].status == 404
    assert {row["size"] for row in listed["requester"].body["items"]} == {len(data), len(b"never uploaded")}


def test_other_bytes_other_hands_and_other_types_are_refused_and_leave_nothing(market: Works) -> None:
    one = held(market)
    (waiting,) = call(market, "GET", "/v1/waiting", token=one.tokens["worker"]).body["items"]
    assert (waiting["step"], waiting["about"], waiting["subject"]) == ("answer", "assignment", one.taken["id"])
    wrong = one.put(b"x", sha256="ab" * 32)
    assert wrong.status == 422 and "ab" * 32 in wrong.body["detail"]
    assert one.put(b"", sha256=hashlib.sha256(b"").hexdigest()).status == 422
    assert [one.put(b"x", who).status for who in ("requester", "stranger")] == [404, 404]
    assert one.put(b"<script>", media="text/html").status == 422
    assert one.put(bytes(MOST_BYTES + 1)).status == 422
    assert call(market, "PUT", f"{one.path}/zz", raw=b"x", token=one.tokens["worker"]).status == 422
    assert call(market, "GET", one.path, token=one.tokens["worker"]).body["items"] == []
    assert not list((market.data / "incoming").glob("*.attachment"))


def test_what_nobody_names_is_cleared_away_and_comes_back_whole(market: Works) -> None:
    if "PIECEWORK_CONTENT_URL" in market.more:
        return  # the same rows; that a bucket forgets objects is test_bucket's
    kept, left = b"kept " + secrets.token_bytes(8), b"left " + secrets.token_bytes(8)
    one, other = held(market), held(market)
    for data in (kept, left):
        assert one.put(data).status == 201
    assert one.reveal(f"sha256:{hashlib.sha256(kept).hexdigest()}")[0].status == 200
    assert other.put(left).status == 201

    def sweep(days: int) -> None:
        store = Store(market.database_url)
        try:
            contents = Contents(Folder(market.data / "content"))
            Attachments(store, contents, Judges(market.chain.rpc), market.data / "incoming", lambda: datetime.now(UTC) + timedelta(days=days)).sweep()
        finally:
            store.close()

    def stored(data: bytes) -> int:
        return len(list((market.data / "content").rglob(hashlib.sha256(data).hexdigest() + "*")))

    sweep(0)
    assert len(call(market, "GET", one.path, token=one.tokens["worker"]).body["items"]) == 2, "for a day there is time"
    sweep(2)
    assert [row["named"] for row in call(market, "GET", one.path, token=one.tokens["worker"]).body["items"]] == [True]
    assert stored(left) == 1, "the other assignment is still held, and may name it"
    assert other.step("return", {}).status == 200
    sweep(2)
    assert (stored(left), stored(kept)) == (0, 1)
    again = held(market)
    assert again.put(left).status == 201 and again.get(hashlib.sha256(left).hexdigest(), "worker").body == left
