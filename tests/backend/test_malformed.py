"""Bad input: one sentence as a problem, nothing changed, and never a fault of the server's."""

import json
import socket
import threading
import time
from typing import Any

import pytest

from tests.backend.workshop import DAY, Works, call, new_key, posting, quick_job, sign_in

UNIT = [{"content": "x", "slots": 1}]
COUNTS = "SELECT (SELECT count(*) FROM posting) + (SELECT count(*) FROM assignment) + (SELECT count(*) FROM outbox)"


def job_but(**changed: Any) -> bytes:
    """A job's body with something wrong."""
    return json.dumps(posting([("x", 1)]) | changed).encode()


def nested(depth: int) -> bytes:
    return b'{"answer":' + b"[" * depth + b"]" * depth + b',"salt":"0x' + b"00" * 32 + b'"}'


JOBS: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "not JSON"),
    ("not JSON", b"{", "not JSON"),
    ("two values", b"{} {}", "not JSON"),
    ("not UTF-8", b'{"title":"\xff"}', "UTF-8"),
    ("UTF-16", '{"title":"x"}'.encode("utf-16"), "UTF-8"),
    ("a list", b"[]", "doesn't fit"),
    ("null", b"null", "doesn't fit"),
    ("a missing field", b'{"title":"x"}', "missing"),
    ("an unknown field", job_but(colour="red"), "colour"),
    ("NaN", b'{"title":NaN}', "NaN"),
    ("Infinity in a unit", job_but(units=[{"content": 1, "slots": 1}]).replace(b'"content": 1', b'"content": Infinity'), "Infinity"),
    ("a float that overflows", job_but().replace(b'"content": "x"', b'"content": 1e999'), "Unit 1"),
    ("no title", job_but(title="  "), "title"),
    ("a title that is a number", job_but(title=5), "title"),
    ("a lone surrogate", job_but(title="\ud800"), "JSON"),
    ("a lone surrogate in a unit", job_but(units=[UNIT[0], {"content": {"\udfff": 1}, "slots": 1}]), "Unit 2"),
    ("no units", job_but(units=[]), "units"),
    ("a unit without slots", job_but(units=[UNIT[0], {"content": 1, "slots": 0}]), "Unit 2"),
    ("negative slots", job_but(units=[{"content": 1, "slots": -1}]), "Unit 1"),
    ("slots as text", job_but(units=[{"content": 1, "slots": "3"}]), "slots"),
    ("slots of 2^31", job_but(units=[{"content": 1, "slots": 2**31}]), "Unit 1"),
    ("slots of 2^70", job_but(units=[{"content": 1, "slots": 2**70}]), "Unit 1"),
    ("2^31 slots together", job_but(units=[{"content": 1, "slots": 2**30}] * 2), "at most"),
    ("an integer that JSON would round", job_but(units=[{"content": 2**60, "slots": 1}]), "Unit 1"),
    ("more lists than fit into the memory", b'{"units":[' + b"[]," * 2_600_000 + b"[]]}", "arrays and objects"),
    ("a number of 5,000 digits", b'{"title":' + b"9" * 5000 + b"}", "number"),
    ("a reward of nothing", job_but(reward="0"), "reward"),
    ("a negative reward", job_but(reward="-1"), "reward"),
    ("a reward with decimals", job_but(reward="0.05"), "reward"),
    ("a reward that is a number", job_but(reward=50000), "reward"),
    ("a reward in other digits", job_but(reward="٣"), "reward"),
    ("a reward of 2^128", job_but(reward=str(2**128)), "too large"),
    ("a reward of 2^256", job_but(reward=str(2**256)), "reward"),
    ("a closing time that is past", job_but(closes_at=int(time.time()) - 1), "close"),
    ("a closing time in three years", job_but(closes_at=int(time.time()) + 1100 * DAY), "two years"),
    ("a closing time of 2^70", job_but(closes_at=2**70), "closes_at"),
    ("a negative window", job_but(review_window_seconds=-1), "review window"),
    ("a long window", job_but(review_window_seconds=91 * DAY), "90 days"),
    ("a short appeal window", job_but(appeal_window_seconds=1), "appeal window"),
    ("a short salt", job_but(salt="0x11"), "salt"),
    ("a salt that isn't hex", job_but(salt="0x" + "zz" * 32), "salt"),
    ("an address that isn't one", job_but(token="0x1"), "token"),
    ("labels that repeat", job_but(labels=["a", "a"]), "twice"),
    ("an empty label", job_but(labels=["a", ""]), "Label 2"),
    ("no labels", job_but(labels=[]), "labels"),
    ("an unknown template", job_but(template="quiz"), "quiz"),
    ("no answers per worker", job_but(answers_per_worker=0), "at least one"),
    ("no time", job_but(assignment_seconds=0), "one second"),
    ("a hundred thousand brackets", b"[" * 100_000, "nested"),
    ("units nested too deeply", job_but(units=[{"content": json.loads("[" * 80 + "]" * 80), "slots": 1}]), "nested"),
]


