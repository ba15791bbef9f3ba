"""Evidence stands under the hash of what was said, and only the two sides read it."""

import asyncio
import json
from pathlib import Path

from piecework.client import Market, Worker
from piecework.domain.content import canonical_json
from piecework.domain.keccak import keccak256
from tests.backend.workshop import answer, call, new_key, open_job, sign_in, works
from tests.conftest import Chain


def test_evidence_is_under_its_hash_and_shown_to_the_two_sides_only(chain: Chain, tmp_path: Path) -> None:
    keys = [new_key(), new_key()]
    with works(chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as market:

        async def run() -> str:
            async with Market(market.url) as client:
                _, job = await open_job(client, chain.requester, [("x", 2)])
                for key in keys:
                    await answer(await Worker.sign_in(client, key), job)
                return str(job["id"])

        job = asyncio.run(run())
        requester, one, other, stranger = (sign_in(market, key) for key in (chain.requester, *keys, new_key()))

        def say(token: str, text: str = "It was clear.", **more: object) -> tuple[int, str]:
            body = {"about": {"kind": "job", "id": job}, "text": text} | more
            found = call(market, "POST", "/v1/evidence", body, token)
            return found.status, found.body.get("hash") or found.body["detail"]

        def seen(hash: str) -> list[int]:
            tokens = (requester, one, other, stranger)
            return [call(market, "GET", f"/v1/evidence/{hash}", token=token).status for token in tokens]

        status, hash = say(one)
        document = call(market, "GET", f"/v1/evidence/{hash}", token=one).body
        assert status == 201 and hash == "0x" + keccak256(canonical_json(document)).hex()
        assert say(one) == (201, hash), "said twice, kept once"
        assert len(market.rows("SELECT 1 FROM evidence")) == 1
        assert seen(hash) == [200, 200, 404, 404]
        assert seen(say(requester, "It was not.")[1]) == [200, 200, 200, 404]
        assert say(stranger)[0] == 404
        refusals = [say(one, " "), say(one, "x" * 70_000), say(one, attachments=["0x12"]), say(one, about={"kind": "joke", "id": job})]
        assert all(status in (400, 422) for status, _ in refusals), json.dumps(refusals)
        assert len(market.rows("SELECT 1 FROM evidence")) == 2
