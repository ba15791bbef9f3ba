"""What is taken for an answer, and what each other thing is taken for."""

import json
import random
from typing import Any

import pytest

from indexer import wire
from indexer.backoff import Backoff
from indexer.breaker import Breaker
from indexer.chain import AnswerRefused
from indexer.counts import Counts
from indexer.endpoint import Endpoint, Resting, seconds_of
from indexer.limits import shorter
from indexer.wire import NoAnswer
from piecework.chain.rpc import RpcRefused
from tests.indexer.raw_server import http, raw_server, saying

WORD, ADDRESS = "0x" + "ab" * 32, "0x" + "cd" * 20
QUESTIONS = [wire.header_of(7), wire.logs_of([ADDRESS], 7, 7)]


def block(**changes: Any) -> dict[str, Any]:
    known = {"number": "0x7", "hash": WORD, "parentHash": WORD, "timestamp": "0x64", "logsBloom": "0x" + "00" * 256}
    return known | {"transactions": [WORD], "size": "0x1"} | changes


def log(**changes: Any) -> dict[str, Any]:
    known = {"blockNumber": "0x7", "logIndex": "0x2", "blockHash": WORD, "transactionHash": WORD, "address": ADDRESS}
    return known | {"topics": [WORD, WORD], "data": "0x1234", "removed": False, "blockTimestamp": "0x1"} | changes


def given(*answers: Any) -> bytes:
    return json.dumps(answers).encode()


def answer(number: int, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def read(body: bytes) -> list[Any]:
    return wire.results(body, QUESTIONS, 10, "http://node")


def read_logs(*logs: Any) -> Any:
    return wire.logs(read(given(answer(10, block()), answer(11, list(logs))))[1])


def test_a_batch_is_numbered_and_says_what_is_wanted() -> None:
    first, second = json.loads(wire.encode(QUESTIONS, 10))
    assert first == {"jsonrpc": "2.0", "id": 10, "method": "eth_getBlockByNumber", "params": ["0x7", False]}
    assert second["id"] == 11 and second["params"] == [{"address": [ADDRESS], "fromBlock": "0x7", "toBlock": "0x7"}]
    (tip,) = json.loads(wire.encode([wire.header_of("latest")], 1))
    assert tip["params"] == ["latest", False]
    (logs,) = json.loads(wire.encode([wire.logs_in(WORD, [ADDRESS], [WORD])], 1))
    assert logs["params"] == [{"blockHash": WORD, "address": [ADDRESS], "topics": [[WORD]]}]


def test_answers_come_in_any_order_and_go_to_their_questions() -> None:
    header, logs = read(given(answer(11, [log()]), answer(10, block())))
    assert wire.headers([header])[0].number == 7
    (entry,) = wire.logs(logs)
    assert (entry.block_number, entry.log_index, entry.topics, entry.data) == (7, 2, (WORD, WORD), "0x1234")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>502</html>", "not json"),
        (b"", "not json"),
        (b'"no chain"', "not json"),
        (b"[1, 2]", "not json"),
        (b"{}", "not json"),
        (given(answer(10, block())), "unanswered"),
        (given(answer(10, block()), answer(12, [])), "unanswered"),
        (given(answer(10, block()), answer("11", [])), "unanswered"),
        (given(answer(10, block()), {"id": 11}), "unanswered"),
        (given(answer(10, block()), {"id": 11, "error": {"code": 429, "message": "slow"}}), "busy"),
        (given(answer(10, block()), {"id": 11, "error": {"code": 0, "message": "Too Many Requests"}}), "busy"),
        (b'{"id":null,"error":{"code":-32005,"message":"daily request rate limit"}}', "busy"),
    ],
)
def test_what_is_no_answer_may_be_one_later(body: bytes, kind: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        read(body)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (given(answer(10, block()), {"id": 11, "error": {"code": -32005, "message": "limit exceeded"}}), "limit exceeded"),
        (given(answer(10, 5), {"id": 11, "error": {"code": 0, "message": "no"}}), "no"),
        (given(answer(10, block()), {"id": 11, "error": "a text"}), "a text"),
        (given(answer(10, block()), {"id": 11, "error": {"code": "x"}}), ""),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}', "batch too large"),
    ],
)
def test_a_refusal_is_told_from_no_answer(body: bytes, words: str) -> None:
    with pytest.raises(RpcRefused) as caught:
        read(body)
    assert caught.value.message == words


@pytest.mark.parametrize(
    "wrong",
    [
        {"blockNumber": None},
        {"blockNumber": 7},
        {"blockNumber": "seven"},
        {"logIndex": "0xg"},
        {"removed": True},
        {"topics": [WORD[:-2]]},
        {"topics": [WORD + "00"]},
        {"topics": [WORD[:-1] + "g"]},
        {"topics": None},
        {"address": ADDRESS + "00"},
        {"address": None},
        {"blockHash": "ab" * 33},
        {"transactionHash": WORD[:-1] + " "},
        {"data": "0x123"},
        {"data": "1234"},
        {"data": "0x12 34"},
        {"data": "0x0x12"},
        {"data": "0xzz"},
        {"data": ""},
        {"data": None},
        {"data": "0x\u0661\u0662"},
    ],
    ids=str,
)
def test_a_log_that_cannot_be_one_is_refused_among_good_ones(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnswerRefused):
        read_logs(log(), log(**wrong), log())


def test_two_wrongs_do_not_make_hex() -> None:
    """Pieces that would be whole bytes, or have the right number of marks, if they were looked at together."""
    for one, other in (("0x1", "0x234"), ("0x12 0x34", "56"), ("0x0x1234", "56"), ("0x12", "34 0x")):
        with pytest.raises(AnswerRefused):
            read_logs(log(data=one), log(data=other))


