"""Nodes that give only short ranges, or not even one block at once; and blocks that are read ahead of whoever writes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from indexer.ahead import MOST_SPANS, Ahead
from indexer.chain import AnswerRefused, Forked, Header, Span
from piecework.chain.rpc import Rpc, RpcRefused
from tests.indexer.bench import bench, dump
from tests.indexer.workshop import Workshop
from tests.support.proxy import Proxy, Refusal, proxy


@pytest.fixture
def node(busy_workshop: Workshop) -> Iterator[Proxy]:
    with proxy(busy_workshop.rpc.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def honest(busy_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the mirror of an honest node holds."""
    with bench(f"sqlite:///{tmp_path_factory.mktemp('honest')}/honest.db", busy_workshop) as mirror:
        return dump(mirror.catch_up().engine)


def bounds(params: list[Any]) -> tuple[int, int] | None:
    """The range that is asked for; None for one block by its hash."""
    return None if "blockHash" in params[0] else (int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16))


HINTS: dict[str, Callable[[int, int], str]] = {
    "none": lambda first, last: "query returned more than 10000 results",
    "a range that it gives": lambda first, last: f"Try with this block range [{first:#x}, {first + 2:#x}].",
    "the range that was asked for": lambda first, last: f"Try with this block range [{first:#x}, {last:#x}].",
    "a range that it refuses as well": lambda first, last: f"Try with this block range [{first:#x}, {last - 1:#x}].",
    "a range elsewhere": lambda first, last: "Try with this block range [0x0, 0x1].",
    "a width that it gives": lambda first, last: "block range is limited to 3 blocks",
    "a width that it refuses as well": lambda first, last: f"block range is limited to {last - first}",
    "no width": lambda first, last: "block range is limited to 0 blocks",
}


@pytest.mark.parametrize("hint", HINTS)
def test_a_node_that_gives_three_blocks_at_most_is_asked_for_so_many_whatever_it_hints_at(
    hint: str, node: Proxy, busy_workshop: Workshop, honest: dict[str, Any]
) -> None:
    def tamper(method: str, params: list[Any], result: Any) -> Any:
        asked = bounds(params) if method == "eth_getLogs" else None
        return Refusal(-32005, HINTS[hint](*asked)) if asked and asked[1] - asked[0] >= 3 else result

    node.tamper = tamper
    with bench("sqlite://", busy_workshop, Rpc(node.url)) as mirror:
        assert dump(mirror.catch_up().engine) == honest
        assert 0 < sum(mirror.source.counts.snapshot()["bisects"].values()) < 30


def test_ranges_grow_again_after_a_node_was_short_of_breath(
    node: Proxy, busy_workshop: Workshop, honest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.source.HOLD_SPANS", 8)  # more than is read ahead in one step
    with bench("sqlite://", busy_workshop, Rpc(node.url)) as mirror:
        node.tamper = lambda method, params, result: (
            Refusal(-32005, "no") if method == "eth_getLogs" and (asked := bounds(params)) and asked[1] > asked[0] else result
        )
        mirror.follower.step()
        assert mirror.source.reach == 1
        node.tamper = None
        assert dump(mirror.catch_up().engine) == honest
        assert mirror.source.reach > 1


@pytest.mark.parametrize("most", [1, 3])
def test_a_block_that_a_node_does_not_give_whole_is_read_a_few_kinds_of_events_at_a_time(
    most: int, node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs":
            return result
        few = "topics" in params[0] and len(params[0]["topics"][0]) <= most
        return result if few else Refusal(-32005, "query returned more than 1 results")

    node.tamper = tamper
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        assert dump(mirror.catch_up().engine) == honest


def test_a_kind_of_event_that_is_left_out_of_a_block_read_in_pieces_is_missed_if_it_comes_the_second_time(
    node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    seen: set[str] = set()

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs":
            return result
        if "topics" not in params[0] or len(params[0]["topics"][0]) > 1:
            return Refusal(-32005, "too much")
        key = json.dumps(params)
        return result if key in seen or seen.add(key) else []

    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        node.tamper = tamper
        with pytest.raises(AnswerRefused, match="left out logs"):
            mirror.catch_up()
        node.tamper = None
        assert dump(mirror.catch_up().engine) == honest


def test_one_kind_of_event_of_one_block_that_is_too_much_is_an_error(
    node: Proxy, busy_workshop: Workshop, database_url: str
) -> None:
    node.tamper = lambda method, params, result: Refusal(-32005, "too much") if method == "eth_getLogs" else result
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        before = dump(mirror.engine)
        with pytest.raises(RpcRefused, match="too much"):
            mirror.catch_up()
        assert dump(mirror.engine) == before


def one_block(first: int, last: int, parent_hash: str) -> Span:
    return Span((Header(first, f"hash {first}", parent_hash, 0, 0),), ())


def test_what_is_read_ahead_comes_in_order_and_ends() -> None:
    ahead = Ahead(one_block, 5, 30, "hash 4")
    headers = [header for span in iter(ahead.take, None) for header in span.headers]
    assert [header.number for header in headers] == list(range(5, 31))
    assert all(header.parent_hash == f"hash {header.number - 1}" for header in headers)
    assert ahead.take() is None


def test_no_more_is_read_ahead_than_fits_and_all_of_it_is_taken_at_once() -> None:
    read: list[int] = []

    def counted(first: int, last: int, parent_hash: str) -> Span:
        read.append(first)
        return one_block(first, last, parent_hash)

    ahead = Ahead(counted, 1, 1_000, "hash 0")
    for taken in range(5):
        wait_for(lambda: ahead.waiting_blocks() == MOST_SPANS)
        assert len(read) == (taken + 1) * MOST_SPANS
        span = ahead.take()
        assert span and [header.number for header in span.headers] == read[-MOST_SPANS:]
    ahead.close()
    ahead._thread.join(10)
    assert not ahead._thread.is_alive() and len(read) < 20 and not ahead._waiting


@pytest.mark.parametrize("trouble", [Forked("another parent", "fork"), AnswerRefused("a lie"), RpcRefused("m", 1, "no", None)])
def test_trouble_comes_after_the_good_spans_before_it_and_stays(trouble: Exception) -> None:
    def troubled(first: int, last: int, parent_hash: str) -> Span:
        if first == 3:
            raise trouble
        return one_block(first, last, parent_hash)

    ahead = Ahead(troubled, 1, 9, "hash 0")
    good: list[Header] = []
    for _ in range(2):
        with pytest.raises(type(trouble)):
            while span := ahead.take():
                good += span.headers
    assert [header.hash for header in good] == ["hash 1", "hash 2"]


def wait_for(what: Callable[[], bool], timeout_seconds: float = 20) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not what():
        assert time.monotonic() < deadline, "it didn't come true"
        time.sleep(0.005)


def test_a_failure_to_write_gives_up_what_was_read_ahead(workshop: Workshop, database_url: str) -> None:
    workshop.everything()
    workshop.mine(200)
    with bench(database_url, workshop) as mirror:
        mirror.follower.step()
        written, mirror.mirror.write = mirror.mirror.write, broken  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            mirror.catch_up()
        wait_for(lambda: not any(thread.name == "ahead" for thread in threading.enumerate()))
        mirror.mirror.write = written  # type: ignore[method-assign]
        assert mirror.catch_up().mirror.cursor().head_number == workshop.head()


def broken(span: Span, before: Any) -> Any:
    raise ZeroDivisionError