@pytest.mark.parametrize(("raw", "word"), [case[1:] for case in JOBS], ids=[case[0] for case in JOBS])
def test_a_job_that_breaks_a_rule_is_refused_in_a_sentence(market: Works, token: str, raw: bytes, word: str) -> None:
    before = market.rows(COUNTS)
    answer = call(market, "POST", "/v1/jobs", token=token, raw=raw)
    assert (answer.status, answer.media) == (422, "application/problem+json"), answer
    assert set(answer.body) == {"type", "title", "status", "detail"} and answer.body["status"] == 422
    assert word in answer.body["detail"] and answer.body["detail"].endswith(".")
    assert market.rows(COUNTS) == before


@pytest.fixture(scope="module")
def token(market: Works) -> str:
    return sign_in(market, market.chain.requester)


@pytest.fixture(scope="module")
def open_(market: Works) -> dict[str, Any]:
    """A job with one assignment in a worker's hands."""
    asker, job = quick_job(market, [("x", 3)])
    worker = sign_in(market, new_key())
    item = call(market, "POST", f"/v1/jobs/{job['id']}/assignments", {}, worker).body
    return {"job": job["id"], "item": item["id"], "worker": worker, "asker": asker}


OTHERS: list[tuple[str, str, bytes | None, int]] = [
    ("POST", "/v1/jobs/{job}/assignments", b'{"unit":-1}', 422),
    ("POST", "/v1/jobs/{job}/assignments", b'{"unit":99999999999999999999}', 422),
    ("POST", "/v1/jobs/{job}/assignments", b'{"unit":1.5}', 422),
    ("POST", "/v1/jobs/{job}/assignments", b'{"unit":"0"}', 422),
    ("POST", "/v1/jobs/{job}/assignments", b"\xff", 422),
    ("POST", "/v1/jobs/{job}/assignments", b'"\\ud800"', 422),
    ("POST", "/v1/jobs/0x12/assignments", b"{}", 422),
    ("POST", "/v1/jobs/0x" + "00" * 32 + "/assignments", b"{}", 404),
    ("POST", "/v1/jobs/%00/assignments", b"{}", 422),
    ("POST", "/v1/jobs/%ff/assignments", b"{}", 422),
    ("POST", "/v1/assignments/{item}/commit", b"{}", 422),
    ("POST", "/v1/assignments/{item}/commit", b'{"commitment":"0x11"}', 422),
    ("POST", "/v1/assignments/{item}/commit", b'{"commitment":null}', 422),
    ("POST", "/v1/assignments/{item}/commit", b'{"commitment":"\\u0000"}', 422),
    ("POST", "/v1/assignments/{item}/commit", b"[" * 50_000, 422),
    ("POST", "/v1/assignments/0x1/commit", b'{"commitment":"0x11"}', 422),
    ("POST", "/v1/assignments/{item}/reveal", nested(70), 422),
    ("POST", "/v1/assignments/{item}/reveal", nested(900), 422),
    ("POST", "/v1/assignments/{item}/reveal", nested(100_000), 422),
    ("POST", "/v1/assignments/{item}/reveal", b'{"answer":"\\ud800","salt":"0x' + b"00" * 32 + b'"}', 422),
    ("POST", "/v1/assignments/{item}/reveal", b'{"answer":' + b"9" * 400 + b',"salt":"0x' + b"00" * 32 + b'"}', 422),
    ("POST", "/v1/assignments/{item}/reveal", b'{"answer":1,"salt":"0x"}', 422),
    ("POST", "/v1/assignments/{item}/reveal", b'{"answer":1}', 422),
    ("POST", "/v1/assignments/{item}/reveal", b'{"answer":"' + b"x" * 300_000 + b'","salt":"0x' + b"00" * 32 + b'"}', 422),
    ("POST", "/v1/assignments/{item}/reveal", b" " * (1 << 20) + b"{}", 413),
    ("POST", "/v1/jobs/{job}/reviews", b'{"approve":"none"}', 403),
    ("GET", "/v1/assignments?limit=0", None, 422),
    ("GET", "/v1/assignments?limit=1001", None, 422),
    ("GET", "/v1/assignments?limit=x", None, 422),
    ("GET", "/v1/assignments?cursor=x", None, 422),
    ("GET", "/v1/assignments?state=paidd", None, 422),
    ("GET", "/v1/assignments?state=%00", None, 422),
    ("GET", "/v1/assignments?job=%00", None, 422),
    ("GET", "/v1/assignments/%00", None, 422),
    ("GET", "/v1/jobs?cursor=99999999999999999999", None, 422),
    ("GET", "/v1/jobs?cursor=-1", None, 422),
    ("GET", "/v1/jobs?state=x", None, 422),
    ("GET", "/v1/jobs?requester=me", None, 422),
    ("GET", "/v1/jobs/x", None, 422),
    ("GET", "/v1/jobs/0x" + "0" * 63 + "g", None, 422),
    ("GET", "/v1/jobs/0x" + "00" * 32, None, 404),
    ("GET", "/v1/jobs/{job}/units?cursor=1e3", None, 422),
    ("GET", "/v1/payments?worker=x", None, 422),
    ("GET", "/v1/payments?cursor=1-2", None, 422),
    ("GET", "/v1/payments?cursor=999999999999999999-999999999-999999999999999999", None, 200),
    ("GET", "/v1/payments?cursor=9999999999999999999-1-1", None, 422),
    ("GET", "/v1/accounts/me", None, 422),
    ("GET", "/v1/batches/0x" + "00" * 32, None, 404),
    ("POST", "/v1/batches/0x" + "00" * 32 + "/approval", b'{"signature":"0x12"}', 404),
    ("POST", "/v1/batches/x/approval", b'{"signature":"0x12"}', 422),
    ("GET", "/v1/withdrawals/x", None, 422),
    ("GET", "/v1/withdrawals/0x" + "00" * 32, None, 404),
    ("POST", "/v1/session", b'{"message":"","signature":""}', 422),
    ("POST", "/v1/session", b'{"message":"\\u0000\\ud800","signature":"0x12"}', 422),
    ("POST", "/v1/session", b'{"message":"x","signature":"0x123"}', 422),
    ("PUT", "/v1/session/payout", b'{"payout":"cash"}', 422),
    ("GET", "/v1/nothing", None, 404),
    ("GET", "/v1/jobs/", None, 404),
    ("PUT", "/v1/jobs", b"{}", 405),
    ("POST", "/health", b"", 405),
]


