"""When the chain replaces blocks, every row comes out as if the dead ones had never been."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer import tables
from indexer.chain import AnswerRefused
from indexer.reorg import TooDeep
from piecework.chain.rpc import Rpc, RpcRefused
from tests.indexer.bench import WINDOW, Bench, bench, dump, require_balances
from tests.indexer.workshop import Workshop, worker
from tests.support.devnet import anvil
from tests.support.proxy import Refusal, proxy


def fresh(workshop: Workshop, folder: Path) -> dict[str, Any]:
    """The tables of a mirror that sees the chain for the first time."""
    path = folder / "fresh.db"
    path.unlink(missing_ok=True)
    with bench(f"sqlite:///{path}", workshop) as mirror:
        return dump(mirror.catch_up().engine)


def require_canonical(mirror: Bench, workshop: Workshop, folder: Path) -> None:
    """The mirror is what a fresh one is, its balances are the escrow's, and every hash it keeps is the chain's."""
    assert dump(mirror.engine) == fresh(workshop, folder)
    require_balances(mirror.engine, workshop)
    for row in mirror.rows(tables.Block):
        assert row.hash == workshop.rpc.call("eth_getBlockByNumber", hex(row.number), False)["hash"]


def test_logs_that_vanish_take_their_rows_with_them(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.deposit(workshop.chain.requester, 700)
        before = dump(mirror.catch_up().engine)
        workshop.deposit(workshop.chain.requester, 300)
        workshop.withdraw(workshop.chain.requester, 9, worker(1).address)
        assert dump(mirror.catch_up().engine) != before
        workshop.rpc.call("anvil_reorg", 2, [])
        require_canonical(mirror.catch_up(), workshop, tmp_path)
        assert [row.balance for row in mirror.rows(tables.LedgerEntry)] == [700]


def test_another_log_at_the_same_place_replaces_the_row(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with bench(database_url, workshop) as mirror:
        other = workshop.raw_deposit(workshop.chain.requester, 444)
        workshop.deposit(workshop.chain.requester, 300)
        (before,) = mirror.catch_up().rows(tables.LedgerEntry)
        workshop.rpc.call("anvil_reorg", 1, [[other, 0]])
        (after,) = mirror.catch_up().rows(tables.LedgerEntry)
        assert (before.block_number, before.log_index) == (after.block_number, after.log_index)
        assert (before.balance, after.balance) == (300, 444)
        require_canonical(mirror, workshop, tmp_path)


def everything_about_a_job(workshop: Workshop) -> None:
    """Nine blocks or so with every kind of event, but no jump in time."""
    requester = workshop.chain.requester
    workshop.set_fee(100, worker(9).address)
    workshop.deposit(requester, 100_000)
    terms = workshop.terms(reward=500)
    workshop.post(terms, 6, "ledger")
    workshop.fund(terms, 6, 2, "ledger")
    table = [worker(1).address, requester.address, worker(2).address]
    workshop.settle(terms, workshop.batch(terms, 0, table, b"\x01\x02\x03\x00\x03"), push_gas=0)
    workshop.relay(worker(1), 100, 3, worker(1).address)
    workshop.withdraw(requester, 40, worker(3).address)


@pytest.mark.parametrize("depth", [1, 3, 5, 7, WINDOW])
def test_a_reorg_of_any_depth_within_the_window_is_followed(
    depth: int, workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        mirror.catch_up()
        workshop.rpc.call("anvil_reorg", depth, [])
        require_canonical(mirror.catch_up(), workshop, tmp_path)
        workshop.deposit(workshop.chain.requester, 1_234)
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_two_reorgs_in_a_row_are_followed(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        mirror.catch_up()
        workshop.rpc.call("anvil_reorg", 4, [])
        workshop.rpc.call("anvil_reorg", 6, [])
        workshop.deposit(workshop.chain.requester, 77)
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_a_reorg_while_nobody_looked_is_found_later(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    workshop.mine(WINDOW)
    everything_about_a_job(workshop)
    with bench(database_url, workshop) as mirror:
        mirror.catch_up()
    workshop.rpc.call("anvil_reorg", 5, [])
    workshop.mine(3)
    workshop.deposit(workshop.chain.requester, 5)
    with bench(database_url, workshop) as mirror:
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_a_lower_head_alone_changes_nothing_until_another_hash_is_seen(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        before = dump(mirror.catch_up().engine)
        workshop.rpc.call("anvil_rollback", 5)
        mirror.catch_up()
        assert dump(mirror.engine) == before
        workshop.mine(1)
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_blocks_that_come_back_come_back_as_they_were(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """Two nodes with one past, each with its own newest blocks, take turns behind one address."""
    workshop.mine(3)
    with anvil() as twin, proxy(workshop.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        twin.call("anvil_loadState", workshop.rpc.call("anvil_dumpState"))
        everything_about_a_job(workshop)
        first = dump(mirror.catch_up().engine)
        everything_about_a_job(Workshop(replace(workshop.chain, rpc=twin)))
        for _ in range(2):
            node.upstream = twin.url
            assert dump(mirror.catch_up().engine) != first
            node.upstream = workshop.rpc.url
            assert dump(mirror.catch_up().engine) == first
        workshop.deposit(workshop.chain.requester, 1)
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_a_reorg_deeper_than_the_window_halts_and_touches_nothing(workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        workshop.mine(3 * WINDOW)
        everything_about_a_job(workshop)
        before = dump(mirror.catch_up().engine)
        workshop.rpc.call("anvil_reorg", WINDOW + 1, [])
        for _ in range(2):
            with pytest.raises(TooDeep, match="deeper than 16 blocks"):
                mirror.catch_up()
        assert dump(mirror.engine) == before


@pytest.mark.parametrize("other_hash", [False, True])
def test_a_node_far_behind_is_no_reorg(other_hash: bool, workshop: Workshop, database_url: str) -> None:
    with bench(database_url, workshop) as mirror:
        everything_about_a_job(workshop)
        workshop.mine(WINDOW)
        before = dump(mirror.catch_up().engine)
        workshop.rpc.call("anvil_rollback", WINDOW + 2)
        if other_hash:
            workshop.rpc.call("anvil_reorg", 1, [])
            with pytest.raises(AnswerRefused, match="far behind"):
                mirror.catch_up()
        else:
            mirror.catch_up()
        assert dump(mirror.engine) == before


def test_the_replacement_is_read_before_anything_is_deleted(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    with proxy(workshop.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        before = dump(mirror.catch_up().engine)
        workshop.rpc.call("anvil_reorg", 4, [])
        node.tamper = lambda method, _, result: Refusal(-32000, "pruned") if method == "eth_getLogs" else result
        with pytest.raises(RpcRefused, match="pruned"):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.tamper = None
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_a_replacement_comes_at_once_however_short_the_ranges_are_that_the_node_gives(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """Nobody sees a mirror that is behind where it was."""

    def miserly(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs" or "blockHash" in params[0]:
            return result
        return Refusal(-32005, "too many") if int(params[0]["toBlock"], 16) > int(params[0]["fromBlock"], 16) + 1 else result

    with proxy(workshop.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        workshop.mine(WINDOW)
        everything_about_a_job(workshop)
        mirror.catch_up()
        workshop.rpc.call("anvil_reorg", 7, [])
        node.tamper = miserly
        mirror.follower.step()
        assert mirror.mirror.cursor().head_number == workshop.head()
        require_canonical(mirror, workshop, tmp_path)


def test_a_reorg_between_two_questions_writes_no_mixture(
    workshop: Workshop, database_url: str, tmp_path: Path
) -> None:
    """The chain changes after the node was asked for its newest block and before it gives the range."""
    with proxy(workshop.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        workshop.mine(WINDOW)
        mirror.catch_up()
        everything_about_a_job(workshop)

        def reorganise(method: str, params: list[Any], result: Any) -> Any:
            if params[:1] == ["latest"]:
                node.tamper = None
                workshop.rpc.call("anvil_reorg", 3, [])
            return result

        node.tamper = reorganise
        require_canonical(mirror.catch_up(), workshop, tmp_path)


def test_old_logs_under_new_headers_are_refused(workshop: Workshop, database_url: str, tmp_path: Path) -> None:
    """The chain changes while the node puts one answer together."""
    with proxy(workshop.rpc.url) as node, bench(database_url, workshop, Rpc(node.url)) as mirror:
        mirror.catch_up()
        everything_about_a_job(workshop)
        logs = workshop.rpc.call("eth_getLogs", {"fromBlock": "0x0", "address": workshop.deployment.escrow})
        workshop.rpc.call("anvil_reorg", 3, [])
        node.tamper = lambda method, _, result: logs if method == "eth_getLogs" else result
        before = dump(mirror.engine)
        with pytest.raises(AnswerRefused, match="of another block"):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        node.tamper = None
        require_canonical(mirror.catch_up(), workshop, tmp_path)
