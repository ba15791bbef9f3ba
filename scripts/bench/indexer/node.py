"""An Anvil for a chain of a million events: no mining by itself, large blocks, and time to write its state down in the end."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from piecework.chain.rpc import Rpc
from piecework.stack.anvil import devnet_program
from tests.support.devnet import free_port, wait_for

BLOCK_GAS = 2_000_000_000
ACCOUNTS = 24
SECONDS = 300
"""How long a large state may take to be read or written."""


@contextmanager
def node(*arguments: str, load: Path | None = None, dump: Path | None = None) -> Iterator[Rpc]:
    """The chain for as long as the block runs; `load` and `dump` are files of its whole state."""
    command = [devnet_program("anvil"), "--port", str(port := free_port()), "--silent", "--hardfork", "shanghai"]
    command += ["--gas-limit", str(BLOCK_GAS), "--accounts", str(ACCOUNTS), "--order", "fifo", "--prune-history", *arguments]
    command += ["--load-state", str(load)] if load else []
    command += ["--dump-state", str(dump)] if dump else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        rpc = Rpc(f"http://127.0.0.1:{port}", timeout_seconds=SECONDS)
        wait_for(rpc, process, SECONDS)
        yield rpc
    finally:
        process.terminate()
        process.wait(SECONDS)


def head_of(rpc: Rpc) -> int:
    """The newest block's number."""
    return int(rpc.call("eth_blockNumber"), 16)


def mine(rpc: Rpc, transactions: Sequence[dict[str, str]]) -> None:
    """One block with these transactions of the node's own accounts, which must have nonces."""
    rpc.batch([("eth_sendTransaction", [transaction]) for transaction in transactions])
    rpc.call("evm_mine")
