"""A job from its first words to its funding: drafts, units by file, price, transactions, and proofs of single units."""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import urllib3
from eth_account.messages import encode_typed_data

from piecework.chain.escrow import Escrow, token_abi
from piecework.chain.wallet import Wallet
from piecework.client import Market, Worker
from piecework.domain import merkle
from piecework.domain.content import content_hash, unit_leaf, units_root
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from tests.backend.workshop import DAY, Answer, Works, answer, call, eventually, new_key, sign_in, works
from tests.conftest import Chain
from tests.support.databases import module_database_url

__all__ = ["module_database_url"]


@pytest.fixture(scope="module")
def market(shared_chain: Chain, module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace on each database that the tests of this module share."""
    folder = tmp_path_factory.mktemp("drafts")
    with works(shared_chain, module_database_url, folder) as shared:
        yield shared


def described(**changed: Any) -> dict[str, Any]:
    """What a draft says when it is whole."""
    return {
        "title": "Say what it is",
        "instructions": "Look and say.",
        "reward": "50000",
        "closes_at": int(time.time()) + 30 * DAY,
        "template": "label",
        "labels": ["cat", "dog"],
        "estimated_seconds": 60,
    } | changed


def upload(market: Works, token: str, draft: str, data: bytes, query: str = "format=jsonl", **headers: str) -> Answer:
    """Loads units; waits for the last row."""
    answer = call(market, "PUT", f"/v1/drafts/{draft}/units?{query}", token=token, raw=data, **headers)
    deadline = time.monotonic() + 60
    while answer.status == 202 and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = call(market, "GET", f"/v1/drafts/{draft}/units", token=token)
        if answer.body["state"] == "loading":
            answer = answer._replace(status=202)
    return answer


def lines(count: int, field: str = "text") -> bytes:
    return b"".join(json.dumps({field: f"unit {n}"}).encode() + b"\n" for n in range(count))


def drafted(market: Works, token: str, **changed: Any) -> str:
    made = call(market, "POST", "/v1/drafts", described(**changed), token)
    assert made.status == 201, made
    return str(made.body["id"])


def send(market: Works, key: Key, transaction: dict[str, str]) -> None:
    """What a wallet does with a prepared transaction."""
    wallet = Wallet(market.chain.rpc, key)
    assert transaction["from"] == key.address
    wallet.send(transaction["to"], transaction["data"], value=int(transaction["value"], 16))


def mint(market: Works, key: Key, amount: int) -> None:
    """The devnet's dollar, which anyone may mint."""
    Wallet(market.chain.rpc, key).send(market.chain.deployment.token, token_abi().encode("mint", key.address, amount))


def opened(market: Works, job: str) -> dict[str, Any]:
    async def run() -> Any:
        async def look() -> Any:
            body = (await asyncio.to_thread(call, market, "GET", f"/v1/jobs/{job}")).body
            return body if body["state"] == "open" else None

        return await eventually(look)

    found: dict[str, Any] = asyncio.run(run())
    return found


def test_a_job_from_its_first_words_to_its_first_answer(market: Works) -> None:
    key = market.chain.requester
    token = sign_in(market, key)
    begun = call(market, "POST", "/v1/drafts", {}, token)
    assert begun.status == 201 and {fault["field"] for fault in begun.body["faults"]} >= {"title", "reward", "units"}
    draft = begun.body["id"]
    changed = call(market, "PUT", f"/v1/drafts/{draft}", described(), token, **{"if-match": '"1"'})
    assert changed.status == 200 and changed.body["version"] == 2
    assert [fault["field"] for fault in changed.body["faults"]] == ["units"]
    assert changed.body["described"]["salt"] == begun.body["described"]["salt"]

    loaded = upload(market, token, draft, b"sentence,n\nhello,2\nbye,1\n", 'format=csv&columns={"text":"sentence"}&slots_column=n')
    assert loaded.status == 201, loaded
    leaves = [unit_leaf({"text": "hello"}, 2), unit_leaf({"text": "bye"}, 1)]
    assert (loaded.body["state"], loaded.body["rows"], loaded.body["slots"]) == ("loaded", 2, "3")
    assert loaded.body["units_root"] == "0x" + units_root(leaves).hex()
    shown = call(market, "GET", f"/v1/drafts/{draft}/units/sample", token=token).body["items"]
    assert shown == [{"content": {"text": "hello"}, "slots": 2}, {"content": {"text": "bye"}, "slots": 1}]

    price = call(market, "GET", f"/v1/drafts/{draft}/price", token=token).body
    assert int(price["amount"]) == (50_000 + int(price["fee"])) * 3 and price["hourly"] == str(50_000 * 60)
    prepared = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token)
    assert prepared.status == 201, prepared
    job = prepared.body
    assert job["manifest"]["estimated_seconds"] == 60
    assert "0x" + content_hash(job["manifest"]).hex() == job["content_hash"] == job["terms"]["content_hash"]
    assert call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body["id"] == job["id"], "twice is once"
    frozen = call(market, "PUT", f"/v1/drafts/{draft}", described(), token, **{"if-match": '"3"'})
    assert frozen.status == 409 and job["id"] in frozen.body["detail"]
    assert upload(market, token, draft, lines(1)).status == 409, "content is immutable once it is prepared"

    mint(market, key, int(job["amount"]))
    funding = call(market, "GET", f"/v1/jobs/{job['id']}/funding", token=token).body
    assert funding["amount"] == job["amount"] and not funding["posted"] and funding["transactions"]
    for transaction in funding["transactions"]:
        send(market, key, transaction)
    open_job = opened(market, job["id"])
    assert call(market, "GET", f"/v1/jobs/{job['id']}/funding", token=token).body["posted"]

    async def work() -> None:
        async with Market(market.url) as client:
            worker = await Worker.sign_in(client, new_key())
            taken = await answer(worker, open_job, said="cat")
            assert taken["content"] == {"text": "hello"}

    asyncio.run(work())


