"""At the head of a chain with a block a second: how long after a block is served its event can be asked for in SQL."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from piecework.chain.rpc import Rpc
from piecework.domain.errors import Unavailable
from scripts.bench.indexer.chain import Chain
from scripts.bench.indexer.database import empty_database
from scripts.bench.indexer.node import head_of, mine, node
from scripts.bench.indexer.run import CURSOR, indexer
from scripts.bench.indexer.street import Street

EVENT = "SELECT max(block_number) FROM mirror_ledger_entry"
QUIET_SECONDS, LOOK_SECONDS = 0.9, 0.001
"""The bench rests for the first part of each second, because it shares the processors with what it measures."""
MOST_SECONDS = 30


def head_delays(kind: str, blocks: int, tell: Callable[[int], None]) -> list[float]:
    """Of each of `blocks` blocks, ms."""
    with node() as rpc, tempfile.TemporaryDirectory() as name, empty_database(kind, folder := Path(name)) as database:
        street = Street(rpc)
        mine(rpc, street.deposits().transactions)
        chain = Chain(rpc, street.deployment, head_of(rpc), 0)
        with database.reading() as integer, indexer(chain, database, folder):
            _wait(lambda: integer(CURSOR) == chain.head)
            rpc.call("evm_setIntervalMining", 1)
            delays = list[float]()
            for at in range(blocks):
                delays.append(_delay(rpc, street, integer) * 1000)
                tell(at + 1)
            return delays


def _delay(rpc: Rpc, street: Street, integer: Callable[[str], int | None]) -> float:
    """From the answer that names a new block until the row of its deposit is there, seconds."""
    before = head_of(rpc)
    transaction, _ = street.deposit(0)
    rpc.call("eth_sendTransaction", transaction)
    time.sleep(QUIET_SECONDS)
    _wait(lambda: head_of(rpc) > before)
    served = time.perf_counter()
    _wait(lambda: (integer(EVENT) or 0) > before)
    return time.perf_counter() - served


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Unavailable(f"The indexer wasn't level within {MOST_SECONDS} s.")
        time.sleep(LOOK_SECONDS)