def test_hex_in_upper_case_becomes_lower_case() -> None:
    upper = {"address": "0x" + "CD" * 20, "topics": [WORD.upper().replace("X", "x")], "data": "0xABcd"}
    (entry,) = read_logs(log(**upper))
    assert (entry.address, entry.topics, entry.data) == (ADDRESS, (WORD,), "0xabcd")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "0x7",
        [],
        block(hash=WORD + "00"),
        block(parentHash="0xz" + WORD[3:]),
        block(logsBloom="0x00"),
        block(logsBloom="0x" + "0g" * 256),
        block(number="x"),
        block(timestamp=""),
        block(hash=None),
        {"number": "0x7"},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_header_that_cannot_be_one_is_refused(wrong: Any) -> None:
    with pytest.raises(AnswerRefused):
        header, _ = read(given(answer(10, wrong), answer(11, [])))
        wire.headers([header])


def test_logs_that_are_none_are_refused() -> None:
    for wrong in (None, "0x", block(), {}, 7, [7]):
        with pytest.raises(AnswerRefused):
            wire.logs(read(given(answer(10, block()), answer(11, wrong)))[1])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7), (" 120 ", 120), ("soon", None), ("-3", None), ("", None), ("Thu, 01 Jan 1970 00:01:40 GMT", 40)],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text, now=60) == seconds


def test_retry_after_in_the_past_is_no_time() -> None:
    assert seconds_of("Thu, 01 Jan 1970 00:01:40 GMT", now=10**9) == 0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_after_failures_in_a_row_lets_one_try_and_closes_when_that_works() -> None:
    clock = Clock()
    breaker = Breaker(Backoff(1, 8, random.Random(1)), clock, failures=3)
    for _ in range(2):
        assert breaker.admits()
        breaker.failed()
    assert breaker.admits() and breaker.state == "closed"
    breaker.failed()
    assert not breaker.admits() and breaker.state == "open" and 0.5 <= breaker.rest_seconds <= 1
    clock.now += 1
    assert breaker.state == "half-open" and breaker.admits() and not breaker.admits()
    breaker.failed()
    assert breaker.state == "open" and 1 <= breaker.rest_seconds <= 2
    clock.now += 2
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.state == "closed" and breaker.admits() and breaker.admits()


def test_a_breaker_leaves_alone_whoever_asks_for_it_but_not_for_ever() -> None:
    clock = Clock()
    breaker = Breaker(Backoff(1, 8), clock)
    breaker.failed(30)
    clock.now += 29
    assert not breaker.admits()
    clock.now += 1
    assert breaker.admits()
    breaker.failed(10**9)
    clock.now += 300
    assert breaker.admits()


@pytest.mark.parametrize(
    ("words", "asked", "blocks"),
    [
        ("query returned more than 10000 results", 64, 32),
        ("query returned more than 10 results. Try with this block range [0x10, 0x19].", 64, 10),
        ("try again with [16, 19]", 64, 4),
        ("Try with this block range [0x10, 0x4f].", 64, 32),
        ("Try with this block range [0x10, 0xffff].", 64, 32),
        ("Try with this block range [0x11, 0x19].", 64, 32),
        ("Try with this block range [0x19, 0x10].", 64, 32),
        ("eth_getLogs block range is limited to 20", 64, 20),
        ("block range 0x40 exceeds limit of 50 blocks", 64, 50),
        ("eth_getLogs is limited to a 1,000 range", 2_000, 1_000),
        ("exceeds the range of 1k blocks", 4_000, 1_000),
        ("block range is 1000", 64, 32),
        ("limited to 0 blocks", 64, 32),
        ("query exceeds max results 20000", 64, 32),
        ("timeout", 1, 1),
        ("block range is limited to 1", 1, 1),
    ],
)
def test_a_refused_range_is_halved_or_as_short_as_a_useful_hint_says(words: str, asked: int, blocks: int) -> None:
    assert shorter(16, asked, words, may_trust=True)[0] == blocks
    assert shorter(16, asked, words, may_trust=False) == (max(1, asked // 2), False)


def test_an_endpoint_that_is_busy_is_left_alone_for_as_long_as_it_says() -> None:
    counts = Counts()
    with raw_server(saying(http(b"<html>", "429 Too Many Requests", retry_after="60"))) as server:
        endpoint = Endpoint(server.url, 5, counts)
        with pytest.raises(NoAnswer) as caught:
            endpoint.newest()
        assert (caught.value.kind, caught.value.wait_seconds) == ("http 429", 60)
        for _ in range(3):
            with pytest.raises(Resting):
                endpoint.newest()
        assert server.requests == 1 and 50 < endpoint.breaker.rest_seconds <= 60
    seen = counts.snapshot()
    assert seen["errors"] == {endpoint.name: {"http 429": 1}} and seen["breakers"] == {endpoint.name: "open"}


def test_an_endpoint_that_fails_again_and_again_is_left_alone_for_a_moment() -> None:
    with raw_server(saying(http(b"<html>out of order</html>", "500 Oops"))) as server:
        endpoint = Endpoint(server.url, 5, Counts())
        for _ in range(3):
            with pytest.raises(NoAnswer, match="is not a chain"):
                endpoint.newest()
        with pytest.raises(Resting):
            endpoint.newest()
        assert server.requests == 3


def test_an_endpoint_that_refuses_is_not_left_alone() -> None:
    refusing = http(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}')
    with raw_server(saying(refusing)) as server:
        endpoint = Endpoint(server.url, 5, Counts())
        for _ in range(5):
            with pytest.raises(RpcRefused):
                endpoint.newest()
        assert server.requests == 5
