"""Several nodes of one chain: whoever fails, lags or lies is replaced by another, and no single one can take blocks back."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.chain import AnswerRefused
from indexer.endpoints import Endpoints
from indexer.reorg import Disputed, TooDeep
from indexer.source import Source
from piecework.chain.rpc import RpcUnavailable
from piecework.domain.errors import Invalid
from tests.indexer.bench import WINDOW, Bench, bench, dump, require_balances
from tests.indexer.test_lies import LIES, dead
from tests.indexer.test_reorg import everything_about_a_job, require_canonical
from tests.indexer.workshop import Workshop
from tests.support.devnet import anvil
from tests.support.proxy import Proxy, proxy


def nodes(*proxies: Proxy, timeout_seconds: float = 30) -> Any:
    return Endpoints.of(", ".join(node.url for node in proxies), timeout_seconds)


@contextmanager
def two(workshop: Workshop) -> Iterator[tuple[Proxy, Proxy]]:
    with proxy(workshop.rpc.url) as first, proxy(workshop.rpc.url) as second:
        yield first, second


@pytest.fixture(scope="module")
def honest(busy_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the mirror of an honest node holds."""
    with bench(f"sqlite:///{tmp_path_factory.mktemp('honest')}/honest.db", busy_workshop) as mirror:
        return dump(mirror.catch_up().engine)


@pytest.mark.parametrize("lie", LIES)
def test_when_the_first_node_lies_the_second_is_asked(lie: str, busy_workshop: Workshop, honest: dict[str, Any]) -> None:
    with two(busy_workshop) as (liar, other), bench("sqlite://", busy_workshop, nodes(liar, other)) as mirror:
        liar.tamper = LIES[lie]
        assert dump(mirror.catch_up().engine) == honest
        seen = mirror.source.counts.snapshot()
        assert sum(seen["failovers"].values()) >= 1
        assert seen["errors"].keys() == {liar.url.removeprefix("http://")}