@pytest.mark.parametrize(("method", "path", "raw", "status"), OTHERS)
def test_whatever_else_is_wrong_gets_a_problem_too(
    market: Works, open_: dict[str, Any], method: str, path: str, raw: bytes | None, status: int
) -> None:
    before = market.rows(COUNTS)
    answer = call(market, method, path.format(**open_) if "{" in path else path, token=open_["worker"], raw=raw)
    assert answer.status == status, answer
    assert status == 200 or (answer.media == "application/problem+json" and answer.body["detail"].endswith("."))
    assert market.rows(COUNTS) == before


WITHDRAWAL = {
    "owner": "0x" + "11" * 20,
    "token": "0x" + "22" * 20,
    "receiver": "0x" + "33" * 20,
    "amount": "1",
    "max_fee": "0",
    "nonce": 0,
    "deadline": 2_000_000_000,
    "signature": "0x" + "00" * 65,
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"amount": "0"},
        {"amount": str(2**256)},
        {"amount": -1},
        {"nonce": -1},
        {"nonce": 2**64},
        {"nonce": "x"},
        {"nonce": True},
        {"deadline": 1},
        {"deadline": 2**64},
        {"deadline": 1.5},
        {"owner": "0x11"},
        {"receiver": "0x" + "00" * 20},
        {"signature": "0x"},
        {"signature": "zz"},
        {"signature": "0x" + "00" * 9000},
        {"extra": 1},
    ],
)
def test_a_withdrawal_that_nobody_signed_is_not_queued(market: Works, changed: dict[str, Any]) -> None:
    before = market.rows(COUNTS)
    answer = call(market, "POST", "/v1/withdrawals", WITHDRAWAL | changed)
    assert (answer.status, answer.media) == (422, "application/problem+json"), answer
    assert market.rows(COUNTS) == before


def test_a_body_that_never_says_its_length_is_cut_off(market: Works, token: str) -> None:
    host, port = market.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        head = f"PUT /v1/session/payout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            for _ in range(100):
                raw.sendall(chunk)
        except OSError:
            pass  # the server has answered and hung up
        assert b"413" in raw.recv(4096).split(b"\r\n")[0]


def test_openapi_describes_every_route_with_its_body_and_answer(market: Works) -> None:
    document = call(market, "GET", "/openapi.json").body
    create = document["paths"]["/v1/jobs"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewJob"}
    assert create["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("JobView")
    names = set(document["components"]["schemas"])
    references = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references <= names
    bodies = [path for path, methods in document["paths"].items() for name in methods if name in ("post", "put")]
    assert len(bodies) >= 12


def test_while_a_large_body_is_read_everybody_else_is_answered(market: Works, token: str) -> None:
    """Thirty megabytes of small numbers and lists are read for seconds."""
    large, ended = b'{"title":"t","units":[{"slots":1,"content":[' + b"[]," * 2_400_000 + b"1," * 4_000_000 + b"1]}]}", list[int]()
    reading = threading.Thread(target=lambda: ended.append(call(market, "POST", "/v1/jobs/check", None, token, raw=large).status))
    reading.start()
    answered = 0
    while not ended:
        assert call(market, "GET", "/v1/info").status == 200
        answered += 1
    reading.join()
    assert ended == [422] and answered > 10