def test_a_permit_makes_one_transaction_of_it(market: Works) -> None:
    key = new_key()
    market.chain.rpc.call("anvil_setBalance", key.address, hex(10**18))
    token = sign_in(market, key)
    draft = drafted(market, token)
    assert upload(market, token, draft, lines(3)).status == 201
    job = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body
    poor = call(market, "GET", f"/v1/jobs/{job['id']}/funding", token=token).body
    assert (poor["transactions"], poor["permit"], poor["wallet"]) == ([], None, "0")
    refused = call(market, "POST", f"/v1/jobs/{job['id']}/funding/permit", {"signature": "0x" + "11" * 65}, token)
    assert refused.status == 409

    mint(market, key, int(job["amount"]))
    funding = call(market, "GET", f"/v1/jobs/{job['id']}/funding", token=token).body
    assert len(funding["transactions"]) == 2, "approve, then post"
    signed = key.sign(_digest_of(encode_typed_data(full_message=funding["permit"])))
    wrong = call(market, "POST", f"/v1/jobs/{job['id']}/funding/permit", {"signature": "0x" + new_key().sign(b"1" * 32).hex()}, token)
    assert wrong.status == 422 and "permit" in wrong.body["detail"]
    one = call(market, "POST", f"/v1/jobs/{job['id']}/funding/permit", {"signature": "0x" + signed.hex()}, token)
    assert one.status == 200, one
    send(market, key, one.body)
    assert Escrow(market.chain.rpc, market.chain.deployment.escrow).job(bytes.fromhex(job["id"][2:])).funded == 3
    opened(market, job["id"])


def _digest_of(message: Any) -> bytes:
    return keccak256(b"\x19" + message.version + message.header + message.body)


def test_a_draft_is_its_requesters_alone(market: Works) -> None:
    token, stranger = sign_in(market, new_key()), sign_in(market, new_key())
    draft = drafted(market, token)
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", described()),
        ("DELETE", "", None),
        ("GET", "/units", None),
        ("GET", "/units/sample", None),
        ("GET", "/price", None),
        ("POST", "/prepare", {}),
    ):
        answer = call(market, method, f"/v1/drafts/{draft}{path}", body, stranger, **{"if-match": '"1"'})
        assert answer.status == 404, (method, path, answer)
    assert upload(market, stranger, draft, lines(1)).status == 404
    assert call(market, "GET", f"/v1/drafts/{draft}").status == 401
    assert [row["id"] for row in call(market, "GET", "/v1/drafts", token=token).body["items"]] == [draft]
    assert call(market, "GET", "/v1/drafts", token=stranger).body["items"] == []
    assert call(market, "DELETE", f"/v1/drafts/{draft}", token=token).status == 204
    assert call(market, "GET", f"/v1/drafts/{draft}", token=token).status == 404