@pytest.mark.parametrize("fault", ["error", "hang", "cut", "garbage", "short"])
def test_when_the_first_node_breaks_the_second_is_asked(
    fault: str, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with two(busy_workshop) as (broken, other):
        with bench(database_url, busy_workshop, nodes(broken, other, timeout_seconds=1)) as mirror:
            broken.fault = fault
            assert dump(mirror.catch_up().engine) == honest
            broken.fault = None


def test_when_all_nodes_break_nothing_is_written_until_one_is_back(
    busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with two(busy_workshop) as (one, other), bench(database_url, busy_workshop, nodes(one, other)) as mirror:
        before = dump(mirror.engine)
        one.fault, other.fault = "error", "garbage"
        for _ in range(4):
            with pytest.raises(RpcUnavailable):
                mirror.catch_up()
        assert dump(mirror.engine) == before
        assert set(mirror.source.counts.snapshot()["breakers"].values()) == {"open"}
        other.fault = None
        assert dump(patiently(mirror).engine) == honest


def patiently(mirror: Bench, timeout_seconds: float = 30) -> Bench:
    """Catches up, trying again as the process does."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return mirror.catch_up()
        except (RpcUnavailable, AnswerRefused):
            assert time.monotonic() < deadline, "it didn't catch up in time"
            time.sleep(0.02)


def frozen(header: Any) -> Callable[[str, list[Any], Any], Any]:
    """A node that says for ever that this is the newest block."""
    return lambda method, params, result: header if params[:1] == ["latest"] and method == "eth_getBlockByNumber" else result


def test_a_node_that_falls_behind_is_replaced(workshop: Workshop, database_url: str) -> None:
    with two(workshop) as (late, other), bench(database_url, workshop, nodes(late, other)) as mirror:
        old = workshop.rpc.call("eth_getBlockByNumber", "latest", False)
        everything_about_a_job(workshop)
        mirror.catch_up()
        late.tamper = frozen(old)
        workshop.deposit(workshop.chain.requester, 5)
        assert mirror.catch_up().mirror.cursor().head_number == workshop.head()
        require_balances(mirror.engine, workshop)
        assert mirror.source.counts.snapshot()["errors"][late.url.removeprefix("http://")] == {"behind": 1}


def test_a_node_that_was_behind_from_the_start_is_replaced(workshop: Workshop, database_url: str) -> None:
    with two(workshop) as (late, other):
        old = workshop.rpc.call("eth_getBlockByNumber", "latest", False)
        everything_about_a_job(workshop)
        with bench(database_url, workshop) as before:
            before.catch_up()
        late.tamper = frozen(old)
        workshop.deposit(workshop.chain.requester, 5)
        with bench(database_url, workshop, nodes(late, other)) as mirror:
            assert mirror.catch_up().mirror.cursor().head_number == workshop.head()


def test_a_node_that_stands_still_is_replaced(
    workshop: Workshop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.source.STALE_SECONDS", 0.05)
    with two(workshop) as (still, other), bench(database_url, workshop, nodes(still, other)) as mirror:
        mirror.catch_up()
        still.tamper = frozen(workshop.rpc.call("eth_getBlockByNumber", "latest", False))
        workshop.deposit(workshop.chain.requester, 5)
        deadline = time.monotonic() + 30
        while mirror.catch_up().mirror.cursor().head_number != workshop.head():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        require_balances(mirror.engine, workshop)


def test_a_node_that_boasts_of_blocks_that_there_are_not_is_replaced(
    busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    with two(busy_workshop) as (boaster, other), bench(database_url, busy_workshop, nodes(boaster, other)) as mirror:
        boaster.tamper = lambda method, params, result: (
            result | {"number": "0xffffff", "hash": dead(9)} if params[:1] == ["latest"] and result and "hash" in result else result
        )
        assert dump(patiently(mirror).engine) == honest


def test_a_node_of_another_chain_is_left_out_and_two_of_them_are_refused(workshop: Workshop, database_url: str) -> None:
    with two(workshop) as (stranger, ours), anvil("--chain-id", "4711") as other:
        stranger.upstream = other.url
        with bench(database_url, workshop, nodes(stranger, ours)) as mirror:
            everything_about_a_job(workshop)
            require_balances(mirror.catch_up().engine, workshop)
            ours.fault = "error"
            with pytest.raises(RpcUnavailable):
                mirror.catch_up()
        ours.fault, ours.upstream = None, other.url
        with pytest.raises(Invalid, match="has id 4711"):
            Source(nodes(stranger, ours), workshop.deployment).identify()


def test_a_reorg_that_two_nodes_speak_of_is_followed(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with two(workshop) as (one, other), bench(database_url, workshop, nodes(one, other)) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        mirror.catch_up()
        workshop.rpc.call("anvil_reorg", 4, [])
        asked = other.calls["eth_getBlockByNumber"]
        require_canonical(mirror.catch_up(), workshop, tmp_path)
        assert other.calls["eth_getBlockByNumber"] > asked
        assert mirror.source.counts.snapshot()["reorgs"] == {4: 1}


def test_a_reorg_is_followed_by_one_nodes_word_where_the_other_is_down(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with two(workshop) as (one, other), bench(database_url, workshop, nodes(one, other)) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        mirror.catch_up()
        other.fault = "error"
        workshop.rpc.call("anvil_reorg", 4, [])
        require_canonical(mirror.catch_up(), workshop, tmp_path)


@contextmanager
def parted(workshop: Workshop, blocks: int = 0) -> Iterator[Workshop]:
    """A second node: with the same past, but each has lived on for itself, the second for one block more."""
    workshop.mine(2)
    with anvil() as twin:
        twin.call("anvil_loadState", workshop.rpc.call("anvil_dumpState"))
        fork = Workshop(replace(workshop.chain, rpc=twin))
        fork.mine(blocks + 1)
        workshop.mine(fork.head() - workshop.head() - 1)
        everything_about_a_job(workshop)
        everything_about_a_job(fork)
        yield fork


def test_a_reorg_that_only_one_node_speaks_of_changes_nothing_until_the_other_agrees(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with two(workshop) as (astray, other), parted(workshop) as fork:
        with bench(database_url, workshop, nodes(astray, other)) as mirror:
            before = dump(mirror.catch_up().engine)
            astray.upstream = fork.rpc.url
            with pytest.raises(Disputed, match="no other node says so"):
                mirror.catch_up()
            assert dump(mirror.catch_up().engine) == before
            workshop.deposit(workshop.chain.requester, 8)
            require_canonical(mirror.catch_up(), workshop, tmp_path)
            level = dump(mirror.engine)
            fork.mine(5)
            other.fault = "error"
            for _ in range(6):
                with pytest.raises((Disputed, RpcUnavailable)):
                    mirror.catch_up()
            assert dump(mirror.engine) == level
            assert mirror.source.counts.snapshot()["disagreements"] >= 2
            other.fault, other.upstream = None, fork.rpc.url
            require_canonical(patiently(mirror), fork, tmp_path)


def test_two_nodes_that_take_turns_behind_one_address_never_take_blocks_back_while_another_denies_it(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with two(workshop) as (flapping, other), parted(workshop) as fork:
        with bench(database_url, workshop, nodes(flapping, other)) as mirror:
            before = dump(mirror.catch_up().engine)
            for upstream in itertools.islice(itertools.cycle([fork.rpc.url, workshop.rpc.url]), 8):
                flapping.upstream = upstream
                mirror.source.endpoints.turn_to(mirror.source.endpoints.known[0])
                with contextlib.suppress(AnswerRefused):
                    mirror.catch_up()
                assert dump(mirror.engine) == before
            flapping.upstream = workshop.rpc.url
            require_canonical(patiently(mirror), workshop, tmp_path)


def test_a_reorg_too_deep_that_only_one_node_speaks_of_halts_nobody(workshop: Workshop, database_url: str) -> None:
    with two(workshop) as (astray, other), parted(workshop, WINDOW) as fork:
        with bench(database_url, workshop, nodes(astray, other)) as mirror:
            before = dump(mirror.catch_up().engine)
            astray.upstream = fork.rpc.url
            with pytest.raises(Disputed):
                mirror.catch_up()
            assert dump(mirror.catch_up().engine) == before
            other.upstream = fork.rpc.url
            with pytest.raises(TooDeep):
                mirror.catch_up()
            assert dump(mirror.engine) == before
