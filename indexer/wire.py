"""JSON-RPC as bytes: questions on the way out, headers and logs on the way in, with no step in between that isn't needed.

An answer is parsed straight into its values; only one that doesn't fit is looked at a second time, to say what is wrong with it.
"""

import json
import re
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

from indexer.chain import AnswerRefused, Header, Log
from piecework.chain.rpc import RpcRefused, RpcUnavailable

HEX = b"0123456789abcdef"
PART = 256
"""So many logs are looked at together: few enough that their text is still in the processor's cache."""
BUSY_CODES = (429, -32029)
BUSY = re.compile(r"rate.?limit|too many requests|throttl|capacity|try again later|overload|busy", re.IGNORECASE)
"""A node says so when it may well give the same answer later."""


class NoAnswer(RpcUnavailable):
    """A node gave no answer, or none that can be used; later it may.

    Attributes:
        kind: a short word for it, to count it by.
        wait_seconds: how long the node asks to be left alone; None if it doesn't say.
    """

    def __init__(self, sentence: str, kind: str, wait_seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.kind, self.wait_seconds = kind, wait_seconds


class Block(msgspec.Struct, gc=False, rename="camel"):
    """A header as a node writes it."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    logs_bloom: str


class Answer(msgspec.Struct, gc=False):
    """One call's answer."""

    id: int | str | None = None
    result: Block | list[Log] | str | None | msgspec.UnsetType = msgspec.UNSET
    error: Any = None


_ANSWERS = msgspec.json.Decoder(list[Answer])


class Question(msgspec.Struct, frozen=True):
    """One call: its method and its parameters as JSON."""

    method: str
    params: str


def header_of(block: int | str) -> Question:
    """The header of a height, or of a tag such as "latest"."""
    named = block if isinstance(block, str) else hex(block)
    return Question("eth_getBlockByNumber", f'["{named}",false]')


def logs_of(addresses: Sequence[str], first: int, last: int, topics: Sequence[str] = ()) -> Question:
    """These contracts' logs in a range of heights, of all topics or of any of these."""
    query: dict[str, Any] = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
    return Question("eth_getLogs", json.dumps([query | ({"topics": [list(topics)]} if topics else {})]))


def logs_in(block_hash: str, addresses: Sequence[str] = (), topics: Sequence[str] = ()) -> Question:
    """One block's logs: everybody's, or these contracts' of these topics."""
    query: dict[str, Any] = {"blockHash": block_hash} | ({"address": list(addresses)} if addresses else {})
    return Question("eth_getLogs", json.dumps([query | ({"topics": [list(topics)]} if topics else {})]))


def encode(questions: Sequence[Question], first_id: int) -> bytes:
    """A batch whose calls are numbered from `first_id` on."""
    calls = [
        f'{{"jsonrpc":"2.0","id":{number},"method":"{question.method}","params":{question.params}}}'
        for number, question in enumerate(questions, first_id)
    ]
    return f"[{','.join(calls)}]".encode()


def results(body: bytes, questions: Sequence[Question], first_id: int, place: str, status: int = 200) -> list[Any]:
    """The results of a batch in the order of its questions, whatever order they came in.

    Raises:
        NoAnswer: it isn't JSON-RPC, or not all of it, or the node is busy.
        RpcRefused: the node said no to one of them.
        AnswerRefused: it has another shape than was asked for.
    """
    try:
        answers = _ANSWERS.decode(body)
    except msgspec.DecodeError as error:
        _explain(body, questions, first_id, place, status, error)
    by_id = {answer.id: answer for answer in answers}
    found = [by_id.get(number) for number in range(first_id, first_id + len(questions))]
    for question, answer in zip(questions, found, strict=True):
        if answer is not None and answer.error is not None:
            raise refusal(question.method, answer.error, place)
    missing = sum(answer is None or answer.result is msgspec.UNSET for answer in found)
    if missing:
        raise NoAnswer(f"{place} left {missing} of {len(questions)} calls unanswered.", "unanswered")
    return [answer.result for answer in found if answer is not None]


def refusal(method: str, error: Any, place: str) -> NoAnswer | RpcRefused:
    """What a JSON-RPC error is: a node that has too much to do, or one that says no."""
    given = error if isinstance(error, dict) else {"message": str(error)}
    message = str(given.get("message", ""))
    try:
        code = int(given.get("code", 0))
    except (TypeError, ValueError):
        code = 0
    if code in BUSY_CODES or BUSY.search(message):
        return NoAnswer(f"{place} has too much to do: {message}", "busy")
    return RpcRefused(method, code, message, None)


def _explain(
    body: bytes, questions: Sequence[Question], first_id: int, place: str, status: int, wrong: msgspec.DecodeError
) -> None:
    """Raises what is the matter with an answer that can't be parsed as what it should be."""
    try:
        given = json.loads(body)
    except ValueError:
        raise NoAnswer(f"What answers at {place} is not a chain (HTTP {status}).", "not json") from None
    methods = {number: question.method for number, question in enumerate(questions, first_id)}
    for answer in given if isinstance(given, list) else [given]:
        if isinstance(answer, dict) and answer.get("error") is not None:
            raise refusal(methods.get(answer.get("id"), questions[0].method), answer["error"], place)
    if not isinstance(given, list) or not all(isinstance(answer, dict) for answer in given):
        raise NoAnswer(f"What answers at {place} is not a chain.", "not json")
    raise AnswerRefused(f"The node's answer to {questions[-1].method} makes no sense ({wrong}).", "shape")


def headers(given: Sequence[Any]) -> tuple[Header, ...]:
    """Headers of what was parsed.

    Raises:
        AnswerRefused: one is missing, or isn't one.
    """
    if any(type(block) is not Block for block in given):
        lacks = sum(block is None for block in given)
        raise AnswerRefused(f"The node has no block where {lacks or 'some'} of {len(given)} should be.", "lacking")
    try:
        hashes = [block.hash for block in given] + [block.parent_hash for block in given]
        if not (_are_words(hashes, 32) and _are_words([block.logs_bloom for block in given], 256)):
            raise ValueError("no hashes or blooms in lower-case hex")
        return tuple(
            [
                Header(int(b.number, 16), b.hash, b.parent_hash, int(b.timestamp, 16), int(b.logs_bloom, 16))
                for b in given
            ]
        )
    except ValueError as error:
        raise AnswerRefused(f"The node's headers make no sense ({error}).", "shape") from error


def logs(given: Any) -> tuple[Log, ...]:
    """Logs of what was parsed, their numbers as numbers and their hex as it should be.

    Raises:
        AnswerRefused: they aren't logs of the chain.
    """
    if not isinstance(given, list):
        raise AnswerRefused("The node's answer about logs holds none.", "shape")
    try:
        for start in range(0, len(given), PART):
            _put_right(given[start : start + PART])
    except (AttributeError, TypeError, ValueError) as error:
        raise AnswerRefused(f"The node's logs make no sense ({error}).", "shape") from error
    return tuple(given)


def _put_right(part: Sequence[Log]) -> None:
    for log in part:
        log.block_number, log.log_index = int(log.block_number, 16), int(log.log_index, 16)  # type: ignore[call-overload]
    if any([log.removed for log in part]):
        raise ValueError("a removed log")
    if not _are_clean(part):
        for log in part:
            _clean(log)


def _are_clean(given: Sequence[Log]) -> bool:
    """Whether all hex is lower case and of the right size."""
    words = [log.block_hash for log in given] + [log.transaction_hash for log in given]
    words.extend(chain.from_iterable([log.topics for log in given]))
    return (
        _are_words(words, 32)
        and _are_words([log.address for log in given], 20)
        and _is_clean([log.data for log in given])
    )


def _are_words(texts: Sequence[str], size: int) -> bool:
    """Whether each text is 0x and `size` bytes in lower-case hex: joined, their zeros, their x and the gaps stand in even steps."""
    step, count = 2 * size + 3, len(texts)
    row = " ".join(texts)
    return (
        len(row) == max(0, step * count - 1)
        and row[::step] == "0" * count
        and row[1::step] == "x" * count
        and row[step - 1 :: step] == " " * (count - 1)
        and _left(row) == b" ".join([b"x"] * count)
    )


def _is_clean(texts: Sequence[str]) -> bool:
    """Whether each text is 0x and whole bytes in lower-case hex: without the digits, just an x of each is left."""
    if not all(map(str.startswith, texts, repeat("0x"))) or any(length & 1 for length in set(map(len, texts))):
        return False
    return _left(" ".join(texts)) == b" ".join([b"x"] * len(texts))


def _left(row: str) -> bytes:
    """What of a row isn't a digit."""
    return row.encode("utf-8", "replace").translate(None, HEX)


def _clean(log: Log) -> None:
    """Puts what is hex, but written in another way, as everybody else writes it."""
    log.block_hash, log.transaction_hash = _hex(log.block_hash, 32), _hex(log.transaction_hash, 32)
    log.address, log.data = _hex(log.address, 20), _hex(log.data)
    log.topics = tuple(_hex(topic, 32) for topic in log.topics)


def _hex(text: str, size: int | None = None) -> str:
    """Lower-case 0x hex of `size` bytes."""
    lower = text.lower()
    if not _is_clean([lower]) or size not in (None, len(lower) // 2 - 1):
        raise ValueError(f"not {size or 'whole'} bytes of hex")
    return lower


