"""Data that no contract of ours writes: offsets into nowhere, lengths beyond all memory, bytes that are missing."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from indexer import tables
from indexer.chain import AnswerRefused
from piecework.chain.escrow import escrow_abi, token_abi
from piecework.chain.rpc import Rpc
from tests.indexer.bench import bench, dump, require_balances
from tests.indexer.workshop import Workshop
from tests.support.proxy import Proxy

WORD = 64


def words_of(data: str) -> list[str]:
    return [data[at : at + WORD] for at in range(2, len(data), WORD)]


def joined(words: list[str]) -> str:
    return "0x" + "".join(words)


def each_word(value: int) -> Callable[[str], str]:
    """Every word of it another one: offsets, lengths, numbers and all."""
    return lambda data: joined([f"{value:064x}" for _ in words_of(data)])


HOSTILE: dict[str, Callable[[str], str]] = {
    "nothing": lambda data: "0x",
    "without its last word": lambda data: joined(words_of(data)[:-1]),
    "without its last byte": lambda data: data[:-2],
    "an odd number of digits": lambda data: data[:-1],
    "its first word alone": lambda data: joined(words_of(data)[:1]),
    "2^256 - 1 everywhere": each_word(2**256 - 1),
    "2^255 everywhere": each_word(2**255),
    "2^63 everywhere": each_word(2**63),
    "2^32 everywhere": each_word(2**32),
    "offsets that point at themselves": each_word(0),
    "one word back everywhere": each_word(2**256 - 32),
    "32 everywhere": each_word(32),
}


@pytest.fixture(scope="module")
def honest(busy_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with bench(f"sqlite:///{tmp_path_factory.mktemp('honest')}/honest.db", busy_workshop) as mirror:
        return dump(mirror.catch_up().engine)


def names(busy: list[dict[str, Any]]) -> set[str]:
    return {escrow_abi().topics[log["topics"][0]] for log in busy}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_data_is_refused_that_is(
    hostile: str, busy_node: Proxy, busy_workshop: Workshop, honest: dict[str, Any]
) -> None:
    """For each kind of event in turn: a sentence within a second or so, and nothing written."""
    escrow = busy_workshop.deployment.escrow
    every = busy_workshop.rpc.call("eth_getLogs", {"fromBlock": "0x0", "address": escrow})
    for name in sorted(names(every)):
        topic = next(topic for topic, known in escrow_abi().topics.items() if known == name)
        victim = next(log for log in every if log["topics"][0] == topic)
        if HOSTILE[hostile](victim["data"]) == victim["data"] or _means_anything(name):
            continue
        with bench("sqlite://", busy_workshop, Rpc(busy_node.url)) as mirror:
            before = dump(mirror.engine)
            busy_node.tamper = _spoiled(victim, HOSTILE[hostile](victim["data"]))
            began = time.monotonic()
            try:
                mirror.catch_up()
            except AnswerRefused:
                assert dump(mirror.engine) == before, name
            else:
                assert dump(mirror.engine) == honest, f"{name} was taken for something else"
            assert time.monotonic() - began < 20, name
            busy_node.tamper = None


@pytest.mark.parametrize("amount", [2**256 - 1, 2**255, 2**192])
def test_more_money_than_the_ledger_can_hold_is_a_lie(
    amount: int, busy_node: Proxy, busy_workshop: Workshop, database_url: str, honest: dict[str, Any]
) -> None:
    """It would end the indexer for good if it got as far as the column."""
    topic = next(topic for topic, name in escrow_abi().topics.items() if name == "Deposited")
    (victim, *_) = busy_workshop.rpc.call("eth_getLogs", {"fromBlock": "0x0", "topics": [topic]})
    with bench(database_url, busy_workshop, Rpc(busy_node.url)) as mirror:
        before = dump(mirror.engine)
        busy_node.tamper = _spoiled(victim, f"0x{amount:064x}")
        with pytest.raises(AnswerRefused):
            mirror.catch_up()
        assert dump(mirror.engine) == before
        busy_node.tamper = None
        assert dump(mirror.catch_up().engine) == honest


def test_as_much_money_as_the_ledger_can_hold_is_exact(workshop: Workshop, database_url: str) -> None:
    """2^192 - 1 base units, once in and once out again."""
    requester, most = workshop.chain.requester, 2**192 - 1
    workshop.send(requester, workshop.token, token_abi().encode("mint", requester.address, most))
    workshop.send(requester, workshop.token, token_abi().encode("approve", workshop.escrow.address, 2**256 - 1))
    workshop.deposit(requester, most)
    with bench(database_url, workshop) as mirror:
        require_balances(mirror.catch_up().engine, workshop)
        assert [row.balance for row in mirror.rows(tables.LedgerEntry)] == [most]
        workshop.withdraw(requester, most - 1, requester.address)
        require_balances(mirror.catch_up().engine, workshop)
        assert [row.balance for row in mirror.rows(tables.LedgerEntry)] == [most, 1]


def _means_anything(name: str) -> bool:
    """Events that say something whatever the bytes are, numbers alone or evidence; and the one that nobody reads."""
    shaped = any(entry["type"].endswith("]") or entry["type"] == "bytes" for entry in escrow_abi().events[name]["inputs"])
    return not shaped or name == "Dispute"


def _spoiled(victim: dict[str, Any], data: str) -> Callable[[str, list[Any], Any], Any]:
    place = victim["blockNumber"], victim["logIndex"]

    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs":
            return result
        return [log | {"data": data} if (log["blockNumber"], log["logIndex"]) == place else log for log in result]

    return tamper
