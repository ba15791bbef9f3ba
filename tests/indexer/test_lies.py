"""A node that lies, lags or breaks: nothing wrong is ever written, and when it is honest again the mirror is whole."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from indexer import tables
from indexer.chain import AnswerRefused
from indexer.verify import YOUNG_BLOCKS
from piecework.chain.escrow import escrow_abi
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from tests.conftest import Chain
from tests.indexer.bench import bench, dump, require_balances
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


def of_range(change: Callable[[list[Any]], list[Any]]) -> Callable[[str, list[Any], Any], Any]:
    """Changes the logs of a range, but not those of a single block asked for by its hash."""

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        return change(result) if method == "eth_getLogs" and "blockHash" not in params[0] else result

    return tamper


def of_all(change: Callable[[list[Any]], list[Any]]) -> Callable[[str, list[Any], Any], Any]:
    return lambda method, params, result: change(result) if method == "eth_getLogs" else result


def of_headers(**changes: Any) -> Callable[[str, list[Any], Any], Any]:
    """Changes every other header; they are asked for by number."""

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        numbered = method == "eth_getBlockByNumber" and params[0] != "latest" and int(params[0], 16) % 2
        return result | changes if numbered and result else result

    return tamper


def dead(number: int) -> str:
    return "0x" + f"{number:064x}"


def changed(**values: Any) -> Callable[[list[Any]], list[Any]]:
    """The last log with other values."""
    return lambda logs: logs[:-1] + [logs[-1] | values]


def foreign(logs: list[Any]) -> list[Any]:
    """A deposit once more, as if the token had written it, which its block's bloom can't deny."""
    topic = next(topic for topic, name in escrow_abi().topics.items() if name == "Deposited")
    at, deposit = next((at, log) for at, log in enumerate(logs) if log["topics"][0] == topic)
    again = deposit | {"address": "0x" + deposit["topics"][2][-40:], "logIndex": hex(int(deposit["logIndex"], 16) + 1)}
    return [*logs[: at + 1], again, *logs[at + 1 :]]


def shuffled(logs: list[Any]) -> list[Any]:
    return random.Random(1).sample(logs, len(logs))


LIES = {
    "leaves out every log": of_range(lambda logs: []),
    "leaves out every log, asked by block hash too": of_all(lambda logs: []),
    "leaves out the last log": of_range(lambda logs: logs[:-1]),
    "leaves out the last log, asked by block hash too": of_all(lambda logs: logs[:-1]),
    "leaves out every fifth log": of_range(lambda logs: [log for at, log in enumerate(logs) if at % 5]),
    "leaves out the logs of every other block": of_range(lambda logs: [x for x in logs if int(x["blockNumber"], 16) % 2]),
    "gives logs out of order": of_range(shuffled),
    "gives logs backwards": of_range(lambda logs: logs[::-1]),
    "gives every log twice": of_range(lambda logs: [log for log in logs for _ in range(2)]),
    "gives the whole list twice": of_range(lambda logs: logs * 2),
    "gives two logs one index": of_range(lambda logs: [log | {"logIndex": "0x0"} for log in logs]),
    "gives every log the next index": of_range(
        lambda logs: [log | {"logIndex": hex(int(log["logIndex"], 16) + 1)} for log in logs]
    ),
    "gives a log of another contract": of_range(foreign),
    "gives a log of a dead block": of_range(changed(blockHash=dead(7))),
    "gives a log of a block that wasn't asked for": of_range(changed(blockNumber="0xffffff")),
    "gives a removed log": of_range(changed(removed=True)),
    "gives a log with another topic": of_range(changed(topics=[dead(5)])),
    "gives a log without topics": of_range(changed(topics=[])),
    "gives a log with cut data": of_range(changed(data="0x1234")),
    "gives a log whose data isn't hex": of_range(changed(data="0xzz")),
    "gives a log without a block hash": of_range(changed(blockHash=None)),
    "gives null for logs": lambda method, params, result: None if method == "eth_getLogs" else result,
    "gives an object for logs": lambda method, params, result: {} if method == "eth_getLogs" else result,
    "gives headers with another hash": of_headers(hash=dead(1)),
    "gives headers with another parent": of_headers(parentHash=dead(2)),
    "gives headers with another number": of_headers(number="0x3"),
    "gives headers with an empty bloom": of_headers(logsBloom="0x" + "00" * 256),
    "gives headers without a bloom": of_headers(logsBloom=None),
    "gives null for headers": lambda method, params, result: (
        None if method == "eth_getBlockByNumber" and params[0] not in ("latest", "0x0") else result
    ),
    "gives null for everything": lambda method, params, result: None,
    "gives numbers for everything": lambda method, params, result: 7,
}


@pytest.mark.parametrize("lie", LIES)
def test_of_a_node_that(
    lie: str, node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    """…nothing is written, and everything once it is honest."""
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        before = dump(mirror.engine)
        node.tamper = LIES[lie]
        with pytest.raises(AnswerRefused):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.tamper = None
        assert dump(mirror.catch_up().engine) == honest


@pytest.mark.parametrize("fault", ["error", "hang", "cut", "garbage"])
def test_a_broken_answer_changes_nothing(
    fault: str, node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with bench(database_url, busy_workshop, Rpc(node.url, timeout_seconds=1)) as mirror:
        before = dump(mirror.engine)
        node.fault = fault
        with pytest.raises(RpcUnavailable):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.fault = None
        assert dump(mirror.catch_up().engine) == honest


@pytest.mark.parametrize("most", [1, 3, 10])
def test_a_node_that_refuses_long_ranges_is_asked_for_shorter_ones(
    most: int, node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs" or "blockHash" in params[0]:
            return result
        blocks = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        return Refusal(-32005, "query returned more than 10000 results") if blocks > most else result

    node.tamper = tamper
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        assert dump(mirror.catch_up().engine) == honest


def test_a_node_that_leaves_long_requests_half_answered_is_asked_shorter_ones(
    node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        node.fault = "short"
        for _ in range(busy_workshop.head()):
            with contextlib.suppress(RpcUnavailable):
                mirror.catch_up()
        assert dump(mirror.engine) == honest


def test_a_node_that_refuses_every_range_is_an_error_and_writes_nothing(
    node: Proxy, busy_workshop: Workshop, database_url: str
) -> None:
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        before = dump(mirror.engine)
        node.tamper = lambda method, params, result: (
            Refusal(-32005, "limit exceeded") if method == "eth_getLogs" else result
        )
        with pytest.raises(RpcRefused, match="limit exceeded"):
            mirror.catch_up()
        assert dump(mirror.engine) == before


def test_a_node_whose_head_jumps_to_and_fro_makes_no_reorg(
    node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    def lagging(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return busy_workshop.rpc.call("eth_getBlockByNumber", hex(int(result["number"], 16) - lag), False)
        return result

    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        mirror.catch_up()
        node.tamper = lagging
        for lag in (5, 0, 1, 12, busy_workshop.head() - 1, 0):
            mirror.follower.step()
            assert dump(mirror.engine) == honest
        require_balances(mirror.engine, busy_workshop)


def test_a_node_that_contradicts_its_own_newest_block_makes_no_reorg(
    node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        mirror.catch_up()
        node.tamper = lambda method, params, result: result | {"hash": dead(1)} if params[:1] == ["latest"] else result
        with pytest.raises(AnswerRefused):
            mirror.follower.step()
        assert dump(mirror.engine) == honest


def test_the_whole_block_is_asked_for_only_in_doubt(node: Proxy, busy_workshop: Workshop, database_url: str) -> None:
    with bench(database_url, busy_workshop, Rpc(node.url)) as mirror:
        blocks = mirror.catch_up().rows(tables.Block)
        young = [block for block in blocks if block.log_count and block.number > busy_workshop.head() - YOUNG_BLOCKS]
        assert node.calls["eth_getLogs"] == 1 + max(1, len(young))
        assert len(blocks) > 10


def test_at_the_head_a_log_that_the_bloom_does_not_miss_is_missed(
    chain: Chain, database_url: str
) -> None:
    workshop = Workshop(chain)
    with proxy(chain.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        mirror.catch_up()
        workshop.rpc.call("evm_setAutomine", False)
        for key in (chain.requester, chain.bystander):
            workshop.rpc.call("eth_sendRawTransaction", workshop.raw_deposit(key, 5))
        workshop.mine(1)
        before = dump(mirror.engine)
        node.tamper = of_range(lambda logs: logs[:-1])
        with pytest.raises(AnswerRefused, match="left out logs"):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.tamper = None
        mirror.catch_up()
        require_balances(mirror.engine, workshop)


def test_a_lie_that_runs_through_old_blocks_is_seen_in_the_one_that_is_looked_at(chain: Chain, database_url: str) -> None:
    """One log a block, long ago: neither order nor bloom nor youth tells that their indexes are wrong."""
    workshop = Workshop(chain)
    for amount in range(1, 4):
        workshop.deposit(chain.requester, amount)
    workshop.mine(20)
    with proxy(chain.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        node.tamper = LIES["gives every log the next index"]
        with pytest.raises(AnswerRefused, match="left out logs"):
            mirror.catch_up()
        node.tamper = None
        mirror.catch_up()
        require_balances(mirror.engine, workshop)