def test_two_who_edit_dont_overwrite_each_other(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token)
    assert call(market, "PUT", f"/v1/drafts/{draft}", described(title="a"), token, **{"if-match": '"1"'}).status == 200
    late = call(market, "PUT", f"/v1/drafts/{draft}", described(title="b"), token, **{"if-match": '"1"'})
    assert late.status == 412 and "meanwhile" in late.body["detail"]
    assert call(market, "PUT", f"/v1/drafts/{draft}", described(title="b"), token).status == 422
    assert call(market, "GET", f"/v1/drafts/{draft}", token=token).body["described"]["title"] == "a"


def test_a_wrong_row_is_named_and_leaves_what_was_there(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token, template="classifier")
    kept = upload(market, token, draft, lines(5, "source"))
    assert kept.status == 201
    wrong = lines(4_500, "source") + b'{"source": 5}\n' + lines(10, "source")
    failed = upload(market, token, draft, wrong)
    assert failed.status == 422 and failed.body["detail"].startswith("Row 4501: "), failed
    told = call(market, "GET", f"/v1/drafts/{draft}/units", token=token).body
    assert (told["state"], told["row"], told["column"], told["rows"]) == ("failed", 4501, "source", 0)
    view = call(market, "GET", f"/v1/drafts/{draft}", token=token).body
    assert view["units"]["rows"] == 5 and view["faults"] == []
    numbers = market.rows("SELECT number, state, rows FROM unit_load WHERE draft = :draft", draft=draft)
    for number, state, _ in numbers:
        left = market.rows("SELECT count(*) FROM unit WHERE posting = :of", of=number)[0][0]
        assert left == (5 if state == "loaded" else 0), "all or nothing"
    assert call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).status == 201


def test_new_units_replace_old_ones_and_the_template_must_be_theirs(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token)
    assert upload(market, token, draft, lines(3)).body["rows"] == 3
    assert upload(market, token, draft, b'[{"text": "a"}]', "slots=4", **{"content-type": "application/json"}).body["slots"] == "4"
    other = call(market, "PUT", f"/v1/drafts/{draft}", described(template="translation", labels=None), token, **{"if-match": '"3"'})
    assert other.status == 200, other
    refused = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token)
    assert refused.status == 409 and "load them again" in refused.body["detail"]
    before, now = market.rows("SELECT number FROM unit_load WHERE state = 'dropped' ORDER BY number DESC")[0][0], "2020-01-01 00:00:00+00:00"
    assert market.rows("SELECT count(*) FROM unit WHERE posting = :of", of=before)[0][0] == 3
    market.write("UPDATE unit_load SET moved_at = :now WHERE number = :of", now=now, of=before)
    market.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM unit_load WHERE number = :of)", of=before)
    assert market.rows("SELECT count(*) FROM unit WHERE posting = :of", of=before)[0][0] == 0


def test_a_load_whose_process_died_is_swept(market: Works) -> None:
    """As after kill -9: rows are there, and nothing moves any more."""
    token = sign_in(market, new_key())
    draft = drafted(market, token)
    assert upload(market, token, draft, lines(3)).status == 201
    number = market.rows("SELECT load FROM draft WHERE id = :id", id=draft)[0][0]
    market.write("UPDATE draft SET load = NULL WHERE id = :id", id=draft)
    market.write(
        "UPDATE unit_load SET state = 'loading', moved_at = '2020-01-01 00:00:00+00:00' WHERE number = :of", of=number
    )
    market.until("SELECT 1 FROM unit_load WHERE number = :of AND state = 'failed' AND rows = 0", of=number)
    assert market.rows("SELECT count(*) FROM unit WHERE posting = :of", of=number)[0][0] == 0
    told = call(market, "GET", f"/v1/drafts/{draft}/units", token=token).body
    assert told["state"] == "failed" and "load them again" in told["error"]


