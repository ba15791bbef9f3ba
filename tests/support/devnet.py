"""A devnet of one's own: a real Anvil or Ganache on a free port, ended by its process."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.domain.typed_data import Key
from piecework.stack.anvil import devnet_program

ANVIL_KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
)
"""The first accounts of the mnemonic that every devnet knows ("test test … junk"), 10,000 coins each."""


def keys() -> list[Key]:
    """Funded keys: by custom 0 deploys, 1 is the requester, 2 the coordinator, 3 the relayer, 4 a bystander."""
    return [Key(secret) for secret in ANVIL_KEYS]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def anvil(*arguments: str, port: int | None = None, hardfork: str = "shanghai") -> Iterator[Rpc]:
    """A fresh Anvil for as long as the block runs."""
    port = port or free_port()
    with _running("anvil", "--port", str(port), "--silent", "--hardfork", hardfork, *arguments) as process:
        rpc = Rpc(f"http://127.0.0.1:{port}")
        wait_for(rpc, process)
        yield rpc


@contextmanager
def ganache(*arguments: str, port: int | None = None) -> Iterator[Rpc]:
    """A fresh Ganache with the same accounts as Anvil's, for as long as the block runs."""
    port = port or free_port()
    mnemonic = "test " * 11 + "junk"
    options = ("--server.port", str(port), "--chain.chainId", "1337", "--wallet.mnemonic", mnemonic, *arguments)
    with _running("ganache", *options) as process:
        rpc = Rpc(f"http://127.0.0.1:{port}")
        wait_for(rpc, process)
        yield rpc


@contextmanager
def _running(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A devnet's process, ended with the block."""
    process = subprocess.Popen(
        [devnet_program(name), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for(rpc: Rpc, process: subprocess.Popen[bytes], timeout_seconds: float = 30) -> None:
    """Returns when the chain answers; fails when its process has ended."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            rpc.call("eth_chainId")
            return
        except RpcUnavailable:
            assert process.poll() is None, "the devnet ended by itself"
            assert time.monotonic() < deadline, "the devnet didn't answer in time"
            time.sleep(0.02)
