"""Anvil behind its gate: what it has said is on disk, whatever was done to the chain."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import urllib3

from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet, sign_transaction
from piecework.stack import journal
from piecework.stack.anvil import Anvil
from piecework.stack.settings import free_port
from tests.support.devnet import keys

FRIEND = "0x" + "f4" * 20


class Chain:
    """One Anvil folder and port, whatever process serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self) -> None:
        self.anvil = Anvil(self.folder / "anvil", self.port, self.folder / "logs")
        self.anvil.start()
        self.anvil.prepare()
        self.rpc: Rpc = self.anvil.rpc
        self.wallet = Wallet(self.rpc, keys()[0])

    def kill_and_start(self) -> None:
        """As after kill -9: nothing of the old process but its files is left."""
        trace = self.anvil.trace
        assert trace
        os.kill(trace.pid, signal.SIGKILL)
        self.anvil.stop()
        self.start()

    def head(self) -> tuple[int, str]:
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), block["hash"]

    def hashes(self) -> list[str]:
        return [self.rpc.call("eth_getBlockByNumber", hex(number), False)["hash"] for number in range(self.head()[0] + 1)]

    def seconds_ahead(self) -> float:
        """How far the newest block is ahead of our clock."""
        return float(int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) - time.time())

    def pay(self, times: int = 1) -> None:
        for _ in range(times):
            self.wallet.send(FRIEND, "0x", 1)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    running = Chain(tmp_path)
    try:
        yield running
    finally:
        running.anvil.stop()


def test_every_answer_survives_kill_9_with_the_same_hashes(chain: Chain) -> None:
    for _ in range(8):
        chain.pay(3)
        seen = chain.hashes()
        chain.kill_and_start()
        assert chain.hashes() == seen
    assert int(chain.rpc.call("eth_getBalance", FRIEND, "latest"), 16) == 24


def test_blocks_with_many_transactions_come_back_the_same(chain: Chain) -> None:
    raw = []
    for key in keys():
        nonce = int(chain.rpc.call("eth_getTransactionCount", key.address, "pending"), 16)
        raw += [sign_transaction(chain.rpc, key, FRIEND, "0x", 1, nonce + index)[1] for index in range(20)]
    chain.rpc.batch([("eth_sendRawTransaction", [transaction]) for transaction in raw])
    chain.pay()
    seen = chain.hashes()
    chain.kill_and_start()
    assert chain.hashes() == seen
    assert int(chain.rpc.call("eth_getBalance", FRIEND, "latest"), 16) == len(raw) + 1


def test_a_reorg_and_a_rollback_are_kept(chain: Chain) -> None:
    chain.pay(4)
    before = chain.head()
    chain.rpc.call("anvil_reorg", 2, [])
    assert chain.head()[1] != before[1]
    chain.rpc.call("evm_mine")
    seen = chain.hashes()
    chain.kill_and_start()
    assert chain.hashes() == seen
    chain.pay(3)
    chain.rpc.call("anvil_rollback", 2)
    seen = chain.hashes()
    chain.kill_and_start()
    assert chain.hashes() == seen


def test_a_warped_clock_stays_ahead_and_a_right_one_stays_right(chain: Chain) -> None:
    chain.pay()
    chain.kill_and_start()
    chain.pay()
    assert -5 < chain.seconds_ahead() < 2
    chain.rpc.call("evm_increaseTime", 3600)
    chain.pay()
    chain.kill_and_start()
    chain.pay()
    assert 3590 < chain.seconds_ahead() < 3610
    chain.anvil.stop()
    chain.start()
    chain.pay()
    assert 3590 < chain.seconds_ahead() < 3610


def test_the_first_block_stays_the_same_over_many_restarts(chain: Chain) -> None:
    first = chain.hashes()[0]
    for _ in range(6):
        chain.pay()
        chain.anvil.stop()
        chain.start()
        assert chain.hashes()[0] == first
    assert len(json.loads((chain.folder / "anvil" / "state.json").read_text())["blocks"]) == 7


def test_a_line_that_was_being_written_is_passed_over(chain: Chain) -> None:
    chain.pay(2)
    seen = chain.hashes()
    with (chain.folder / "anvil" / "blocks.jsonl").open("a") as file:
        file.write('{"number": 3, "hash": "0x')
    chain.kill_and_start()
    assert chain.hashes() == seen


def test_many_blocks_become_a_snapshot(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT_BLOCKS", 5)
    chain.pay(7)
    lines = (chain.folder / "anvil" / "blocks.jsonl").read_text().splitlines()
    assert len(lines) < 5
    chain.rpc.call("anvil_mine", hex(20))
    seen = chain.hashes()
    chain.kill_and_start()
    assert chain.hashes() == seen


def test_what_changed_without_a_transaction_is_said_to_be_lost(chain: Chain) -> None:
    chain.pay()
    chain.rpc.call("anvil_setBalance", FRIEND, hex(10**18))
    chain.pay()
    chain.kill_and_start()
    assert chain.anvil.remark and "came back with other hashes" in chain.anvil.remark
    assert int(chain.rpc.call("eth_getBalance", FRIEND, "latest"), 16) == 2
    chain.anvil.stop()
    chain.start()
    assert int(chain.rpc.call("eth_getBalance", FRIEND, "latest"), 16) == 2


def test_a_browser_gets_through_the_gate(chain: Chain) -> None:
    asked = {"origin": "http://somewhere", "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    answer = urllib3.request("OPTIONS", chain.rpc.url, headers=asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_websocket_announces_blocks_that_are_on_disk(chain: Chain) -> None:
    async def listen() -> dict[str, str]:
        async with aiohttp.ClientSession() as session, session.ws_connect(chain.rpc.url.replace("http", "ws", 1)) as socket:
            await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
            assert "result" in await socket.receive_json(timeout=10)
            threading.Thread(target=chain.pay).start()
            message: dict[str, dict[str, dict[str, str]]] = await socket.receive_json(timeout=10)
            return message["params"]["result"]

    announced = asyncio.run(listen())
    noted = [json.loads(line)["hash"] for line in (chain.folder / "anvil" / "blocks.jsonl").read_text().splitlines()]
    assert announced["hash"] in noted