def test_any_unit_can_be_proven_alone(market: Works) -> None:
    key = market.chain.requester
    token = sign_in(market, key)
    draft = drafted(market, token)
    assert upload(market, token, draft, lines(2_500)).status == 201
    job = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body
    root = bytes.fromhex(job["manifest"]["units_root"][2:])
    for position in (0, 1_023, 1_024, 2_499):
        proof = call(market, "GET", f"/v1/jobs/{job['id']}/units/{position}/proof", token=token).body
        assert proof["content"] == {"text": f"unit {position}"}
        leaf = unit_leaf(proof["content"], proof["slots"])
        assert proof["leaf"] == "0x" + leaf.hex() and len(proof["siblings"]) <= 12
        assert merkle.verify(leaf, [bytes.fromhex(sibling[2:]) for sibling in proof["siblings"]], root)
    assert call(market, "GET", f"/v1/jobs/{job['id']}/units/2500/proof", token=token).status == 404
    stranger = call(market, "GET", f"/v1/jobs/{job['id']}/units/0/proof", token=sign_in(market, new_key()))
    assert stranger.status == 403


def test_sealed_units_are_noise_where_they_lie_and_without_their_key(market: Works) -> None:
    key = market.chain.requester
    token, secret = sign_in(market, key), secrets.token_bytes(32)
    draft = drafted(market, token)
    header = {"x-content-key": base64.b64encode(secret).decode()}
    bad = upload(market, token, draft, lines(1), **{"x-content-key": base64.b64encode(b"short").decode()})
    assert bad.status == 422
    assert upload(market, token, draft, lines(3), **header).body["sealed"]
    job = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body
    place = market.rows("SELECT content FROM posting WHERE job = :job", job=job["id"])[0][0]
    lying = (market.data / "content" / place).read_bytes()
    assert b"unit" not in lying
    wrapped = market.rows("SELECT wrapped FROM content_key")[0][0]
    assert secret not in bytes(wrapped)

    path = f"/v1/jobs/{job['id']}/units/0/proof"
    assert call(market, "GET", path, token=token).body["content"] == {"text": "unit 0"}
    assert call(market, "DELETE", f"/v1/jobs/{job['id']}/content-key", token=token).status == 204
    gone = call(market, "GET", path, token=token)
    assert gone.status == 503 and "took back the key" in gone.body["detail"]
    other = {"key": base64.b64encode(secrets.token_bytes(32)).decode()}
    assert call(market, "PUT", f"/v1/jobs/{job['id']}/content-key", other, token).status == 409
    same = {"key": base64.b64encode(secret).decode()}
    assert call(market, "PUT", f"/v1/jobs/{job['id']}/content-key", same, sign_in(market, new_key())).status == 403
    assert call(market, "PUT", f"/v1/jobs/{job['id']}/content-key", same, token).status == 204
    assert call(market, "GET", path, token=token).body["content"] == {"text": "unit 0"}


def test_what_an_upload_must_say(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token)
    for query, words in (
        ("format=xml", "format"),
        ("", "what the file is"),
        ("format=csv&slots=0", "slots"),
        ("format=csv&slots=x", "slots"),
        ("format=csv&columns=[1]", "body"),
        ("format=jsonl", "no units"),
    ):
        answer = upload(market, token, draft, b"", query, **{"content-type": "application/octet-stream"})
        assert answer.status == 422 and words in answer.body["detail"], (query, answer)


def test_the_process_ends_when_told_to_though_it_reads_a_file(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token)
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(upload, market, token, draft, lines(200_000))
        market.until("SELECT 1 FROM unit_load WHERE draft = :draft AND rows > 0", draft=draft)
        try:
            assert market.stop("backend") == 0, "within the ten seconds that it is given"
        finally:
            market.start("backend")
        with suppress(urllib3.exceptions.HTTPError):
            assert sent.result().status != 201
    assert list((market.data / "incoming").iterdir()) == []
    assert call(market, "GET", f"/v1/drafts/{draft}", token=token).body["units"] is None


def test_an_upload_that_breaks_off_leaves_nothing(market: Works) -> None:
    token = sign_in(market, new_key())
    draft = drafted(market, token)

    def parts() -> Iterator[bytes]:
        yield lines(10)
        raise OSError("the line is cut")

    with pytest.raises((OSError, urllib3.exceptions.HTTPError)):
        urllib3.request(
            "PUT",
            f"{market.url}/v1/drafts/{draft}/units?format=jsonl",
            body=parts(),
            headers={"authorization": f"Bearer {token}"},
            retries=False,
        )
    time.sleep(0.3)
    assert call(market, "GET", f"/v1/drafts/{draft}/units", token=token).status == 404
    assert list((market.data / "incoming").iterdir()) == []
