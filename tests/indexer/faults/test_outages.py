"""Every way a node can fail a request: nothing is written of it, and everything once the node is well."""

import time
from pathlib import Path
from typing import Any

import pytest

from indexer.chain import AnswerRefused
from indexer.source import Source
from piecework.chain.rpc import Rpc, RpcRefused, RpcUnavailable
from piecework.domain.errors import Unavailable
from tests.indexer.bench import Bench, bench, dump, eventually, is_level, process
from tests.indexer.test_process import fresh, mirrored
from tests.indexer.workshop import Workshop
from tests.support.outages import OUTAGES
from tests.support.proxy import Proxy, Refusal

TRIES = 4


@pytest.fixture(scope="module")
def honest(busy_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the mirror of an honest node holds."""
    with bench(f"sqlite:///{tmp_path_factory.mktemp('honest')}/honest.db", busy_workshop) as mirror:
        return dump(mirror.catch_up().engine)


def patiently(mirror: Bench) -> Bench:
    """Catches up, trying again for as long as a circuit breaker may be open."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return mirror.catch_up()
        except (Unavailable, RpcRefused):
            assert time.monotonic() < deadline, "the node is well, but nobody asks it"
            time.sleep(0.02)


@pytest.mark.parametrize("outage", [name for name in OUTAGES if name])
def test_a_node_that_fails_by(
    outage: str, busy_node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    """…leaves the mirror as it was, or as an honest node makes it; and the failing ends."""
    with bench(database_url, busy_workshop, Rpc(busy_node.url, timeout_seconds=1)) as mirror:
        before = dump(mirror.engine)
        busy_node.fault = outage
        began = time.monotonic()
        for _ in range(TRIES):
            try:
                mirror.catch_up()
            except (Unavailable, RpcRefused):
                assert dump(mirror.engine) == before
            else:
                assert dump(mirror.engine) == honest
                break
        assert busy_node.met[outage] >= 1
        assert time.monotonic() - began < 30, "each try has a second"
        busy_node.fault = None
        assert dump(patiently(mirror).engine) == honest


def test_a_process_outlives_all_of_them(
    workshop: Workshop, node: Proxy, database_url: str, tmp_path: Path
) -> None:
    with process(tmp_path, database_url, workshop.deployment, node.url, rpc_timeout_seconds=0.3) as running:
        eventually(lambda: is_level(database_url, workshop), running)
        for outage in ("page", "rate", "code 0", "drip", "reset", "brief", "wrong ids", "null results", "none of the batch"):
            met, node.fault = node.met[outage], outage
            workshop.deposit(workshop.chain.requester, 1)
            eventually(lambda: node.met[outage] > met, running)  # noqa: B023  # called at once
            node.fault = None
        eventually(lambda: is_level(database_url, workshop), running)
        assert running.stop() == 0
        assert "Traceback" not in running.said
    assert mirrored(workshop, database_url) == fresh(workshop, tmp_path)


@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber", "eth_getCode"])
def test_a_node_that_does_not_say_what_chain_it_is_of_is_asked_again(method: str, node: Proxy, workshop: Workshop) -> None:
    """Null is what a node answers that has lost its way; it says nothing about the deployment file."""
    node.tamper = lambda asked, params, given: None if asked == method else given
    with pytest.raises(RpcUnavailable, match="makes no sense"):
        workshop.deployment.check(Rpc(node.url))
    source = Source(Rpc(node.url), workshop.deployment)
    with pytest.raises(AnswerRefused, match="makes no sense"):
        source.identify()
    node.tamper = None
    source.identify()


HINTS = {
    "none": "query returned more than 10000 results",
    "the range that was refused": "too many results; retry with the range {same}",
    "a shorter range": "query returned more than 10000 results. Try with this block range [{first}, {third}].",
    "a shorter range that is refused too": "Log response size exceeded. this block range should work: [{first}, {tenth}]",
    "a longer range": "try with this block range [{first}, 0xffffff]",
    "a range upside down": "try with this block range [{third}, {first}]",
    "another range": "try with this block range [0x0, 0x1]",
    "a number of blocks": "block range is limited to 3 blocks",
    "no blocks at all": "eth_getLogs is limited to 0 blocks range",
    "words alone": "try a smaller one",
}


@pytest.mark.parametrize("code", [-32005, -32602, -32000, 0])
@pytest.mark.parametrize("hint", HINTS)
def test_a_range_that_is_too_large_is_made_smaller_whatever_the_hint_is(
    hint: str, code: int, busy_node: Proxy, busy_workshop: Workshop, honest: dict[str, Any]
) -> None:
    """The node gives three blocks at once, whatever it suggests."""

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs" or "blockHash" in params[0]:
            return result
        first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
        words = {"same": f"[{hex(first)}, {hex(last)}]", "first": hex(first), "third": hex(first + 2), "tenth": hex(first + 9)}
        return Refusal(code, HINTS[hint].format(**words)) if last - first >= 3 else result

    busy_node.tamper = tamper
    with bench("sqlite://", busy_workshop, Rpc(busy_node.url)) as mirror:
        assert dump(mirror.catch_up().engine) == honest
        assert busy_node.calls["eth_getLogs"] < 3 * busy_workshop.head()
